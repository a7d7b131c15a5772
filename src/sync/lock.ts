/**
 * Mutual exclusion between processes that survives the death of its holder.
 *
 * Runs in: every process.
 * Guarantees: at most one holder; a holder that died or exited has released it, which the next one is told; who has
 * waited for more than a millisecond gets it before those who come later.
 *
 *   owner   0: free    id: held by that participant    -id: kept for that participant, which has been waiting
 *
 * Each change is one compare-and-swap from what was seen, so a death between two leaves one of these three. A lock that
 * is kept for somebody is nobody's yet: whoever has waited for long in vain takes it, so it never depends on the one
 * for whom it is kept.
 */
import { invalidState, MultiprocessingError } from "../base/errors.ts";
import { view, type Range } from "../memory/arena.ts";
import { hold, keep } from "../memory/holdings.ts";
import { lockWord, objectKind, objectWord } from "../memory/layout.ts";
import { idOfIndex, indexOf, isGone, lookAfter, ownId, pidOf } from "../memory/participants.ts";
import { Acquirable } from "./acquirable.ts";
import { Guard } from "./guard.ts";
import { registerShared } from "./shared-kind.ts";
import { countWaiting, oldest, waitsAt, wake, wakeFound } from "./wait-queue.ts";

/** Who has waited longer is handed the lock. The promise of the documentation; milliseconds. */
export const longestBargingMs = 1;

/** Failed tryAcquire()s ask the kernel about the holder this often at most: that costs 30 µs. Milliseconds. */
const lookAgainMs = 1;

export interface LockStatistics {
  readonly locked: boolean;
  /** The pid of the process that holds it. */
  readonly ownerPid: number | undefined;
  /** How many processes wait for it. */
  readonly waitingProcesses: number;
}

/**
 * A lock that one holder at a time can have, in any process of the family.
 *
 * Any process may release it, as in Python. When its holder dies or exits, the next one gets it, with
 * `guard.abandoned` set.
 *
 * @example
 * const lock = new Lock();
 * await lock.withLock(async () => { ... });
 */
export class Lock extends Acquirable {
  readonly #words: Int32Array;
  readonly #owner: number;
  /** Of the present holder, if that is in this process: an older one must not release what is no longer its own. */
  #current: Guard | undefined;
  #lookedAt = 0;
  /** @internal */
  protected override readonly spot: number;
  /** @internal */
  protected override readonly kindName = "Lock";

  constructor();
  /** @internal */
  constructor(range: Range);
  constructor(range?: Range) {
    super();
    const { words, base } = range ?? make(this);
    this.#words = words;
    this.#owner = base + lockWord.owner;
    this.spot = base + objectWord.spot;
  }

  override tryAcquire(): Guard | undefined {
    if (Atomics.compareExchange(this.#words, this.#owner, 0, ownId()) !== 0) return this.#tryHard();
    return (this.#current = new Guard(this, 0));
  }

  /**
   * Releases it, whoever holds it.
   *
   * @throws {MultiprocessingError} ERR_MP_INVALID_STATE when nobody holds it
   */
  override release(): void {
    this.#current = undefined;
    const words = this.#words;
    // Only looked at: who begins to wait after this is woken below.
    if (Atomics.load(words, this.spot) === 0) {
      const me = ownId();
      if (Atomics.compareExchange(words, this.#owner, me, 0) === me) {
        if (Atomics.load(words, this.spot) !== 0) wake(this.spot);
        return;
      }
    }
    this.#releaseToWaiters();
  }

  /** True while somebody has it who is alive, as far as is known. */
  get locked(): boolean {
    const owner = Atomics.load(this.#words, this.#owner);
    return owner !== 0 && !isGone(Math.abs(owner));
  }

  statistics(): LockStatistics {
    const owner = Atomics.load(this.#words, this.#owner);
    const locked = owner !== 0 && !isGone(Math.abs(owner));
    return {
      locked,
      ownerPid: locked && owner > 0 ? pidOf(owner) : undefined,
      waitingProcesses: countWaiting(this.spot),
    };
  }

  /** <Lock free>, <Lock held by pid 4711, 2 processes wait> */
  override toString(): string {
    const { locked, ownerPid, waitingProcesses: waiting } = this.statistics();
    const held = !locked ? "free" : ownerPid === undefined ? "kept for a waiter" : `held by pid ${ownerPid}`;
    return `<${this.kindName} ${held}${waiting === 0 ? "" : `, ${waiting} process${waiting === 1 ? "" : "es"} wait`}>`;
  }

  /** True when this process holds it. @internal */
  isMine(): boolean {
    return Atomics.load(this.#words, this.#owner) === ownId();
  }

  /** @internal */
  releaseGuard(guard: Guard): void {
    // Released by hand meanwhile, or by another process: then it is not this guard's any more.
    if (this.#current === guard && this.isMine()) this.release();
  }

  /** @internal */
  protected override attempt(thorough: boolean): Guard | undefined {
    const words = this.#words;
    const me = ownId();
    for (;;) {
      const owner = Atomics.load(words, this.#owner);
      if (owner === me) return undefined;
      // Kept for another: patience ends with the first thorough look.
      if (owner !== 0 && owner !== -me && !(owner < 0 && thorough)) {
        const who = owner < 0 ? -owner : owner;
        if (!(thorough ? lookAfter(who) : isGone(who))) return undefined;
      }
      if (Atomics.compareExchange(words, this.#owner, owner, me) === owner) {
        return (this.#current = new Guard(this, owner > 0 ? owner : 0));
      }
    }
  }

  /** @internal */
  protected override checkDeadlock(): void {
    if (!this.isMine()) return;
    throw new MultiprocessingError(
      `Cannot block for a ${this.kindName} that this process itself holds: nobody could release it meanwhile\n` +
        `  do this:  release it first, use "await lock.acquire()", or an RLock`,
      { code: "ERR_MP_DEADLOCK" },
    );
  }

  /** @internal */
  protected override decline(): void {
    const kept = -ownId();
    if (Atomics.compareExchange(this.#words, this.#owner, kept, 0) === kept) wake(this.spot);
  }

  /** Not free: but perhaps its holder is dead, or it is kept for somebody who no longer comes. */
  #tryHard(): Guard | undefined {
    const guard = this.attempt(false);
    if (guard !== undefined) return guard;
    const now = performance.now();
    if (now - this.#lookedAt < lookAgainMs) return undefined;
    this.#lookedAt = now;
    const owner = Atomics.load(this.#words, this.#owner);
    if (owner === ownId()) return undefined;
    const comes = owner < 0 ? waitsAt(this.#words, this.spot, indexOf(-owner)) : true;
    if (comes && !lookAfter(Math.abs(owner))) return undefined;
    return this.attempt(owner < 0);
  }

  #releaseToWaiters(): void {
    const words = this.#words;
    for (;;) {
      const owner = Atomics.load(words, this.#owner);
      if (owner <= 0) {
        throw invalidState(
          `Cannot release a ${this.kindName} that nobody holds: it was released more often than acquired\n` +
            `  do this:  release it once for each time that it was acquired; "using" or withLock() do that`,
        );
      }
      const found = oldest(words, this.spot);
      const heir = found !== undefined && found.waitedMs > longestBargingMs ? idOfIndex(found.index) : 0;
      if (Atomics.compareExchange(words, this.#owner, owner, -heir) !== owner) continue;
      if (heir === 0) {
        wake(this.spot);
        return;
      }
      // Told after it is kept. Has it gone meanwhile, the lock is free, unless it or another was quicker.
      if (!wakeFound(found!) && Atomics.compareExchange(words, this.#owner, -heir, 0) === -heir) wake(this.spot);
      return;
    }
  }
}

function make(lock: Lock): Range {
  const { handle, holding } = hold(64);
  const range = view(handle);
  Atomics.store(range.words, range.base + objectWord.kind, objectKind.lock);
  keep(lock, handle, holding);
  return range;
}

registerShared("lock", Lock, (range) => new Lock(range));
