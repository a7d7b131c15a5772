/**
 * What a Process knows, kept beside the object and not in it.
 *
 * Runs in: every process.
 * Why not private fields: an instance of a user's subclass is rebuilt in the child without running a constructor, so
 * private fields could not be planted there.
 */
import { invalidState, MultiprocessingError } from "../base/errors.ts";
import type { CheckedOptions } from "./process-options.ts";
import type { StartMethod } from "./launcher.ts";
import type { Supervision } from "./supervision.ts";

/** "owner": made here. "self": it is this process. "elsewhere": made by another process and sent to this one. */
export type Role = "owner" | "self" | "elsewhere";

export interface ProcessState {
  readonly role: Role;
  name: string;
  daemon: boolean;
  readonly path: readonly number[];
  readonly ownerPid: number;
  readonly options: CheckedOptions | undefined;
  readonly startMethod: StartMethod | undefined;
  /** Known elsewhere too, where there is no supervision. */
  readonly pid: number | undefined;
  /** A start() under way. */
  starting: Promise<void> | undefined;
  supervision: Supervision | undefined;
  closed: boolean;
}

const states = new WeakMap<object, ProcessState>();

export function setState(process: object, state: ProcessState): void {
  states.set(process, state);
}

export function stateOf(process: object): ProcessState {
  const state = states.get(process);
  if (state === undefined) {
    throw new TypeError("A method of Process was called on an object that is not a Process");
  }
  return state;
}

export function hasState(value: object): boolean {
  return states.has(value);
}

/** @throws {MultiprocessingError} ERR_MP_INVALID_STATE unless this process made it and may direct it. */
export function ownedState(process: object, call: string): ProcessState {
  const state = stateOf(process);
  if (state.closed) {
    throw new MultiprocessingError(
      `Cannot call ${call} on process "${state.name}": it is closed\n  do this:  make a new Process`,
      { code: "ERR_MP_CLOSED" },
    );
  }
  if (state.role === "owner") return state;
  const who = state.role === "self" ? "is this very process" : `was made by another process (pid ${state.ownerPid})`;
  throw invalidState(
    `Cannot call ${call} on process "${state.name}": it ${who}\n` +
      `  do this:  start, join and end a process from the one that made it`,
  );
}

/** @throws {MultiprocessingError} ERR_MP_INVALID_STATE before start(). */
export function supervisionOf(process: object, call: string): Supervision {
  const state = ownedState(process, call);
  if (state.supervision === undefined) throw notStarted(state, call);
  return state.supervision;
}

export function notStarted(state: ProcessState, call: string): MultiprocessingError {
  return invalidState(
    `Cannot call ${call} on process "${state.name}": it has not been started\n  do this:  await process.start() first`,
  );
}
