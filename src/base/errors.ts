/**
 * Every error that the library itself makes: one base class, a stable code, typed facts.
 *
 * Runs in: every process.
 * Guarantees: a class only for what callers catch; `cause` is kept; the facts are plain fields, so they survive the
 * way from one process to another.
 * Leaves to others: wording. A message says the action and its object, what was received, and what to do.
 */

/** The stable codes. `docs/errors.md` has a line for each; a test compares the two. */
export type ErrorCode =
  | "ERR_MP_ALREADY_EXISTS"
  | "ERR_MP_BOOTSTRAPPING"
  | "ERR_MP_BROKEN_BARRIER"
  | "ERR_MP_BROKEN_PIPE"
  | "ERR_MP_CANCELLED"
  | "ERR_MP_CLOSED"
  | "ERR_MP_DEADLOCK"
  | "ERR_MP_END_OF_CHANNEL"
  | "ERR_MP_INTERRUPTED"
  | "ERR_MP_INVALID_ARGUMENT"
  | "ERR_MP_INVALID_STATE"
  | "ERR_MP_MALFORMED_MESSAGE"
  | "ERR_MP_NOT_FOUND"
  | "ERR_MP_NOT_SUPPORTED"
  | "ERR_MP_OUT_OF_MEMORY"
  | "ERR_MP_PROCESS_EXITED"
  | "ERR_MP_PROCESS_START"
  | "ERR_MP_QUEUE_EMPTY"
  | "ERR_MP_QUEUE_FULL"
  | "ERR_MP_REMOTE"
  | "ERR_MP_TIMEOUT"
  | "ERR_MP_UNSERIALIZABLE"
  | "ERR_MP_WORKER_EXITED";

/** What is known beside the message. A field that is not known is left out. */
export interface ErrorFacts {
  readonly code?: ErrorCode;
  /** The error behind it, if there is one. */
  readonly cause?: unknown;
  /** Of the process concerned. */
  readonly pid?: number | undefined;
  /** As `Process.exitCode`: minus the signal's number where a signal ended it. */
  readonly exitCode?: number | null | undefined;
  /** The signal that ended it; null where it exited. */
  readonly signalCode?: NodeJS.Signals | null | undefined;
  /** Of the pool's task concerned: `Task.id`. */
  readonly taskId?: number | undefined;
}

/** The base of every error of this library. */
export class MultiprocessingError extends Error {
  override name = "MultiprocessingError";
  /** Stable across versions: test this, not the message. */
  readonly code: ErrorCode;
  /** Of the process concerned. */
  declare readonly pid?: number;
  /** As `Process.exitCode`: minus the signal's number where a signal ended it. */
  declare readonly exitCode?: number | null;
  /** The signal that ended it; null where it exited. */
  declare readonly signalCode?: NodeJS.Signals | null;
  /** Of the pool's task concerned: `Task.id`. */
  declare readonly taskId?: number;

  constructor(message: string, facts: ErrorFacts & { readonly code: ErrorCode }) {
    super(message, "cause" in facts ? { cause: facts.cause } : undefined);
    this.code = facts.code;
    for (const fact of ["pid", "exitCode", "signalCode", "taskId"] as const) {
      if (facts[fact] !== undefined) Object.assign(this, { [fact]: facts[fact] });
    }
  }
}

/** A wait took longer than its `timeoutMs`. The object is as if the call had never been made. */
export class TimeoutError extends MultiprocessingError {
  override name = "TimeoutError";
  constructor(message: string, facts: Omit<ErrorFacts, "code"> = {}) {
    super(message, { ...facts, code: "ERR_MP_TIMEOUT" });
  }
}

/** A value, or a function, cannot be copied to another process. The message names the path, says why and what to do. */
export class UnserializableError extends MultiprocessingError {
  override name = "UnserializableError";
  constructor(message: string, facts: Omit<ErrorFacts, "code"> = {}) {
    super(message, { ...facts, code: "ERR_MP_UNSERIALIZABLE" });
  }
}

/** A process ended before it had delivered what was asked of it. */
export class ProcessExitedError extends MultiprocessingError {
  override name = "ProcessExitedError";
  constructor(message: string, facts: Omit<ErrorFacts, "code"> = {}) {
    super(message, { ...facts, code: "ERR_MP_PROCESS_EXITED" });
  }
}

/** A worker of a pool ended while it was running the task: `pid`, `exitCode`, `signalCode`, `taskId`. */
export class WorkerExitedError extends MultiprocessingError {
  override name = "WorkerExitedError";
  constructor(message: string, facts: Omit<ErrorFacts, "code"> = {}) {
    super(message, { ...facts, code: "ERR_MP_WORKER_EXITED" });
  }
}

/** The task was cancelled, or its pool terminated, before it had finished. */
export class CancelledError extends MultiprocessingError {
  override name = "CancelledError";
  constructor(message: string, facts: Omit<ErrorFacts, "code"> = {}) {
    super(message, { ...facts, code: "ERR_MP_CANCELLED" });
  }
}

/** The object was closed, here or by its owner: a mistake of the caller's. */
export class ClosedError extends MultiprocessingError {
  override name = "ClosedError";
  constructor(message: string, facts: Omit<ErrorFacts, "code"> = {}) {
    super(message, { ...facts, code: "ERR_MP_CLOSED" });
  }
}

/** A barrier cannot be passed: a party died, its action failed, or it was aborted or reset. */
export class BrokenBarrierError extends MultiprocessingError {
  override name = "BrokenBarrierError";
  constructor(message: string, facts: Omit<ErrorFacts, "code"> = {}) {
    super(message, { ...facts, code: "ERR_MP_BROKEN_BARRIER" });
  }
}

/** Bytes that should hold a message do not: truncated, of another version, or not ours at all. */
export class MalformedMessageError extends MultiprocessingError {
  override name = "MalformedMessageError";
  constructor(message: string, facts: Omit<ErrorFacts, "code"> = {}) {
    super(message, { ...facts, code: "ERR_MP_MALFORMED_MESSAGE" });
  }
}

/** An error of another process that could not be copied as it was: what is known of it, as text and plain fields. */
export class RemoteError extends MultiprocessingError {
  override name = "RemoteError";
  constructor(message: string, facts: Omit<ErrorFacts, "code"> = {}) {
    super(message, { ...facts, code: "ERR_MP_REMOTE" });
  }
}

/** An argument or option is not of the kind that is expected. */
export function invalidArgument(message: string, cause?: unknown): MultiprocessingError {
  return new MultiprocessingError(message, {
    code: "ERR_MP_INVALID_ARGUMENT",
    ...(cause === undefined ? {} : { cause }),
  });
}

/** The call is right, but not now: the message names the wanted state, the current one and the repair. */
export function invalidState(message: string, facts: Omit<ErrorFacts, "code"> = {}): MultiprocessingError {
  return new MultiprocessingError(message, { ...facts, code: "ERR_MP_INVALID_STATE" });
}
