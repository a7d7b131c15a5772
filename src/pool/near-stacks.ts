/**
 * Where each task was submitted, for the error that it may end with.
 *
 * Runs in: the parent.
 * Why not a stack of its own for each: to take one costs 3 to 10 µs, more than all else that a short task costs here
 * (measured: half of the time of 50,000 submits at once). A function that is submitted that often in one turn of the
 * event loop is submitted by one loop.
 */
import { takeNearStack, type NearStack } from "../process/stacks.ts";

/** So many of a turn have their own, whatever they submit. Arbitrary. */
const mostOwn = 32;

export class NearStacks {
  #taken = 0;
  #fn: unknown;
  #shared: NearStack | undefined;

  /** Tasks from here on belong to another turn. */
  nextTurn(): void {
    this.#taken = 0;
    this.#fn = this.#shared = undefined;
  }

  /** @param below as for `takeNearStack` */
  take(below: (...args: never[]) => unknown, fn: unknown): NearStack {
    if (this.#shared !== undefined && this.#fn === fn) return this.#shared;
    const own = takeNearStack(below);
    if (++this.#taken > mostOwn) {
      this.#fn = fn;
      this.#shared = own;
    }
    return own;
  }
}
