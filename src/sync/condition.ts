/**
 * Waiting for something to become true that is guarded by a lock, and telling those who wait.
 *
 * Runs in: every process.
 * Guarantees: `notify(n)` reaches n of those who wait at that moment, and nobody who comes later takes it from them;
 * a notification that its receiver did not live to see, or gave up, goes to another; a wait returns with the lock held,
 * however it ends.
 *
 *   wait     record counted in ("wanting"), while the lock is held -> lock released -> until notified -> lock acquired
 *   notify   one "wanting" of the longest waiting process becomes one "notified" -> its process is rung
 *
 * Both counts are halves of one word of the waiting process's own record, so each step is one compare-and-swap, and
 * they go with their process (`notifications.ts`). Which of a process's waits are the notified ones is that process's
 * own affair: those that came first.
 */
import { invalidArgument, invalidState, TimeoutError } from "../base/errors.ts";
import {
  checkFunction,
  checkSyncWaitOptions,
  checkWaitOptions,
  shown,
  type SyncWaitOptions,
  type WaitOptions,
} from "../base/options.ts";
import type { Range } from "../memory/arena.ts";
import { objectKind, objectWord } from "../memory/layout.ts";
import { waitForSync } from "./blocking-wait.ts";
import type { Guard } from "./guard.ts";
import { Lock } from "./lock.ts";
import { RLock } from "./rlock.ts";
import {
  addWanting,
  countWanting,
  dropWanting,
  finishNotified,
  lookAfterNotified,
  notified,
  notifyOne,
} from "./notifications.ts";
import { registerShared } from "./shared-kind.ts";
import { makeSmallRange } from "./small-range.ts";
import { keepRecord } from "./wait-places.ts";
import { waitFor } from "./wait-queue.ts";

/** A condition at one moment. */
export interface ConditionStatistics {
  /** Whether anybody holds its lock. */
  readonly locked: boolean;
  /** How many waits, in all processes, have not been notified yet. */
  readonly waiting: number;
}

/** A wait of this process that has not seen a notification yet. */
interface Member {
  readonly record: number;
}

/**
 * A condition variable: its lock, and those who wait for what it guards.
 *
 * @example
 * const changed = new Condition();
 * // in one process
 * await changed.withLock(() => { items[0]++; changed.notify(); });
 * // in another
 * await changed.withLock(() => changed.waitFor(() => items[0] > 0));
 */
export class Condition {
  #lock: Lock | RLock;
  readonly #spot: number;
  readonly #members = new Set<Member>();
  /** Those that have seen theirs, and have yet to acquire the lock. */
  readonly #seen = new Set<Member>();

  /** @param lock may guard other things too, and other conditions @default new Lock() */
  constructor(lock?: Lock | RLock);
  /** @internal */
  constructor(range: Range);
  constructor(given: Lock | RLock | Range = new Lock()) {
    const isLock = given instanceof Lock || given instanceof RLock;
    if (!isLock && !("words" in Object(given))) {
      throw invalidArgument(`new Condition(): lock must be a Lock or an RLock; received ${shown(given)}`);
    }
    const { base } = isLock ? makeSmallRange(this, objectKind.condition) : given;
    this.#spot = base + objectWord.spot;
    // Of one that was received it follows at once: see below.
    this.#lock = isLock ? given : (undefined as never);
  }

  /** Acquires its lock: as `Lock.acquire`. */
  acquire(options?: WaitOptions): Promise<Guard> {
    return this.#lock.acquire(options);
  }

  /** Acquires its lock if that is free: as `Lock.tryAcquire`. */
  tryAcquire(): Guard | undefined {
    return this.#lock.tryAcquire();
  }

  /** Acquires its lock, blocking the thread: as `Lock.acquireSync`. */
  acquireSync(options?: SyncWaitOptions): Guard {
    return this.#lock.acquireSync(options);
  }

  /** Holds its lock while `work` runs: as `Lock.withLock`. */
  withLock<T>(work: (guard: Guard) => T | PromiseLike<T>, options?: WaitOptions): Promise<T> {
    return this.#lock.withLock(work, options);
  }

  /** Releases its lock: as `Lock.release`. */
  release(): void {
    this.#lock.release();
  }

  /** True while somebody has its lock. */
  get locked(): boolean {
    return this.#lock.locked;
  }

  /**
   * Releases the lock, waits for a notification, and acquires the lock again, which no limit cuts short.
   *
   * @returns false when `timeoutMs` have passed first; the lock is held then too
   * @throws {MultiprocessingError} ERR_MP_INVALID_STATE when this process does not hold the lock
   * @throws signal.reason when the signal is aborted; the lock is held then too
   */
  async wait(options?: WaitOptions): Promise<boolean> {
    const limits = checkWaitOptions("Condition.wait()", options);
    this.#checkHeld("wait()");
    limits.signal?.throwIfAborted();
    const { member, done } = this.#join("wait()");
    const notified = waitFor(this.#spot, (thorough) => this.#see(member, thorough), limits, "Condition.wait()");
    const letGo = this.#lock.releaseAll();
    try {
      return await notified.catch((error: unknown) => this.#giveUp(member, error));
    } finally {
      this.#lock.restore(letGo, (await this.#lock.acquire()).whoDied());
      done();
    }
  }

  /**
   * The same, blocking this thread.
   *
   * @throws {MultiprocessingError} ERR_MP_INVALID_STATE when this process does not hold the lock; ERR_MP_INTERRUPTED
   * when a signal comes that has a handler in JavaScript; the lock is held then too
   */
  waitSync(options?: SyncWaitOptions): boolean {
    const timeoutMs = checkSyncWaitOptions("Condition.waitSync()", options);
    this.#checkHeld("waitSync()");
    const { member, done } = this.#join("waitSync()");
    const letGo = this.#lock.releaseAll();
    try {
      return waitForSync(this.#spot, (thorough) => this.#see(member, thorough), timeoutMs, "Condition.waitSync()");
    } catch (error) {
      return this.#giveUp(member, error);
    } finally {
      this.#lock.restore(letGo, this.#lock.acquireInAnyCase().whoDied());
      done();
    }
  }

  /**
   * Waits, as often as need be, until `predicate` returns something true; it is called with the lock held.
   *
   * @param options `timeoutMs` is for all of it
   * @returns what `predicate` returned at last, which is not true only when `timeoutMs` have passed
   */
  async waitFor<T>(predicate: () => T | PromiseLike<T>, options?: WaitOptions): Promise<T> {
    checkFunction("Condition.waitFor()", predicate);
    const limits = checkWaitOptions("Condition.waitFor()", options);
    this.#checkHeld("waitFor()");
    const until = limits.timeoutMs === undefined ? Infinity : performance.now() + limits.timeoutMs;
    for (;;) {
      const result = await predicate();
      const leftMs = until - performance.now();
      if (result || leftMs <= 0) return result;
      await this.wait({ signal: limits.signal, ...(until === Infinity ? {} : { timeoutMs: leftMs }) });
    }
  }

  /** The same, blocking this thread. */
  waitForSync<T>(predicate: () => T, options?: SyncWaitOptions): T {
    checkFunction("Condition.waitForSync()", predicate);
    const timeoutMs = checkSyncWaitOptions("Condition.waitForSync()", options);
    this.#checkHeld("waitForSync()");
    const until = timeoutMs === undefined ? Infinity : performance.now() + timeoutMs;
    for (;;) {
      const result = predicate();
      const leftMs = until - performance.now();
      if (result || leftMs <= 0) return result;
      this.waitSync(until === Infinity ? undefined : { timeoutMs: leftMs });
    }
  }

  /**
   * Wakes those who have waited longest.
   *
   * @param n at most so many waits: a whole number from 0, or Infinity
   * @throws {MultiprocessingError} ERR_MP_INVALID_STATE when this process does not hold the lock
   */
  notify(n = 1): void {
    this.#checkHeld("notify()");
    if (n !== Infinity && !(Number.isInteger(n) && n >= 0)) {
      throw invalidArgument(`Condition.notify(): n must be a whole number from 0, or Infinity; received ${shown(n)}`);
    }
    for (let left = n; left >= 1; left--) if (!notifyOne(this.#spot)) return;
  }

  /** Wakes all who wait. @throws {MultiprocessingError} ERR_MP_INVALID_STATE when this process does not hold the lock */
  notifyAll(): void {
    this.notify(Infinity);
  }

  statistics(): ConditionStatistics {
    return { locked: this.locked, waiting: countWanting(this.#spot) };
  }

  /** <Condition of <Lock free>, 2 waiting> */
  toString(): string {
    return `<Condition of ${String(this.#lock)}, ${countWanting(this.#spot)} waiting>`;
  }

  #checkHeld(call: string): void {
    if (this.#lock.isMine()) return;
    throw invalidState(
      `Cannot call Condition.${call}: this process does not hold the condition's lock\n` +
        `  do this:  acquire it first: await condition.withLock(() => condition.${call})`,
    );
  }

  /** Counted in while the lock is held, so that whoever notifies next finds it. */
  #join(call: string): { readonly member: Member; readonly done: () => void } {
    const { record, done } = keepRecord(this.#spot);
    if (record === undefined || !addWanting(record)) {
      done();
      throw invalidState(
        `Condition.${call}: this process waits for too many things already\n  do this:  wait for fewer at a time`,
      );
    }
    const member = { record };
    this.#members.add(member);
    return {
      member,
      done: () => {
        // Only now: had this process died before it had the lock again, another would have been notified.
        if (this.#seen.delete(member)) finishNotified(record);
        done();
      },
    };
  }

  /** An attempt of a member: those that came first are the notified ones. */
  #see(member: Member, thorough: boolean): true | undefined {
    const [first] = this.#members;
    if (first !== member) return undefined;
    if (thorough) lookAfterNotified(this.#spot);
    if (notified(member.record) <= this.#seen.size) return undefined;
    this.#members.delete(member);
    this.#seen.add(member);
    return true;
  }

  /** @returns true when it has been notified after all */
  #giveUp(member: Member, error: unknown): boolean {
    const timedOut = error instanceof TimeoutError;
    const place = [...this.#members].indexOf(member);
    while (notified(member.record) - this.#seen.size <= place) {
      if (!dropWanting(member.record, place + this.#seen.size)) continue;
      this.#members.delete(member);
      if (timedOut) return false;
      throw error;
    }
    this.#members.delete(member);
    if (timedOut) {
      this.#seen.add(member);
      return true;
    }
    // Rather one notification too many than one too few, should this process die between the two.
    notifyOne(this.#spot);
    finishNotified(member.record);
    throw error;
  }

  static {
    registerShared("condition", Condition, (range) => new Condition(range), {
      write: (condition, encoder) => encoder.value(condition.#lock, ".lock"),
      read: (condition, decoder) => {
        const lock = decoder.value();
        if (lock instanceof Lock || lock instanceof RLock) condition.#lock = lock;
        else decoder.malformed("the lock of a Condition is no lock");
      },
    });
  }
}
