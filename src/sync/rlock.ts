/**
 * A lock that its holder may acquire again; the holder is a process.
 *
 * Runs in: every process.
 * Guarantees: those of `owner-word.ts`; it is free once it was released as often as acquired, or its holder has died.
 */
import { invalidState } from "../base/errors.ts";
import type { Range } from "../memory/arena.ts";
import { lockWord, objectKind, objectWord } from "../memory/layout.ts";
import { Acquirable } from "./acquirable.ts";
import { Guard } from "./guard.ts";
import { describe, type LetGo, type LockStatistics } from "./lock.ts";
import { notTaken, OwnerWord } from "./owner-word.ts";
import { registerShared } from "./shared-kind.ts";
import { makeSmallRange } from "./small-range.ts";
import { countWaiting } from "./wait-queue.ts";

/** A reentrant lock at one moment. */
export interface RLockStatistics extends LockStatistics {
  /** How often this process has acquired it and not released it yet. */
  readonly count: number;
}

/**
 * A lock that the process which holds it may acquire again.
 *
 * It belongs to the process: it does not separate the asynchronous flows of one process from each other, and only the
 * process that holds it may release it.
 *
 * @example
 * const lock = new RLock();
 * using outer = await lock.acquire();
 * using inner = await lock.acquire(); // At once.
 */
export class RLock extends Acquirable {
  readonly #owner: OwnerWord;
  /** Means something only while this process holds it. */
  #count = 0;
  /** @internal */
  protected override readonly spot: number;
  /** @internal */
  protected override readonly kindName = "RLock";

  constructor();
  /** @internal */
  constructor(range: Range);
  constructor(range?: Range) {
    super();
    const { words, base } = range ?? makeSmallRange(this, objectKind.rlock);
    this.spot = base + objectWord.spot;
    this.#owner = new OwnerWord(words, base + lockWord.owner, this.spot);
  }

  override tryAcquire(): Guard | undefined {
    if (this.#owner.takeFree()) {
      this.#count = 1;
      return new Guard(this, 0, 0);
    }
    return this.isMine() ? this.#again() : this.#taken(this.#owner.takeAfterLook());
  }

  /**
   * Undoes one acquire(); the last one frees it.
   *
   * @throws {MultiprocessingError} ERR_MP_INVALID_STATE when this process does not hold it
   */
  override release(): void {
    if (!this.isMine()) {
      throw invalidState(
        `Cannot release an RLock that this process does not hold: only its holder may release it\n` +
          `  do this:  release it in the process that acquired it, as often as it did; or use a Lock`,
      );
    }
    if (--this.#count > 0) return;
    if (!this.#owner.giveQuickly()) this.#owner.give();
  }

  /** True while somebody has it who is alive, as far as is known. */
  get locked(): boolean {
    return this.#owner.state().locked;
  }

  statistics(): RLockStatistics {
    const count = this.isMine() ? this.#count : 0;
    return { ...this.#owner.state(), waitingProcesses: countWaiting(this.spot), count };
  }

  /** <RLock free>, <RLock held by pid 4711, 2 processes wait> */
  override toString(): string {
    return describe("RLock", this.statistics());
  }

  /** True when this process holds it. @internal */
  isMine(): boolean {
    return this.#owner.isMine();
  }

  /** @internal */
  releaseAll(): LetGo {
    const count = this.#count;
    this.#count = 1;
    this.release();
    return { turn: 0, count };
  }

  /** @internal */
  restore({ count }: LetGo): void {
    // Another flow of this process may have it, too: it belongs to the process.
    this.#count += count - 1;
  }

  /** @internal */
  releaseGuard(): void {
    if (this.isMine()) this.release();
  }

  /** @internal */
  protected override attempt(thorough: boolean): Guard | undefined {
    return this.isMine() ? this.#again() : this.#taken(this.#owner.take(thorough));
  }

  /** @internal */
  protected override checkDeadlock(): void {}

  /** @internal */
  protected override decline(): void {
    this.#owner.decline();
  }

  #again(): Guard {
    this.#count++;
    return new Guard(this, 0, 0);
  }

  #taken(dead: number): Guard | undefined {
    if (dead === notTaken) return undefined;
    this.#count = 1;
    return new Guard(this, dead, 0);
  }
}

registerShared("rlock", RLock, (range) => new RLock(range));
