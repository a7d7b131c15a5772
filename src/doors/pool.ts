/**
 * Pools: the subpath `./pool`.
 *
 * Runs in: every process.
 */
import "../process/process-kinds.ts";

export { CancelledError, TimeoutError, WorkerExitedError } from "../base/errors.ts";
export { currentTask, type CurrentTask } from "../pool/current-task.ts";
export { ProcessPoolExecutor } from "../pool/executor.ts";
export { Pool } from "../pool/pool.ts";
export type { TaskEvent, WorkerEvent } from "../pool/pool-events.ts";
export type { CallArguments, ImapOptions, MapOptions, PoolOptions, TaskOptions } from "../pool/pool-options.ts";
export type { Percentiles, PoolStatistics, WorkerStatistics } from "../pool/pool-statistics.ts";
export type { Progress, ProgressOption, ProgressOptions } from "../pool/progress.ts";
export type { Items } from "../pool/task-input.ts";
export type { Task, TaskState } from "../pool/task.ts";
