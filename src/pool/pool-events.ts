/**
 * What happens in pools, for whoever listens on `node:diagnostics_channel`.
 *
 * Runs in: the parent.
 * Guarantees: where nobody listens nothing is made.
 */
import { channel, type Channel } from "node:diagnostics_channel";

/** `node-multiprocessing:pool:task:queued` and so on; each message is a `TaskEvent` or a `WorkerEvent`. */
const named = (what: string): Channel => channel(`node-multiprocessing:pool:${what}`);

export interface TaskEvent {
  readonly pool: string;
  readonly taskId: number;
  readonly functionName: string;
  /** Undefined while it is queued. */
  readonly pid?: number | undefined;
  readonly error?: unknown;
}

export interface WorkerEvent {
  readonly pool: string;
  readonly workerId: number;
  readonly pid: number | undefined;
  readonly exitCode?: number;
  readonly signalCode?: NodeJS.Signals | null;
  /** Why the pool replaced it, where it did: "memory", "tasks". */
  readonly reason?: string | undefined;
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
