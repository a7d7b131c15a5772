/**
 * Who this process is in its family: its place in the numbering, its owner, and whether it may start others yet.
 *
 * Runs in: every process. `child-runtime.ts` sets it in a child before any code of the user's runs.
 */
import { setOwnerPid } from "../memory/participants.ts";
import type { ProcessMark } from "../host/process-facts.ts";

export interface Identity {
  /** `[]` in the root, `[2]` in its second child, `[2, 1]` in that one's first. */
  readonly path: readonly number[];
  /** The process that started this one; undefined in the root. */
  readonly owner: (ProcessMark & { readonly name: string }) | undefined;
}

let identity: Identity = { path: [], owner: undefined };
let processesMade = 0;
let bootstrapping = false;

export function currentIdentity(): Identity {
  return identity;
}

export function setIdentity(to: Identity): void {
  identity = to;
  processesMade = 0;
}

/** The path of the next Process made here: each one counts, named or not. */
export function nextIdentityPath(): readonly number[] {
  processesMade++;
  return [...identity.path, processesMade];
}

/** While a child imports the modules that its job needs: starting a process then would start them for ever. */
export function isBootstrapping(): boolean {
  return bootstrapping;
}

export function setBootstrapping(to: boolean): void {
  bootstrapping = to;
}

/** The pid of this process. */
export function getpid(): number {
  return process.pid;
}

/** The pid of the process that started this one, whatever the start method. */
export function getppid(): number {
  return identity.owner?.pid ?? process.ppid;
}

setOwnerPid(getppid);
