/**
 * What Lock and RLock have in common: the word that says who holds it, and which acquisition a guard stands for.
 *
 * Runs in: every process.
 * Guarantees: those of `owner-word.ts`; the next holder after a death is told, also when it gets the lock again at the end of
 * a wait for a Condition.
 */
import type { Range } from "../memory/arena.ts";
import { lockWord, objectWord } from "../memory/layout.ts";
import { Acquirable } from "./acquirable.ts";
import { OwnerWord, type OwnerState } from "./owner-word.ts";
import { makeSmallRange } from "./small-range.ts";
import { countWaiting } from "./wait-queue.ts";

/** A lock at one moment. */
export interface LockStatistics extends OwnerState {
  /** How many processes wait for it. */
  readonly waitingProcesses: number;
}

/** What a lock was when it was let go altogether, for a wait for a Condition. */
export interface LetGo {
  readonly turn: number;
  readonly count: number;
}

/** Turns are small integers, and none is negative. */
const mostTurns = 2 ** 30 - 1;

export abstract class OwnedLock extends Acquirable {
  /** @internal */
  protected readonly owner: OwnerWord;
  /** The present acquisition. @internal */
  protected turn = 0;
  /** Counts acquisitions here. */
  #turns = 0;
  /** The participant that died with it during a wait of a Condition, and in which turn that was. */
  #died: { readonly turn: number; readonly who: number } | undefined;
  /** @internal */
  protected override readonly spot: number;

  /** @internal */
  constructor(kind: number, range: Range | undefined) {
    super();
    const { words, base } = range ?? makeSmallRange(this, kind);
    this.spot = base + objectWord.spot;
    this.owner = new OwnerWord(words, base + lockWord.owner, this.spot);
  }

  /** True while somebody has it who is alive, as far as is known. */
  get locked(): boolean {
    return this.owner.state().locked;
  }

  statistics(): LockStatistics {
    return { ...this.owner.state(), waitingProcesses: countWaiting(this.spot) };
  }

  /** <Lock free>, <Lock held by pid 4711, 2 processes wait> */
  override toString(): string {
    const { locked, ownerPid, waitingProcesses: waiting } = this.statistics();
    const held = !locked ? "free" : ownerPid === undefined ? "kept for a waiter" : `held by pid ${ownerPid}`;
    return `<${this.kindName} ${held}${waiting === 0 ? "" : `, ${waiting} process${waiting === 1 ? "" : "es"} wait`}>`;
  }

  /** True when this process holds it. @internal */
  isMine(): boolean {
    return this.owner.isMine();
  }

  /** For a Condition: to be undone by `restore`, once it is acquired again. @internal */
  abstract releaseAll(): LetGo;

  /**
   * The guards from before the wait stand for it again.
   *
   * @param who the participant that had died with it when it was acquired again; 0: none
   * @internal
   */
  restore({ turn }: LetGo, who: number): void {
    this.turn = turn;
    if (who !== 0) this.#died = { turn, who };
  }

  /** @internal */
  deadWithin(turn: number): number {
    return this.#died?.turn === turn ? this.#died.who : 0;
  }

  /** @internal */
  protected override decline(): void {
    this.owner.decline();
  }

  /** @internal */
  protected nextTurn(): number {
    return (this.turn = this.#turns = (this.#turns + 1) & mostTurns);
  }
}
