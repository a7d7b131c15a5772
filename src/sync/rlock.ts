/**
 * A lock that its holder may acquire again; the holder is a process.
 *
 * Runs in: every process.
 * Guarantees: those of `owner-word.ts`; it is free once it was released as often as acquired, or its holder has died.
 */
import { invalidState } from "../base/errors.ts";
import type { Range } from "../memory/arena.ts";
import { objectKind } from "../memory/layout.ts";
import { Guard } from "./guard.ts";
import { OwnedLock, type LetGo, type LockStatistics } from "./owned-lock.ts";
import { notTaken } from "./owner-word.ts";
import { registerShared } from "./shared-kind.ts";

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
export class RLock extends OwnedLock {
  /** Means something only while this process holds it. */
  #count = 0;
  /** Turns from before waits for Conditions, which were restored while another flow of this process had it already. */
  #restored: Set<number> | undefined;
  /** @internal */
  protected override readonly kindName = "RLock";

  constructor();
  /** @internal */
  constructor(range: Range);
  constructor(range?: Range) {
    super(objectKind.rlock, range);
  }

  override tryAcquire(): Guard | undefined {
    return this.takeQuickly() ?? this.#taken(this.owner.takeAfterLook());
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
    if (!this.owner.giveQuickly()) this.owner.give();
  }

  override statistics(): RLockStatistics {
    return { ...super.statistics(), count: this.isMine() ? this.#count : 0 };
  }

  /** @internal */
  override releaseAll(): LetGo {
    const { turn } = this;
    const count = this.#count;
    this.#count = 1;
    this.release();
    return { turn, count };
  }

  /** @internal */
  override restore(letGo: LetGo, who: number): void {
    // Another flow of this process may have it, too: it belongs to the process.
    if (this.#count === 1) super.restore(letGo, who);
    else (this.#restored ??= new Set()).add(letGo.turn);
    this.#count += letGo.count - 1;
  }

  /** @internal */
  releaseGuard(turn: number): void {
    // Released by hand meanwhile: then what is held now was acquired later, and is another guard's.
    if (this.isMine() && (turn === this.turn || this.#restored?.has(turn) === true)) this.release();
  }

  /** @internal */
  protected override takeQuickly(): Guard | undefined {
    if (this.owner.takeFree()) return this.#first(0);
    return this.isMine() ? this.#again() : undefined;
  }

  /** @internal */
  protected override attempt(thorough: boolean): Guard | undefined {
    return this.isMine() ? this.#again() : this.#taken(this.owner.take(thorough));
  }

  /** @internal */
  protected override checkDeadlock(): void {}

  #again(): Guard {
    this.#count++;
    return new Guard(this, 0, this.turn);
  }

  #taken(dead: number): Guard | undefined {
    return dead === notTaken ? undefined : this.#first(dead);
  }

  #first(dead: number): Guard {
    this.#count = 1;
    this.#restored = undefined;
    return new Guard(this, dead, this.nextTurn());
  }
}

registerShared("rlock", RLock, (range) => new RLock(range));
