/**
 * What a pool has done: counted, timed, and told to whoever listens.
 *
 * Runs in: the parent.
 */
import { Histogram } from "./histogram.ts";
import type { Chunk, MapJob } from "./map-job.ts";
import { events, type TaskEvent } from "./pool-events.ts";
import type { Worker, WorkerState } from "./worker.ts";

/** Milliseconds that half, nine tenths and all but a hundredth do not exceed; undefined while there are none. */
export interface Percentiles {
  /** The median. */
  readonly p50: number | undefined;
  /** Nine tenths are not above it. */
  readonly p90: number | undefined;
  /** All but a hundredth are not above it. */
  readonly p99: number | undefined;
}

/** A worker at one moment. */
export interface WorkerStatistics {
  /** From 1; it passes to the worker's replacement. */
  readonly id: number;
  /** Undefined while it is being started. */
  readonly pid: number | undefined;
  /** What it is doing. */
  readonly state: WorkerState;
  /** Tasks that it has ended, well or not, since it was started. */
  readonly tasksDone: number;
  /** The share of its life in which it had tasks, 0 to 1. */
  readonly busyShare: number;
  /** Resident memory as it last told; undefined before that. */
  readonly memoryBytes: number | undefined;
  /** How often it has been replaced. */
  readonly restarts: number;
}

/** A pool at one moment; counts are since it was made. */
export interface PoolStatistics {
  readonly name: string;
  /** An entry for each worker, those that are being started included. */
  readonly workers: readonly WorkerStatistics[];
  /** Waiting for a worker, as far as is known: an iterable's items are not, before they are read. */
  readonly queued: number;
  /** Handed to workers. */
  readonly running: number;
  /** Tasks that have succeeded. */
  readonly done: number;
  /** Tasks that have failed. */
  readonly failed: number;
  /** Tasks that were cancelled. */
  readonly cancelled: number;
  /** Tries that followed the death of a worker. */
  readonly retried: number;
  /** From submission to start, in milliseconds. */
  readonly waitMs: Percentiles;
  /** From start to end, in milliseconds. */
  readonly runMs: Percentiles;
}

export class Tally {
  readonly #pool: string;
  readonly #wait = new Histogram();
  readonly #run = new Histogram();
  doneCount = 0;
  failedCount = 0;
  cancelledCount = 0;
  retriedCount = 0;

  constructor(pool: string) {
    this.#pool = pool;
  }

  get waitMs(): Percentiles {
    return percentiles(this.#wait);
  }

  get runMs(): Percentiles {
    return percentiles(this.#run);
  }

  #event(taskId: number, functionName: string, pid?: number, error?: unknown): TaskEvent {
    return { pool: this.#pool, taskId, functionName, pid, error };
  }

  queued(taskId: number, functionName: string): void {
    if (events.taskQueued.hasSubscribers) events.taskQueued.publish(this.#event(taskId, functionName));
  }

  handedOut({ queuedAt, settings }: MapJob, { firstTaskId, items, handedAt }: Chunk): void {
    this.#wait.add(handedAt - queuedAt, items.length);
    if (!events.taskQueued.hasSubscribers) return;
    for (let i = 0; i < items.length; i++) this.queued(firstTaskId + i, settings.fn.name);
  }

  started(taskId: number, functionName: string, worker: Worker, waitedMs?: number): void {
    if (waitedMs !== undefined) this.#wait.add(waitedMs);
    if (events.taskStarted.hasSubscribers) events.taskStarted.publish(this.#event(taskId, functionName, worker.pid));
  }

  ran(ms: number, count: number): void {
    this.#run.add(ms, count);
  }

  done(firstTaskId: number, functionName: string, count: number): void {
    this.doneCount += count;
    if (!events.taskDone.hasSubscribers) return;
    for (let i = 0; i < count; i++) events.taskDone.publish(this.#event(firstTaskId + i, functionName));
  }

  failed(taskId: number, functionName: string, error: unknown): void {
    this.failedCount++;
    if (events.taskFailed.hasSubscribers)
      events.taskFailed.publish(this.#event(taskId, functionName, undefined, error));
  }
}

export function workerStatistics(worker: Worker, restarts: number): WorkerStatistics {
  const now = performance.now();
  const busyMs = worker.busyMs + (worker.busySince === undefined ? 0 : now - worker.busySince);
  return {
    id: worker.id,
    pid: worker.pid,
    state: worker.state,
    tasksDone: worker.tasksDone,
    busyShare: Math.min(1, busyMs / Math.max(now - worker.startedAt, 1e-3)),
    memoryBytes: worker.memoryBytes,
    restarts,
  };
}

function percentiles(of: Histogram): Percentiles {
  return { p50: of.percentile(0.5), p90: of.percentile(0.9), p99: of.percentile(0.99) };
}
