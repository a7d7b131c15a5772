/**
 * What happens in pools, for whoever listens on `node:diagnostics_channel`.
 *
 * Runs in: the parent.
 * Guarantees: where nobody listens nothing is made.
 */
import { channel, type Channel } from "node:diagnostics_channel";

/** `node-multiprocessing:pool:task:queued` and so on; each message is a `TaskEvent` or a `WorkerEvent`. */
const named = (what: string): Channel => channel(`node-multiprocessing:pool:${what}`);

/** The message of `node-multiprocessing:pool:task:queued`, `:started`, `:done` and `:failed`. */
export interface TaskEvent {
  /** The pool's name. */
  readonly pool: string;
  /** As `Task.id`. */
  readonly taskId: number;
  /** The name of the function that was submitted. */
  readonly functionName: string;
  /** Undefined while it is queued. */
  readonly pid?: number | undefined;
  /** What it rejected with; of `task:failed` only. */
  readonly error?: unknown;
}

/** The message of `node-multiprocessing:pool:worker:started` and `:ended`. */
export interface WorkerEvent {
  /** The pool's name. */
  readonly pool: string;
  /** From 1; it passes to the worker's replacement. */
  readonly workerId: number;
  /** Undefined where it could not be started. */
  readonly pid: number | undefined;
  /** As `Process.exitCode`; of `worker:ended` only. */
  readonly exitCode?: number;
  /** The signal that ended it; of `worker:ended` only. */
  readonly signalCode?: NodeJS.Signals | null;
  /** Which of the pool's limits it had reached, where that is why it ended; of `worker:ended` only. */
  readonly reason?: "memory" | "tasks" | undefined;
}

interface PoolChannels {
  readonly taskQueued: Channel;
  readonly taskStarted: Channel;
  readonly taskDone: Channel;
  readonly taskFailed: Channel;
  readonly workerStarted: Channel;
  readonly workerEnded: Channel;
}

export const events: PoolChannels = {
  taskQueued: named("task:queued"),
  taskStarted: named("task:started"),
  taskDone: named("task:done"),
  taskFailed: named("task:failed"),
  workerStarted: named("worker:started"),
  workerEnded: named("worker:ended"),
};
