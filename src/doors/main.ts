/**
 * Everything that the library offers.
 *
 * Runs in: every process that imports the package.
 */
import "../process/process-kinds.ts";

export * from "./pool.ts";

export {
  BrokenBarrierError,
  CancelledError,
  ClosedError,
  MalformedMessageError,
  MultiprocessingError,
  ProcessExitedError,
  RemoteError,
  TimeoutError,
  UnserializableError,
  WorkerExitedError,
  type ErrorCode,
  type ErrorFacts,
} from "../base/errors.ts";
export type { SyncWaitOptions, WaitOptions } from "../base/options.ts";
export { BrokenPipeError, EndOfChannelError, QueueEmptyError, QueueFullError } from "../channel/errors.ts";
export { Connection } from "../channel/connection.ts";
export { JoinableQueue } from "../channel/joinable-queue.ts";
export { Pipe, type PipeOptions } from "../channel/pipe.ts";
export { Queue, type QueueOptions, type QueueStatistics } from "../channel/queue.ts";
export { SimpleQueue } from "../channel/simple-queue.ts";
export { wait } from "../channel/wait.ts";
export { cpuCount } from "../host/cpu-count.ts";
export { activeChildren } from "../process/children.ts";
export { getContext, type Context } from "../context.ts";
export { currentProcess, type CurrentProcess } from "../process/current-process.ts";
export { setForkserverPreload } from "../process/fork-server-preload.ts";
export { getpid, getppid } from "../process/identity.ts";
export type { StartMethod } from "../process/launcher.ts";
export { getLogger, logToStderr, type Logger, type LogLevel } from "../process/logger.ts";
export { parentProcess, type ParentProcess } from "../process/parent-process.ts";
export { Process } from "../process/process.ts";
export type { ProcessOptions, ProcessSettings, Target, TargetArguments } from "../process/process-options.ts";
export type { ProcessSentinel } from "../process/sentinel.ts";
export { getAllStartMethods, getStartMethod, setStartMethod } from "../process/start-methods.ts";
export { Barrier, type BarrierOptions } from "../sync/barrier.ts";
export { BoundedSemaphore, type BoundedSemaphoreStatistics } from "../sync/bounded-semaphore.ts";
export { Condition, type ConditionStatistics } from "../sync/condition.ts";
export { Event, type EventStatistics } from "../sync/event.ts";
export { Guard } from "../sync/guard.ts";
export { Lock } from "../sync/lock.ts";
export type { LockStatistics } from "../sync/owned-lock.ts";
export { RLock, type RLockStatistics } from "../sync/rlock.ts";
export { Semaphore, type SemaphoreStatistics } from "../sync/semaphore.ts";
export * from "./shared-memory.ts";
