/**
 * Mutual exclusion between processes that survives the death of its holder.
 *
 * Runs in: every process.
 * Guarantees: those of `owner-word.ts`; the next holder after a death is told.
 */
import { invalidState, MultiprocessingError } from "../base/errors.ts";
import type { Range } from "../memory/arena.ts";
import { objectKind } from "../memory/layout.ts";
import { Guard } from "./guard.ts";
import { OwnedLock, type LetGo } from "./owned-lock.ts";
import { notTaken } from "./owner-word.ts";
import { registerShared } from "./shared-kind.ts";

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
export class Lock extends OwnedLock {
  /** @internal */
  protected override readonly kindName = "Lock";

  constructor();
  /** @internal */
  constructor(range: Range);
  constructor(range?: Range) {
    super(objectKind.lock, range);
  }

  override tryAcquire(): Guard | undefined {
    return this.takeQuickly() ?? this.#taken(this.owner.takeAfterLook());
  }

  /**
   * Releases it, whoever holds it.
   *
   * @throws {MultiprocessingError} ERR_MP_INVALID_STATE when nobody holds it
   */
  override release(): void {
    if (!this.owner.giveQuickly() && !this.owner.give()) throw releasedTooOften(this.kindName);
  }

  /** @internal */
  override releaseAll(): LetGo {
    const turn = this.turn;
    this.release();
    return { turn, count: 1 };
  }

  /** @internal */
  releaseGuard(turn: number): void {
    // Released by hand meanwhile, or by another process: then it is not this guard's any more.
    if (this.turn === turn && this.isMine()) this.release();
  }

  /** @internal */
  protected override takeQuickly(): Guard | undefined {
    return this.owner.takeFree() ? new Guard(this, 0, this.nextTurn()) : undefined;
  }

  /** @internal */
  protected override attempt(thorough: boolean): Guard | undefined {
    return this.#taken(this.owner.take(thorough));
  }

  /** @internal */
  protected override checkDeadlock(): void {
    if (this.isMine()) throw deadlock(this.kindName, "holds");
  }

  #taken(dead: number): Guard | undefined {
    return dead === notTaken ? undefined : new Guard(this, dead, this.nextTurn());
  }
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
