/**
 * The limits of the task that a worker is at: its `timeoutMs`, and the grace of one that is to end.
 *
 * Runs in: the parent.
 * Guarantees: a limit runs from when the task begins in the worker, whenever it was handed over and whenever the pool
 * hears of it; a worker is not killed for a task that it has ended in time; one that is to end does end, also where the
 * worker is at it while the pool has not yet heard that those before it are done.
 * Leaves to others: what becomes of the task (`answers.ts`).
 */
import { after } from "../base/deadline.ts";
import { firstIdOf, type Work } from "./assigned.ts";
import { machineMs, type Noted, type TaskNote } from "./task-note.ts";

/**
 * Milliseconds for which a task with a limit may not begin: its modules are being imported, or what an earlier task has
 * left behind keeps the worker busy. Arbitrary: longer than any import takes.
 */
const mostUnbegunMs = 10_000;

/** With a grace of 0, between two looks at whether the worker has come to what is to end. Milliseconds; arbitrary. */
const leastAgainMs = 20;

export interface Watched {
  readonly cancelGraceMs: number;
  /** Undefined: the worker tells when a task with a limit begins. */
  readonly note: TaskNote | undefined;
  /** What it has been given, and has not answered as far as is known. */
  has(work: Work): boolean;
  /** Something else is at the head of what the worker has. */
  started(work: Work): void;
  /** The task at work is past its limit, or was never begun. */
  expire(work: Work, hasBegun: boolean): void;
  kill(): void;
}

/** What the timer is for. */
interface Watch {
  readonly work: Work;
  /** Of a chunk: which of its tasks. */
  readonly at: number;
  readonly isDoomed: boolean;
  readonly begunAt: number | undefined;
  /** When it came to the head. */
  readonly since: number;
}

export class HeadWatch {
  readonly #worker: Watched;
  #watch: Watch | undefined;
  #cancelTimer: (() => void) | undefined;

  constructor(worker: Watched) {
    this.#worker = worker;
  }

  /** @param work what the worker is at now, as far as its pool has heard */
  update(work: Work | undefined): void {
    const before = this.#watch;
    if (work === undefined) {
      if (before !== undefined) this.stop();
      return;
    }
    const at = work.kind === "chunk" ? work.done : 0;
    const isNew = before?.work !== work || before.at !== at;
    if (isNew) this.#worker.started(work);
    const isDoomed = work.kind === "call" ? work.isSettled : work.cancelled || work.condemned === at;
    const { begunAt } = work;
    if (!isNew && before.isDoomed === isDoomed && before.begunAt === begunAt) return;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#watch = { work, at, isDoomed, begunAt, since: performance.now() };
    const limitMs = isDoomed ? this.#worker.cancelGraceMs : limitOf(work);
    if (limitMs !== undefined) this.#arm(this.#watch, limitMs);
  }

  /**
   * That work is to end, and is not at the head: the worker, which tells a millisecond's answers together, may be at it
   * all the same, and then tells nothing more.
   */
  endBehindHead(work: Work): void {
    const { cancelGraceMs } = this.#worker;
    const look = (): void => {
      if (!this.#worker.has(work)) return;
      if (this.#mayBeAt(work)) this.#worker.kill();
      else again(Math.max(cancelGraceMs, leastAgainMs));
    };
    const again = (delayMs: number): void => void after(delayMs, () => void setImmediate(look), { ref: false });
    again(cancelGraceMs);
  }

  /** Where it cannot be seen, those that were handed over together may all be what it is at. */
  #mayBeAt(work: Work): boolean {
    const { note } = this.#worker;
    return note === undefined ? work.isTaken : isOf(work, note.taskId);
  }

  stop(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = this.#watch = undefined;
  }

  #arm(watch: Watch, delayMs: number): void {
    const look = (): void => {
      if (this.#watch !== watch) return;
      if (watch.isDoomed) this.#endDoomed(watch);
      else this.#checkLimit(watch, limitOf(watch.work)!);
    };
    // In a turn of the event loop timers come before messages: what the worker said while this process was busy is heard first.
    this.#cancelTimer = after(delayMs, () => void setImmediate(look));
  }

  #endDoomed(watch: Watch): void {
    const running = this.#worker.note?.taskId ?? 0;
    // What it runs after this one is not to pay: that it has ended this one is told with what comes of that.
    if (running !== 0 && !isOf(watch.work, running)) this.#arm(watch, this.#worker.cancelGraceMs);
    else this.#worker.kill();
  }

  #checkLimit(watch: Watch, limitMs: number): void {
    const ranMs = this.#ranMs(watch);
    if (ranMs === undefined) {
      const leftMs = watch.since + Math.max(limitMs, mostUnbegunMs) - performance.now();
      if (leftMs <= 0) this.#worker.expire(watch.work, false);
      else this.#arm(watch, Math.min(limitMs, leftMs)); // If it begins just now, its limit passes just then.
    } else if (ranMs >= limitMs) this.#worker.expire(watch.work, true);
    else this.#arm(watch, limitMs - ranMs);
  }

  /** Undefined: it has not begun, or has ended, which will be heard soon. */
  #ranMs({ work, at, begunAt, since }: Watch): number | undefined {
    const noted = this.#worker.note?.look();
    if (noted !== undefined) return isAt(noted, work, at) ? machineMs() - noted.sinceMs : undefined;
    // Before each task with a limit what came before is told: that is its beginning.
    const began = at > 0 ? since : begunAt;
    return began === undefined ? undefined : performance.now() - began;
  }
}

function limitOf(work: Work): number | undefined {
  return work.kind === "call" ? work.timeoutMs : work.job.settings.timeoutMs;
}

function isAt({ taskId, isPreparing }: Noted, work: Work, at: number): boolean {
  return !isPreparing && taskId === ((firstIdOf(work) + at) | 0);
}

/** @param taskId modulo 2^32; 0: none */
function isOf(work: Work, taskId: number): boolean {
  if (taskId === 0) return false;
  const offset = (taskId - firstIdOf(work)) | 0;
  return offset >= 0 && offset < (work.kind === "call" ? 1 : work.items.length);
}
