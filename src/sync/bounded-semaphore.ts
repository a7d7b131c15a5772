/**
 * A fixed number of permits, each with its holder, so that those of the dead return.
 *
 * Runs in: every process.
 * Guarantees: never more held than there are; the permits of a process that died or exited are free, and who gets one
 * of them is told; who has waited for more than a millisecond gets the next one before those who come later.
 *
 *   holders   a word for each permit, with the values of `owner-word.ts`: free, held by, kept for
 *   used      how many of the words have ever been in use: the rest need not be looked at, nor exist
 *
 * Why not a count for each participant: then the number of free ones would be a second word, and a death between the
 * change of the one and of the other would lose a permit.
 */
import { holdsOthers, mapPart, reserve, type Range } from "../memory/arena.ts";
import { handOnTo, hold } from "../memory/holdings.ts";
import { boundedWord, objectKind, objectWord, pageBytes } from "../memory/layout.ts";
import { idOfIndex, isGone, lookAfter, ownId } from "../memory/participants.ts";
import { Acquirable } from "./acquirable.ts";
import { Guard } from "./guard.ts";
import { longestBargingMs, notTaken } from "./owner-word.ts";
import { checkPermits, type SemaphoreStatistics } from "./semaphore.ts";
import { deadlock, releasedTooOften } from "./lock.ts";
import { registerShared } from "./shared-kind.ts";
import { makeSmallRange, smallestBytes } from "./small-range.ts";
import { countWaiting, oldest, wake, wakeAfterSwap, wakeFound } from "./wait-queue.ts";

/** So many holders fit into the object's own range; more are in a range of their own. */
const mostInside = smallestBytes / 4 - boundedWord.holders;
const wordsPerPage = pageBytes / 4;
/** Up to so many, looking at all is as quick as to ask where to look. Arbitrary. */
const fewPermits = 64;

/** A bounded semaphore at one moment. */
export interface BoundedSemaphoreStatistics extends SemaphoreStatistics {
  /** How many permits there are. */
  readonly bound: number;
}

/**
 * A semaphore whose permits belong to the processes that acquired them: they return when their holder dies or exits.
 *
 * @example
 * const connections = new BoundedSemaphore(10);
 * await connections.withLock(async () => { ... });
 */
export class BoundedSemaphore extends Acquirable {
  readonly #words: Int32Array;
  readonly #base: number;
  readonly #bound: number;
  /** Where the holders are; of a table, as much as has been in use when this process looked last. */
  #holders: Int32Array;
  readonly #first: number;
  readonly #table: number;
  /** Which of them this process has taken, the last one last; looked at again before it is believed. */
  readonly #mine: number[] = [];
  /** The one that it took last of all; -1: none yet. */
  #last = -1;
  #lookedAt = 0;
  /** @internal */
  protected override readonly spot: number;
  /** @internal */
  protected override readonly kindName = "BoundedSemaphore";

  /**
   * @param value how many permits there are: a whole number from 0 to 2^31-1
   * @default 1
   */
  constructor(value?: number);
  /** @internal */
  constructor(range: Range);
  constructor(given: number | Range = 1) {
    super();
    if (typeof given !== "object") checkPermits("BoundedSemaphore", given);
    const { words, base } = typeof given === "object" ? given : makeRange(this, given);
    this.#words = words;
    this.#base = base;
    this.spot = base + objectWord.spot;
    this.#bound = words[base + boundedWord.bound]!;
    this.#table = words[base + boundedWord.table]!;
    this.#holders = this.#table === 0 ? words : new Int32Array(mapPart(this.#table, 0, pageBytes));
    this.#first = this.#table === 0 ? base + boundedWord.holders : 0;
  }

  override tryAcquire(): Guard | undefined {
    const guard = this.takeQuickly();
    if (guard !== undefined) return guard;
    const now = performance.now();
    if (now - this.#lookedAt < 1) return undefined;
    this.#lookedAt = now;
    return this.attempt(true);
  }

  /**
   * Gives a permit back: one of this process's, or else another's.
   *
   * @throws {MultiprocessingError} ERR_MP_INVALID_STATE when all permits are free already
   */
  override release(): void {
    if (!this.#releaseMine() && !this.#releaseAny()) throw releasedTooOften("BoundedSemaphore");
  }

  /** How many permits are free. */
  get value(): number {
    let held = 0;
    for (let at = 0; at < this.#used(); at++) {
      const holder = Atomics.load(this.#holders, this.#first + at);
      if (holder > 0 && !isGone(holder)) held++;
    }
    return this.#bound - held;
  }

  /** True when `acquire()` would have to wait. */
  get locked(): boolean {
    return this.value === 0;
  }

  statistics(): BoundedSemaphoreStatistics {
    return { value: this.value, bound: this.#bound, waitingProcesses: countWaiting(this.spot) };
  }

  /** <BoundedSemaphore value 3 of 10> */
  override toString(): string {
    return `<BoundedSemaphore value ${this.value} of ${this.#bound}>`;
  }

  /** @internal */
  releaseGuard(): void {
    this.#releaseMine();
  }

  /** Where this process had one last: mostly that one is free. @internal */
  protected override takeQuickly(): Guard | undefined {
    const last = this.#last;
    return last >= 0 && this.#take(last, 0) ? new Guard(this, 0, 0) : this.attempt(false);
  }

  /** @internal */
  protected override attempt(thorough: boolean): Guard | undefined {
    const words = this.#words;
    for (;;) {
      const used = this.#used();
      const full = used === this.#bound;
      // While words are left that were never in use, one is begun rather than all looked at for a free one.
      if (full || used <= fewPermits || Atomics.load(words, this.#base + boundedWord.held) < used) {
        const dead = this.#takeAmong(used, full && thorough);
        if (dead !== notTaken) return new Guard(this, dead, 0);
      }
      if (full) return undefined;
      this.#reserveWord(used);
      Atomics.compareExchange(words, this.#base + boundedWord.used, used, used + 1);
      if (this.#take(used, 0)) return new Guard(this, 0, 0);
    }
  }

  /** @internal */
  protected override checkDeadlock(): void {
    const me = ownId();
    if (this.#used() < this.#bound || this.#bound === 0) return;
    for (let at = 0; at < this.#bound; at++) if (Atomics.load(this.#holders, this.#first + at) !== me) return;
    throw deadlock("BoundedSemaphore", "holds all permits of");
  }

  /** @internal */
  protected override decline(): void {
    const kept = -ownId();
    for (let at = 0; at < this.#used(); at++) {
      if (Atomics.compareExchange(this.#holders, this.#first + at, kept, 0) === kept) wake(this.spot);
    }
  }

  /** How many have been in use; that many, and one more, can be looked at then. */
  #used(): number {
    const used = Atomics.load(this.#words, this.#base + boundedWord.used);
    const needed = Math.min(used + 1, this.#bound);
    if (this.#table !== 0 && needed > this.#holders.length) {
      // Twice as much each time. The whole of it could be more than an ArrayBuffer can be.
      const bytes = pageBytes * 2 ** Math.ceil(Math.log2((needed * 4) / pageBytes));
      this.#holders = new Int32Array(mapPart(this.#table, 0, bytes));
    }
    return used;
  }

  /** @returns as `OwnerWord.take()` */
  #takeAmong(used: number, thorough: boolean): number {
    const me = ownId();
    // Each process begins at another one: they are less in each other's way.
    const start = this.#last < 0 ? me % Math.max(1, used) : this.#last;
    let looked: Set<number> | undefined;
    for (let step = 0; step < used; step++) {
      const at = (start + step) % used;
      const holder = Atomics.load(this.#holders, this.#first + at);
      if (holder === me) continue;
      if (holder !== 0 && holder !== -me && !(holder < 0 && thorough)) {
        const who = Math.abs(holder);
        if (!isGone(who)) {
          if (!thorough || looked?.has(who) === true) continue;
          (looked ??= new Set()).add(who);
          if (!lookAfter(who)) continue;
        }
      }
      if (this.#take(at, holder)) return holder > 0 ? holder : 0;
    }
    return notTaken;
  }

  #take(at: number, from: number): boolean {
    if (Atomics.compareExchange(this.#holders, this.#first + at, from, ownId()) !== from) return false;
    if (from === 0) this.#count(1);
    this.#mine.push(at);
    this.#last = at;
    return true;
  }

  #releaseMine(): boolean {
    const me = ownId();
    for (let at = this.#mine.pop(); at !== undefined; at = this.#mine.pop()) {
      if (this.#give(at, me)) return true; // Else another process has released it.
    }
    return false;
  }

  /** As in Python, whoever knows that the work is done may release. */
  #releaseAny(): boolean {
    for (let at = 0; at < this.#used(); at++) {
      const holder = Atomics.load(this.#holders, this.#first + at);
      if (holder > 0 && this.#give(at, holder)) return true;
    }
    return false;
  }

  #give(at: number, from: number): boolean {
    const words = this.#words;
    // Only looked at: who begins to wait after this is woken below.
    const found = words[this.spot] === 0 ? undefined : oldest(words, this.spot);
    const heir = found !== undefined && found.waitedMs > longestBargingMs ? idOfIndex(found.index) : 0;
    const word = this.#first + at;
    if (Atomics.compareExchange(this.#holders, word, from, -heir) !== from) return false;
    if (heir !== 0 && wakeFound(found!)) return true;
    // Told after it is kept. Has it gone meanwhile, the permit is free, unless it or another was quicker.
    if (heir !== 0 && Atomics.compareExchange(this.#holders, word, -heir, 0) !== -heir) return true;
    this.#count(-1);
    wakeAfterSwap(words, this.spot);
    return true;
  }

  /** Where there are few, nobody asks. */
  #count(more: 1 | -1): void {
    if (this.#bound > fewPermits) Atomics.add(this.#words, this.#base + boundedWord.held, more);
  }

  /** So that a full memory is an error, and not a crash. */
  #reserveWord(at: number): void {
    if (this.#table !== 0 && at % wordsPerPage === 0) reserve(this.#table, at * 4 + pageBytes);
  }
}

function makeRange(object: object, bound: number): Range {
  const inside = bound <= mostInside;
  const table = inside ? undefined : hold(Math.max(pageBytes, bound * 4));
  const range = makeSmallRange(object, objectKind.boundedSemaphore);
  const { words, base } = range;
  words[base + boundedWord.bound] = bound;
  if (table !== undefined) handOnTo(words, base + boundedWord.table, table);
  return range;
}

holdsOthers(objectKind.boundedSemaphore, boundedWord.table);

registerShared("bounded-semaphore", BoundedSemaphore, (range) => new BoundedSemaphore(range));
