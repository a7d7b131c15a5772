/**
 * The task that a worker is running, as the task itself sees it.
 *
 * Runs in: the worker.
 */

/** The task in whose code the caller is. */
export interface CurrentTask<State = unknown> {
  /** Unique in its pool; the same for each try. */
  readonly id: number;
  /** From 1 to the pool's size: it passes to the worker's replacement. */
  readonly workerId: number;
  /** Aborted when the task is cancelled or past its `timeoutMs`: there are `cancelGraceMs` left then to end by itself. */
  readonly signal: AbortSignal;
  /** What the pool's initializer returned in this worker. */
  readonly state: State;
}

let workerId = 0;
let state: unknown;
/** 0: none. */
let runningId = 0;
/** Made when it is first asked for: most tasks never look. */
let running: RunningTask | undefined;

class RunningTask implements CurrentTask {
  readonly id: number;
  #controller: AbortController | undefined;
  #aborted: { readonly reason: unknown } | undefined;

  constructor(id: number) {
    this.id = id;
  }

  get workerId(): number {
    return workerId;
  }

  get state(): unknown {
    return state;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#aborted !== undefined) this.#controller.abort(this.#aborted.reason);
    }
    return this.#controller.signal;
  }

  abort(reason: unknown): void {
    this.#aborted ??= { reason };
    this.#controller?.abort(reason);
  }
}

/**
 * The task that is being run, in a worker of a pool; null elsewhere, and between tasks.
 *
 * @example
 * await pool.submit(async () => {
 *   const { signal, state } = currentTask<Database>()!;
 *   return state.query("…", { signal });
 * });
 */
export function currentTask<State = unknown>(): CurrentTask<State> | null {
  if (runningId === 0) return null;
  running ??= new RunningTask(runningId);
  return running as CurrentTask as CurrentTask<State>; // What the initializer returned, its caller knows; here it is unknown.
}

/** The id of the task that is being run; 0: none. */
export function runningTaskId(): number {
  return runningId;
}

/** @param taskId 0: it has ended */
export function setRunning(taskId: number): void {
  if (taskId === runningId) return; // It was being prepared, and may have been aborted meanwhile.
  runningId = taskId;
  running = undefined;
}

/** Tells the task, if it is still the one that is being run. */
export function abortRunning(taskId: number, reason: unknown): void {
  if (runningId !== taskId) return;
  running ??= new RunningTask(taskId);
  running.abort(reason);
}

export function becomeWorker(id: number): void {
  workerId = id;
}

export function setWorkerState(value: unknown): void {
  state = value;
}
