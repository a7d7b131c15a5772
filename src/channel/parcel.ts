/**
 * A value as a message in shared memory, and back.
 *
 * Runs in: every process.
 * Guarantees: what a value consists of (locks, queues, connections, large buffers) is held by the message from its
 * publication on, and by the receiver before the message lets go of it; bad bytes give a MalformedMessageError.
 * Leaves to others: where the message lies (`window.ts`).
 */
import { sent } from "../base/crossing.ts";
import { reserve, view } from "../memory/arena.ts";
import { family } from "../memory/family.ts";
import { handleOf, hold, letGo, type Holding } from "../memory/holdings.ts";
import { decode, decodeSync, encodeView, needsModules, type EncodedView } from "../wire/codec.ts";
import { bodyOf, holdList, letGoList, makeList, type List } from "./lists.ts";
import type { Window } from "./window.ts";

/** A larger message goes into a range of its own, which the receiver reads where it lies. Measured in bench/channel.js. */
const largestInline = 64 * 1024;

/** A message that is ready to be published. */
export interface Parcel {
  /** On loan, until the next message is encoded: published at once, or kept by `keepParcel`. */
  bytes: Uint8Array;
  readonly list: List | undefined;
  /** With what it has outside of the channel's own memory. */
  readonly sizeBytes: number;
  readonly kept: readonly object[];
}

const none: readonly object[] = [];
const empty = new Uint8Array(0);

/** @throws {UnserializableError} */
export function pack(value: unknown): Parcel {
  return packEncoded(encodeView(value));
}

/** The bytes as they are. */
export function packBytes(bytes: Uint8Array): Parcel {
  return packEncoded({ bytes, keepAlive: none });
}

/** What the codec has made of a value. */
export function packEncoded({ bytes, keepAlive }: EncodedView): Parcel {
  const { length } = bytes;
  if (keepAlive.length === 0 && length <= largestInline) {
    return { bytes, list: undefined, sizeBytes: length, kept: none };
  }
  const handles = keepAlive.map(handleOf).filter((handle) => handle !== undefined);
  const body = length > largestInline ? ownRange(bytes) : undefined;
  const list = handles.length === 0 && body === undefined ? undefined : makeList(handles, body);
  return { bytes: body === undefined ? bytes : empty, list, sizeBytes: length, kept: keepAlive };
}

function ownRange(bytes: Uint8Array): { handle: number; holding: Holding; length: number } {
  const range = hold(bytes.length);
  try {
    reserve(range.handle, bytes.length);
    const { bytes: into } = view(range.handle);
    into.set(bytes);
    family().addon.detach(into.buffer as ArrayBuffer);
  } catch (error) {
    letGo(range.holding);
    throw error;
  }
  return { ...range, length: bytes.length };
}

/** For a message that has to wait before it can be published. */
export function keepParcel(parcel: Parcel): void {
  parcel.bytes = new Uint8Array(parcel.bytes); // Not slice(): that of a Buffer copies nothing.
}

/** Publishes it; false when there is no room. To be called again, or `discard`. */
export function publish(window: Window, parcel: Parcel, charge: number): boolean {
  const { list } = parcel;
  if (!window.write(list === undefined ? 0 : list.handle, parcel.bytes, charge)) return false;
  if (list !== undefined) letGoList(list.holding);
  if (parcel.kept.length > 0) sent(parcel.kept, "message");
  return true;
}

/** It will not be published. */
export function discard({ list }: Parcel): void {
  if (list !== undefined) letGoList(list.holding);
}

/** Where `work` throws, it will not be published. */
export function orDiscard<R>(parcel: Parcel, work: () => R): R {
  try {
    return work();
  } catch (error) {
    discard(parcel);
    throw error;
  }
}

/** A message that has been taken: the bytes are this process's own, or are held by it. */
export interface Taken {
  readonly bytes: Uint8Array;
  readonly holding: Holding | undefined;
  /** Whether the bytes are shared memory, to be let go. */
  readonly mapped: boolean;
}

/** Takes the next message; undefined when there is none. `taker` and its count are for `Window.lastTaker`. */
export function take(window: Window, chargeOf: (sizeBytes: number) => number, taker = 0, count = 0): Taken | undefined {
  const found = window.peek();
  if (found === undefined) return undefined;
  const { list, start, length } = found;
  if (list === 0) {
    const bytes = Buffer.allocUnsafe(length);
    const from = window.bytes;
    if (length <= 48) for (let i = 0; i < length; i++) bytes[i] = from[start + i]!;
    else bytes.set(from.subarray(start, start + length));
    window.advance(chargeOf(length), taker, count);
    return { bytes, holding: undefined, mapped: false };
  }
  const holding = holdList(list);
  const body = holding === undefined ? undefined : bodyOf(list);
  if (body === undefined) {
    const bytes = window.bytes.slice(start, start + length);
    window.advance(chargeOf(length), taker, count);
    return { bytes, holding, mapped: false };
  }
  const { bytes } = view(body.handle);
  window.advance(chargeOf(body.length), taker, count);
  return { bytes: bytes.subarray(0, body.length), holding, mapped: true };
}

/** Whether `unpack` can answer at once. */
export function isSimple({ bytes, holding }: Taken): boolean {
  return holding === undefined && !needsModules(bytes);
}

/** The value. */
export async function unpack(taken: Taken): Promise<unknown> {
  try {
    return await decode(taken.bytes);
  } finally {
    letGoTaken(taken);
  }
}

export function unpackSync(taken: Taken): unknown {
  try {
    return decodeSync(taken.bytes);
  } finally {
    letGoTaken(taken);
  }
}

/** The bytes as they were sent. */
export function bytesOf(taken: Taken): Uint8Array {
  const bytes = taken.mapped ? taken.bytes.slice() : taken.bytes;
  letGoTaken(taken);
  return bytes;
}

export function letGoTaken({ bytes, holding, mapped }: Taken): void {
  if (mapped) family().addon.detach(bytes.buffer as ArrayBuffer);
  if (holding !== undefined) letGoList(holding);
}
