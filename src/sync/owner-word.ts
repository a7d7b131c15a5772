/**
 * The word of a lock that says who holds it: taken, kept for somebody, given back.
 *
 * Runs in: every process.
 * Guarantees: at most one holder; a holder that died or exited has given it back; who has waited for more than a
 * millisecond gets it before those who come later.
 *
 *   0: free    id: held by that participant    -id: kept for that participant, which has been waiting
 *
 * Each change is one compare-and-swap from what was seen, so a death between two leaves one of these three. A lock that
 * is kept for somebody is nobody's yet: whoever has waited for long in vain takes it, so it never depends on the one
 * for whom it is kept.
 */
import { idOfIndex, indexOf, isGone, lookAfter, ownId, pidOf } from "../memory/participants.ts";
import { oldest, waitsAt, wake, wakeAfterSwap, wakeFound } from "./wait-queue.ts";

/** Who has waited longer is handed the lock. What the documentation promises; milliseconds. */
export const longestBargingMs = 1;

/** Failed tries ask the kernel about the holder this often at most: that costs 30 µs. Milliseconds. */
const lookAgainMs = 1;

/** Instead of the participant that died with the lock: it was not to be had. */
export const notTaken = -1;

export interface OwnerState {
  /** Somebody holds it. */
  readonly locked: boolean;
  /** The pid of the process that holds it. */
  readonly ownerPid: number | undefined;
}

export class OwnerWord {
  readonly #words: Int32Array;
  readonly #at: number;
  readonly #spot: number;
  #lookedAt = 0;

  constructor(words: Int32Array, at: number, spot: number) {
    this.#words = words;
    this.#at = at;
    this.#spot = spot;
  }

  isMine(): boolean {
    return Atomics.load(this.#words, this.#at) === ownId();
  }

  /** True when it was free and is now this process's. */
  takeFree(): boolean {
    return Atomics.compareExchange(this.#words, this.#at, 0, ownId()) === 0;
  }

  /**
   * One attempt of a wait.
   *
   * @returns the participant that died with it, 0 when there was none, `notTaken` when it is not to be had
   */
  take(thorough: boolean): number {
    const words = this.#words;
    const me = ownId();
    for (;;) {
      const owner = Atomics.load(words, this.#at);
      if (owner === me) return notTaken;
      // Kept for another: patience ends with the first thorough look.
      if (owner !== 0 && owner !== -me && !(owner < 0 && thorough)) {
        const who = owner < 0 ? -owner : owner;
        if (!(thorough ? lookAfter(who) : isGone(who))) return notTaken;
      }
      if (Atomics.compareExchange(words, this.#at, owner, me) === owner) return owner > 0 ? owner : 0;
    }
  }

  /** For those who do not wait: perhaps its holder is dead, or it is kept for somebody who no longer comes. */
  takeAfterLook(): number {
    const dead = this.take(false);
    if (dead !== notTaken) return dead;
    const now = performance.now();
    if (now - this.#lookedAt < lookAgainMs) return notTaken;
    this.#lookedAt = now;
    const owner = Atomics.load(this.#words, this.#at);
    if (owner === ownId()) return notTaken;
    const comes = owner < 0 ? waitsAt(this.#words, this.#spot, indexOf(-owner)) : true;
    if (comes && !lookAfter(Math.abs(owner))) return notTaken;
    return this.take(owner < 0);
  }

  /** True when this process held it, nobody waits, and it is free now. */
  giveQuickly(): boolean {
    const words = this.#words;
    // Only looked at: who begins to wait after this is woken below.
    if (words[this.#spot] !== 0) return false;
    const me = ownId();
    if (Atomics.compareExchange(words, this.#at, me, 0) !== me) return false;
    wakeAfterSwap(words, this.#spot);
    return true;
  }

  /** Gives it to who has waited long, or frees it, whoever holds it; false when nobody does. */
  give(): boolean {
    const words = this.#words;
    for (;;) {
      const owner = Atomics.load(words, this.#at);
      if (owner <= 0) return false;
      const found = oldest(words, this.#spot);
      const heir = found !== undefined && found.waitedMs > longestBargingMs ? idOfIndex(found.index) : 0;
      if (Atomics.compareExchange(words, this.#at, owner, -heir) !== owner) continue;
      if (heir === 0) wake(this.#spot);
      // Told after it is kept. Has it gone meanwhile, the lock is free, unless it or another was quicker.
      else if (!wakeFound(found!) && Atomics.compareExchange(words, this.#at, -heir, 0) === -heir) wake(this.#spot);
      return true;
    }
  }

  /** This process has given a wait up: what is kept for it is for others. */
  decline(): void {
    const kept = -ownId();
    if (Atomics.compareExchange(this.#words, this.#at, kept, 0) === kept) wake(this.#spot);
  }

  state(): OwnerState {
    const owner = Atomics.load(this.#words, this.#at);
    const locked = owner !== 0 && !isGone(Math.abs(owner));
    return { locked, ownerPid: locked && owner > 0 ? pidOf(owner) : undefined };
  }
}
