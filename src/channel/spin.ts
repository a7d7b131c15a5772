/**
 * Looking again and again for a moment, before sleeping: to be woken costs two system calls and a change of context.
 *
 * Runs in: every process.
 * Guarantees: who looks in vain again and again looks ever more seldom, so that what is never there in time costs next to
 * nothing; nobody looks on while others have rung.
 */
import { availableParallelism } from "node:os";
import { isRung } from "../memory/doorbell.ts";

/**
 * Milliseconds. Measured: a peer that sleeps in its event loop answers 20 to 25 µs after it was rung, a blocked one after
 * 10 to 15. Twice that, so that the two fall into step: from then on each is awake when the other answers.
 */
const spinMs = 0.05;
/** Between looks at the clock, which costs more than a look at memory. */
const looks = 20;
/** Waits between two tries, at most: so 50 µs in vain are 0.2 µs a wait. */
const mostSkipped = 255;

/** With one processor, the other one can do nothing meanwhile. */
export const worthIt: boolean = availableParallelism() > 1;

/** For the waits at one end of a channel: whether it is worth it depends on who is at the other end, and on its processor. */
export class Spinner {
  #skip: number;
  #afterVain = 1;

  /** @param skip so many waits are not worth a look: a program that waits only a few times gains nothing */
  constructor(skip = 2) {
    this.#skip = skip;
  }

  /** @returns what the attempt has found; undefined: sleep */
  spin<T>(attempt: () => T | undefined): T | undefined {
    if (!worthIt) return undefined;
    if (this.#skip > 0) {
      this.#skip--;
      return undefined;
    }
    const until = performance.now() + spinMs;
    do {
      for (let i = 0; i < looks; i++) {
        const found = attempt();
        if (found !== undefined) {
          this.#afterVain = 1;
          return found;
        }
      }
      if (isRung()) return undefined;
    } while (performance.now() < until);
    this.#skip = this.#afterVain;
    this.#afterVain = Math.min(2 * this.#afterVain + 1, mostSkipped);
    return undefined;
  }
}
