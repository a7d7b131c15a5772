/**
 * What is said between a fork server and those who ask it for processes: packets of fixed layout, in the machine's own
 * byte order (both ends are always on one machine). Pure.
 *
 *   request   magic u32 | id u32 | flags u32 | cpu i32  + descriptors: control, stdin, stdout, stderr [, lifeline]
 *   started   kind u32 = 1 | id u32 | pid i32 | errno i32         + descriptor: pidfd, when errno is 0
 *   exited    kind u32 = 2 | id u32 | pid i32 | code i32 (-1: not known) | signal i32
 *   settings  JSON, the first packet, from the server's owner
 *   ready     JSON, the first answer: what stands in the way, if anything does
 *
 * Runs in: both. The server's side of the first three is `native/fork_server.c`.
 */
import { endianness } from "node:os";
import { MalformedMessageError } from "../base/errors.ts";

/** "MPFS". */
const magic = 0x4d504653;
const detachedFlag = 1;
const importsFlag = 2;
const startedKind = 1;
export const startedBytes = 16;
const exitedKind = 2;
const littleEndian = endianness() === "LE";

/** In an exited packet: the server was not the one to reap it. */
export const codeNotKnown = -1;

export type ServerMessage =
  | { readonly kind: "started"; readonly id: number; readonly pid: number; readonly errno: number }
  | { readonly kind: "exited"; readonly id: number; readonly code: number; readonly signal: number };

/** What the server does before it forks. */
export interface ServerSettings {
  readonly preload: readonly string[];
  /** The module from which bare and relative names are resolved. */
  readonly from: string;
}

/** The first packet. */
export interface ServerOrders extends ServerSettings {
  /** `modulesInUse()` of its owner. */
  readonly inUse: readonly string[];
}

/** `problem`: a module that could not be loaded. `unsafe`: forking would leave a thread behind that the child needs. */
export interface ServerReady {
  readonly problem?: string;
  readonly unsafe?: string;
}

export interface ForkOptions {
  readonly detached: boolean;
  readonly imports: boolean;
  /** The processor that the owner runs on: its child had better run on another one. */
  readonly cpu: number;
}

export function forkRequest(id: number, { detached, imports, cpu }: ForkOptions): Uint8Array {
  const view = new DataView(new ArrayBuffer(16));
  view.setUint32(0, magic, littleEndian);
  view.setUint32(4, id, littleEndian);
  view.setUint32(8, (detached ? detachedFlag : 0) | (imports ? importsFlag : 0), littleEndian);
  view.setInt32(12, cpu, littleEndian);
  return new Uint8Array(view.buffer);
}

/** @throws {MalformedMessageError} */
export function parseServerMessage(bytes: Uint8Array): ServerMessage {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const kind = bytes.length >= 4 ? view.getUint32(0, littleEndian) : 0;
  if (kind === startedKind && bytes.length === startedBytes) {
    return {
      kind: "started",
      id: view.getUint32(4, littleEndian),
      pid: view.getInt32(8, littleEndian),
      errno: view.getInt32(12, littleEndian),
    };
  }
  if (kind === exitedKind && bytes.length === 20) {
    return {
      kind: "exited",
      id: view.getUint32(4, littleEndian),
      code: view.getInt32(12, littleEndian),
      signal: view.getInt32(16, littleEndian),
    };
  }
  throw new MalformedMessageError(`The fork server sent a packet of ${bytes.length} bytes that is none of its own`);
}
