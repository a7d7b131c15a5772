/**
 * Mutual exclusion between processes that survives the death of its holder.
 *
 * Runs in: every process.
 * Guarantees: those of `owner-word.ts`; the next holder after a death is told.
 */
import { invalidState, MultiprocessingError } from "../base/errors.ts";
import type { Range } from "../memory/arena.ts";
import { lockWord, objectKind, objectWord } from "../memory/layout.ts";
import { Acquirable } from "./acquirable.ts";
import { Guard } from "./guard.ts";
import { notTaken, OwnerWord, type OwnerState } from "./owner-word.ts";
import { registerShared } from "./shared-kind.ts";
import { makeSmallRange } from "./small-range.ts";
import { countWaiting } from "./wait-queue.ts";

/** A lock at one moment. */
export interface LockStatistics extends OwnerState {
  /** How many processes wait for it. */
  readonly waitingProcesses: number;
}

/** Turns are small integers, and none is negative. */
const mostTurns = 2 ** 30 - 1;

/** What a lock was when it was let go altogether: see `releaseAll`. */
export interface LetGo {
  readonly turn: number;
  readonly count: number;
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
  readonly #owner: OwnerWord;
  /** Counts acquisitions here. */
  #turns = 0;
  /** The present one: a guard of an earlier one must not release what is no longer its own. */
  #turn = 0;
  /** The participant that died with it during a wait of a Condition, and in which turn that was. */
  #died: { readonly turn: number; readonly who: number } | undefined;
  /** @internal */
  protected override readonly spot: number;
  /** @internal */
  protected override readonly kindName = "Lock";

  constructor();
  /** @internal */
  constructor(range: Range);
  constructor(range?: Range) {
    super();
    const { words, base } = range ?? makeSmallRange(this, objectKind.lock);
    this.spot = base + objectWord.spot;
    this.#owner = new OwnerWord(words, base + lockWord.owner, this.spot);
  }

  override tryAcquire(): Guard | undefined {
    if (this.#owner.takeFree()) return new Guard(this, 0, this.#nextTurn());
    return this.#taken(this.#owner.takeAfterLook());
  }

  /**
   * Releases it, whoever holds it.
   *
   * @throws {MultiprocessingError} ERR_MP_INVALID_STATE when nobody holds it
   */
  override release(): void {
    if (!this.#owner.giveQuickly() && !this.#owner.give()) throw releasedTooOften(this.kindName);
  }

  /** True while somebody has it who is alive, as far as is known. */
  get locked(): boolean {
    return this.#owner.state().locked;
  }

  statistics(): LockStatistics {
    return { ...this.#owner.state(), waitingProcesses: countWaiting(this.spot) };
  }

  /** <Lock free>, <Lock held by pid 4711, 2 processes wait> */
  override toString(): string {
    return describe("Lock", this.statistics());
  }

  /** True when this process holds it. @internal */
  isMine(): boolean {
    return this.#owner.isMine();
  }

  /** For a Condition: to be undone by `restore`, once it is acquired again. @internal */
  releaseAll(): LetGo {
    const turn = this.#turn;
    this.release();
    return { turn, count: 1 };
  }

  /** The guard from before the wait stands for it again. @internal */
  restore({ turn }: LetGo, who: number): void {
    this.#turn = turn;
    if (who !== 0) this.#died = { turn, who };
  }

  /** @internal */
  deadWithin(turn: number): number {
    return this.#died?.turn === turn ? this.#died.who : 0;
  }

  /** @internal */
  releaseGuard(turn: number): void {
    // Released by hand meanwhile, or by another process: then it is not this guard's any more.
    if (this.#turn === turn && this.isMine()) this.release();
  }

  /** @internal */
  protected override attempt(thorough: boolean): Guard | undefined {
    return this.#taken(this.#owner.take(thorough));
  }

  /** @internal */
  protected override checkDeadlock(): void {
    if (this.isMine()) throw deadlock(this.kindName, "holds");
  }

  /** @internal */
  protected override decline(): void {
    this.#owner.decline();
  }

  #taken(dead: number): Guard | undefined {
    return dead === notTaken ? undefined : new Guard(this, dead, this.#nextTurn());
  }

  #nextTurn(): number {
    return (this.#turn = this.#turns = (this.#turns + 1) & mostTurns);
  }
}

export function describe(name: string, { locked, ownerPid, waitingProcesses: waiting }: LockStatistics): string {
  const held = !locked ? "free" : ownerPid === undefined ? "kept for a waiter" : `held by pid ${ownerPid}`;
  return `<${name} ${held}${waiting === 0 ? "" : `, ${waiting} process${waiting === 1 ? "" : "es"} wait`}>`;
}

/** @param does what this process does with it: "holds" */
export function deadlock(name: string, does: string): MultiprocessingError {
  return new MultiprocessingError(
    `Cannot block for a ${name} that this process itself ${does}: nobody could release it meanwhile\n` +
      `  do this:  release it first, use "await lock.acquire()", or an RLock`,
    { code: "ERR_MP_DEADLOCK" },
  );
}

export function releasedTooOften(name: string): MultiprocessingError {
  return invalidState(
    `Cannot release a ${name} that nobody holds: it was released more often than acquired\n` +
      `  do this:  release it once for each time that it was acquired; "using" or withLock() do that`,
  );
}

registerShared("lock", Lock, (range) => new Lock(range));
