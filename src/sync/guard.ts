/**
 * What an acquirer has in hand: release it once, by hand or by `using`.
 *
 * Runs in: every process.
 */
import { pidOf } from "../memory/participants.ts";

/** What a guard can be released to. */
export interface Acquired {
  /** Called at most once for each guard. */
  releaseGuard(guard: Guard): void;
}

/**
 * A lock, or a permit of a semaphore, that has been acquired.
 *
 * @example
 * using guard = await lock.acquire();
 * if (guard.abandoned) repair(guard.previousOwner);
 */
export class Guard implements Disposable {
  readonly #subject: Acquired;
  #dead: number;
  #released = false;

  /**
   * @param dead the participant that had it when it died; 0: nobody
   * @internal
   */
  constructor(subject: Acquired, dead: number) {
    this.#subject = subject;
    this.#dead = dead;
  }

  /** True when whoever had it before died or exited without releasing it: what it protects may be half done. */
  get abandoned(): boolean {
    return this.#dead !== 0;
  }

  /** The pid of the process that died with it; undefined when it was released in order, or so long ago that nobody knows. */
  get previousOwner(): number | undefined {
    return this.#dead === 0 ? undefined : pidOf(this.#dead);
  }

  /** Releases it; twice is fine, and so is after `release()` of the object itself. */
  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#subject.releaseGuard(this);
  }

  /** A wait of a Condition has acquired the lock again for whoever had it before. @internal */
  inherit(anew: Guard): void {
    if (anew.#dead !== 0) this.#dead = anew.#dead;
  }

  [Symbol.dispose](): void {
    this.release();
  }
}
