/**
 * What locks and semaphores have in common: four ways to acquire, each of them quick when nobody else is there.
 *
 * Runs in: every process.
 * Guarantees: without contention `acquire()` makes a guard and a promise, `tryAcquire()` and `acquireSync()` a guard,
 * and no system call.
 * Leaves to others: what it means to have it (`lock.ts`, `rlock.ts`, `semaphore.ts`).
 */
import { pause } from "../base/pause.ts";
import { turnIsDue } from "../base/turn.ts";
import {
  checkFunction,
  checkSyncWaitOptions,
  checkWaitOptions,
  type SyncWaitOptions,
  type WaitOptions,
} from "../base/options.ts";
import { waitForSync } from "./blocking-wait.ts";
import type { Guard } from "./guard.ts";
import { waitFor } from "./wait-queue.ts";

/**
 * Looks before the thread is put to sleep: whoever holds a lock mostly releases it within a microsecond, and a sleep
 * costs fifty. The pauses between them are each twice as long as the one before, since each look takes the line of memory
 * away from whoever works with the lock (measured: 20 looks without pauses, and both sides took five times as long).
 */
const firstPauseMs = 0.0005;
const longestPauseMs = 0.008;

export abstract class Acquirable {
  /**
   * Acquires it if that is possible at once.
   *
   * @returns the guard, or undefined when somebody else has it
   */
  abstract tryAcquire(): Guard | undefined;

  /** Gives it back. */
  abstract release(): void;

  /** @internal */
  protected abstract readonly spot: number;
  /** For messages. @internal */
  protected abstract readonly kindName: string;
  /** Looks at memory only; `tryAcquire()` asks about a holder that may be dead, too. @internal */
  protected takeQuickly(): Guard | undefined {
    return this.attempt(false);
  }
  /** @internal */
  protected abstract attempt(thorough: boolean): Guard | undefined;
  /** Throws where a blocking wait could never end. @internal */
  protected abstract checkDeadlock(): void;
  /** After a wait that was given up: what was kept for it is for others. @internal */
  protected abstract decline(): void;

  /**
   * Acquires it, waiting as long as need be.
   *
   * @returns a guard: release it, or declare it with `using`
   * @throws {TimeoutError} when `timeoutMs` have passed
   * @throws signal.reason when the signal is aborted
   */
  acquire(options?: WaitOptions): Promise<Guard> {
    if (options === undefined && !turnIsDue()) {
      const guard = this.tryAcquire();
      if (guard !== undefined) return Promise.resolve(guard);
    }
    return this.#acquireSlowly(options);
  }

  /**
   * Acquires it, blocking this thread: for programs that have nothing else to do meanwhile.
   *
   * @throws {TimeoutError} when `timeoutMs` have passed
   * @throws {MultiprocessingError} ERR_MP_DEADLOCK when this process itself has it; ERR_MP_INTERRUPTED when a signal
   * comes that has a handler in JavaScript
   */
  acquireSync(options?: SyncWaitOptions): Guard {
    const guard = this.takeQuickly();
    return guard === undefined || options !== undefined ? this.#acquireSyncSlowly(guard, options) : guard;
  }

  /**
   * Calls `work` while it is held, and releases it whatever becomes of that.
   *
   * @param work may be asynchronous; gets the guard
   * @returns what `work` returns or resolves to
   */
  async withLock<T>(work: (guard: Guard) => T | PromiseLike<T>, options?: WaitOptions): Promise<T> {
    checkFunction(`${this.kindName}.withLock()`, work);
    const guard = await this.acquire(options);
    try {
      return await work(guard);
    } finally {
      guard.release();
    }
  }

  /** Blocks until it has it, whatever comes between. @internal */
  acquireInAnyCase(): Guard {
    const attempt = (thorough: boolean): Guard | undefined => this.attempt(thorough);
    return waitForSync(this.spot, attempt, undefined, this.kindName, { interruptible: false });
  }

  async #acquireSlowly(options: WaitOptions | undefined): Promise<Guard> {
    const limits = checkWaitOptions(`${this.kindName}.acquire()`, options);
    limits.signal?.throwIfAborted();
    try {
      return await waitFor(this.spot, (thorough) => this.attempt(thorough), limits, `${this.kindName}.acquire()`);
    } catch (error) {
      this.decline();
      throw error;
    }
  }

  #acquireSyncSlowly(had: Guard | undefined, options: SyncWaitOptions | undefined): Guard {
    const call = `${this.kindName}.acquireSync()`;
    let timeoutMs: number | undefined;
    try {
      timeoutMs = checkSyncWaitOptions(call, options);
    } catch (error) {
      had?.release();
      throw error;
    }
    if (had !== undefined) return had;
    this.checkDeadlock();
    for (let pauseMs = firstPauseMs; pauseMs <= longestPauseMs; pauseMs *= 2) {
      pause(pauseMs);
      const guard = this.attempt(false);
      if (guard !== undefined) return guard;
    }
    const afterLook = this.tryAcquire();
    if (afterLook !== undefined) return afterLook;
    try {
      return waitForSync(this.spot, (thorough) => this.attempt(thorough), timeoutMs, call, { barging: true });
    } catch (error) {
      this.decline();
      throw error;
    }
  }
}
