/**
 * A context: the whole API bound to one start method, as Python's `get_context()`.
 *
 * Runs in: every process.
 */
import { JoinableQueue } from "../channel/joinable-queue.ts";
import { Pipe } from "../channel/pipe.ts";
import { Queue } from "../channel/queue.ts";
import { SimpleQueue } from "../channel/simple-queue.ts";
import { wait } from "../channel/wait.ts";
import { cpuCount } from "../host/cpu-count.ts";
import { Barrier } from "../sync/barrier.ts";
import { BoundedSemaphore } from "../sync/bounded-semaphore.ts";
import { Condition } from "../sync/condition.ts";
import { Event } from "../sync/event.ts";
import { Lock } from "../sync/lock.ts";
import { RLock } from "../sync/rlock.ts";
import { Semaphore } from "../sync/semaphore.ts";
import { activeChildren } from "./children.ts";
import { contextClass } from "./context-classes.ts";
import { currentProcess } from "./current-process.ts";
import { getLogger, logToStderr } from "./logger.ts";
import type { StartMethod } from "./launcher.ts";
import { parentProcess } from "./parent-process.ts";
import type { Process } from "./process.ts";
import { getAllStartMethods, getStartMethod, launcherFor } from "./start-methods.ts";

export interface Context {
  /** Starts by this context's method. */
  readonly Process: typeof Process;
  // What is shared does not depend on the method: these are the same classes in every context.
  readonly Barrier: typeof Barrier;
  readonly BoundedSemaphore: typeof BoundedSemaphore;
  readonly Condition: typeof Condition;
  readonly Event: typeof Event;
  readonly JoinableQueue: typeof JoinableQueue;
  readonly Lock: typeof Lock;
  readonly Pipe: typeof Pipe;
  readonly Queue: typeof Queue;
  readonly RLock: typeof RLock;
  readonly Semaphore: typeof Semaphore;
  readonly SimpleQueue: typeof SimpleQueue;
  readonly activeChildren: typeof activeChildren;
  readonly cpuCount: typeof cpuCount;
  readonly currentProcess: typeof currentProcess;
  readonly parentProcess: typeof parentProcess;
  readonly getAllStartMethods: typeof getAllStartMethods;
  readonly getLogger: typeof getLogger;
  readonly logToStderr: typeof logToStderr;
  readonly wait: typeof wait;
  getStartMethod(): StartMethod;
  getContext: typeof getContext;
}

/**
 * The API bound to a start method.
 *
 * @param method @default the current method, whatever it will be when a process is started
 * @throws {MultiprocessingError} ERR_MP_INVALID_ARGUMENT when there is no such method; ERR_MP_NOT_SUPPORTED when this
 * machine cannot use it
 */
export function getContext(method?: StartMethod): Context {
  if (method !== undefined) launcherFor(method, "getContext()");
  return {
    Process: contextClass(method ?? "default")!,
    Barrier,
    BoundedSemaphore,
    Condition,
    Event,
    JoinableQueue,
    Lock,
    Pipe,
    Queue,
    RLock,
    Semaphore,
    SimpleQueue,
    activeChildren,
    cpuCount,
    currentProcess,
    parentProcess,
    getAllStartMethods,
    getLogger,
    logToStderr,
    wait,
    getStartMethod: () => method ?? getStartMethod(),
    getContext,
  };
}
