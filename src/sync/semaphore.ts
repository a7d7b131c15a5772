/**
 * A number of permits that belong to nobody: it may as well be a signal.
 *
 * Runs in: every process.
 * Guarantees: never more acquired than there are; who has waited for more than a millisecond gets the next one before
 * those who come later. A permit that a dead process had is gone, as Python's is: see `bounded-semaphore.ts`.
 *
 * A permit is in `value`, or in one of the words of those for whom one is kept: there whoever waits for long in vain
 * may take it, so that it does not depend on the one for whom it is kept.
 */
import { invalidArgument, invalidState } from "../base/errors.ts";
import { shown } from "../base/options.ts";
import type { Range } from "../memory/arena.ts";
import { objectKind, objectWord, semaphoreWord } from "../memory/layout.ts";
import { idOfIndex, indexOf, isGone, lookAfter, ownId } from "../memory/participants.ts";
import { Acquirable } from "./acquirable.ts";
import { Guard } from "./guard.ts";
import { longestBargingMs } from "./owner-word.ts";
import { registerShared } from "./shared-kind.ts";
import { makeSmallRange } from "./small-range.ts";
import { countWaiting, oldest, waitsAt, wakeAfterSwap, wakeFound } from "./wait-queue.ts";

/** As Python's on most systems. */
export const mostPermits: number = 2 ** 31 - 1;

/** A semaphore at one moment. */
export interface SemaphoreStatistics {
  /** How many permits are free. */
  readonly value: number;
  /** How many processes wait for one. */
  readonly waitingProcesses: number;
}

/**
 * A counter that `acquire()` lowers, waiting while it is 0, and `release()` raises, in any process of the family.
 *
 * @example
 * const done = new Semaphore(0);
 * // in each of ten processes: done.release();
 * for (let i = 0; i < 10; i++) await done.acquire();
 */
export class Semaphore extends Acquirable {
  readonly #words: Int32Array;
  readonly #base: number;
  /** @internal */
  protected override readonly spot: number;
  /** @internal */
  protected override readonly kindName = "Semaphore";

  /**
   * @param value how many permits there are at first: a whole number from 0 to 2^31-1
   * @default 1
   */
  constructor(value?: number);
  /** @internal */
  constructor(range: Range);
  constructor(given: number | Range = 1) {
    super();
    if (typeof given !== "object") checkPermits("Semaphore", given);
    const { words, base } = typeof given === "object" ? given : makeSmallRange(this, objectKind.semaphore);
    this.#words = words;
    this.#base = base;
    this.spot = base + objectWord.spot;
    if (typeof given !== "object") Atomics.store(words, base + semaphoreWord.value, given);
  }

  override tryAcquire(): Guard | undefined {
    return this.attempt(false) ?? this.#takeForsaken();
  }

  /**
   * One permit more; it need not have been acquired here, or at all.
   *
   * @throws {MultiprocessingError} ERR_MP_INVALID_STATE when there are 2^31-1 already
   */
  override release(): void {
    const words = this.#words;
    // Only looked at: who begins to wait after this is woken below.
    const found = words[this.spot] === 0 ? undefined : oldest(words, this.spot);
    if (found !== undefined && found.waitedMs > longestBargingMs) {
      const heir = idOfIndex(found.index);
      const at = this.#keepFor(heir);
      if (at !== undefined) {
        if (wakeFound(found)) return;
        // It has gone meanwhile: the permit is free, unless it or another was quicker.
        if (Atomics.compareExchange(words, at, heir, 0) !== heir) return;
      }
    }
    this.#free();
  }

  /** How many permits are free. */
  get value(): number {
    return Atomics.load(this.#words, this.#base + semaphoreWord.value) + this.#kept().length;
  }

  /** True when `acquire()` would have to wait. */
  get locked(): boolean {
    return this.value === 0;
  }

  statistics(): SemaphoreStatistics {
    return { value: this.value, waitingProcesses: countWaiting(this.spot) };
  }

  /** <Semaphore value 3> */
  override toString(): string {
    return `<Semaphore value ${this.value}>`;
  }

  /** @internal */
  releaseGuard(): void {
    this.release();
  }

  /** @internal */
  protected override attempt(thorough: boolean): Guard | undefined {
    const words = this.#words;
    const at = this.#base + semaphoreWord.value;
    for (let value = Atomics.load(words, at); value > 0;) {
      const seen = Atomics.compareExchange(words, at, value, value - 1);
      if (seen === value) return new Guard(this, 0, 0);
      value = seen;
    }
    return this.#takeKept((id) => id === ownId() || thorough || isGone(id));
  }

  /** @internal */
  protected override checkDeadlock(): void {}

  /** @internal */
  protected override decline(): void {
    const me = ownId();
    for (const at of this.#kept()) if (Atomics.compareExchange(this.#words, at, me, 0) === me) this.#free();
  }

  /** For those who do not wait: perhaps one is kept for somebody who no longer comes. */
  #takeForsaken(): Guard | undefined {
    return this.#takeKept((id) => !waitsAt(this.#words, this.spot, indexOf(id)) || lookAfter(id));
  }

  #takeKept(mayTake: (id: number) => boolean): Guard | undefined {
    for (const at of this.#kept()) {
      const id = Atomics.load(this.#words, at);
      if (id !== 0 && mayTake(id) && Atomics.compareExchange(this.#words, at, id, 0) === id)
        return new Guard(this, 0, 0);
    }
    return undefined;
  }

  /** The words in which permits are kept for somebody. */
  #kept(): number[] {
    const found: number[] = [];
    const first = this.#base + semaphoreWord.kept;
    for (let at = first; at < first + semaphoreWord.keptCount; at++) {
      if (Atomics.load(this.#words, at) !== 0) found.push(at);
    }
    return found;
  }

  /** Undefined when all words are in use: then it is free for everybody. */
  #keepFor(heir: number): number | undefined {
    const first = this.#base + semaphoreWord.kept;
    for (let at = first; at < first + semaphoreWord.keptCount; at++) {
      if (Atomics.compareExchange(this.#words, at, 0, heir) === 0) return at;
    }
    return undefined;
  }

  #free(): void {
    const at = this.#base + semaphoreWord.value;
    for (let value = Atomics.load(this.#words, at); ;) {
      if (value === mostPermits) {
        throw invalidState(`Cannot release a Semaphore that has ${mostPermits} free permits already`);
      }
      const seen = Atomics.compareExchange(this.#words, at, value, value + 1);
      if (seen === value) break;
      value = seen;
    }
    wakeAfterSwap(this.#words, this.spot);
  }
}

/** @throws {MultiprocessingError} ERR_MP_INVALID_ARGUMENT */
export function checkPermits(name: string, value: unknown): asserts value is number {
  if (Number.isInteger(value) && (value as number) >= 0 && (value as number) <= mostPermits) return;
  throw invalidArgument(
    `new ${name}(): value must be a whole number from 0 to ${mostPermits}; received ${shown(value)}`,
  );
}

registerShared("semaphore", Semaphore, (range) => new Semaphore(range));
