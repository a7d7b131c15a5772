/**
 * What an acquirer has in hand: release it once, by hand or by `using`.
 *
 * Runs in: every process.
 */
import { pidOf } from "../memory/participants.ts";

/** What a guard can be released to. */
export interface Acquired {
  /** Called at most once for each guard. */
  releaseGuard(turn: number): void;
  /** Of a lock that was acquired again within that turn: the participant that had died with it; 0: none had. */
  deadWithin?(turn: number): number;
}

/**
 * A lock, or a permit of a semaphore, that has been acquired.
 *
 * Nothing holds on to it, so that V8 need not make one that is never looked at (measured: a third of the whole cost).
 *
 * @example
 * using guard = await lock.acquire();
 * if (guard.abandoned) repair(guard.previousOwner);
 */
export class Guard implements Disposable {
  readonly #subject: Acquired;
  readonly #dead: number;
  /** Which acquisition of its subject it is; its complement once it has been released. */
  #turn: number;

  /**
   * @param dead the participant that had it when it died; 0: nobody
   * @param turn which acquisition of its subject this is, where that matters: not negative
   * @internal
   */
  constructor(subject: Acquired, dead: number, turn: number) {
    this.#subject = subject;
    this.#dead = dead;
    this.#turn = turn;
  }

  /** True when whoever had it before died or exited without releasing it: what it protects may be half done. */
  get abandoned(): boolean {
    return this.whoDied() !== 0;
  }

  /** The pid of the process that died with it; undefined when it was released in order, or so long ago that nobody knows. */
  get previousOwner(): number | undefined {
    const dead = this.whoDied();
    return dead === 0 ? undefined : pidOf(dead);
  }

  /** Releases it; twice is fine, and so is after `release()` of the object itself. */
  release(): void {
    const turn = this.#turn;
    if (turn < 0) return;
    this.#turn = ~turn;
    this.#subject.releaseGuard(turn);
  }

  [Symbol.dispose](): void {
    this.release();
  }

  /** The participant that died with it; 0: none did. @internal */
  whoDied(): number {
    const turn = this.#turn;
    return this.#subject.deadWithin?.(turn < 0 ? ~turn : turn) || this.#dead;
  }
}
