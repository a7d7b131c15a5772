/**
 * Those of this process who wait for one end of a channel, in the order of coming.
 *
 * Runs in: every process.
 * Guarantees: what is sent first arrives first, and who asks first is answered first, whatever happens in between; a wait
 * that is given up makes room for the next.
 * Leaves to others: waiting itself (`sync/wait-queue.ts`).
 */
import type { WaitOptions } from "../base/options.ts";
import type { Attempt } from "../sync/wait-places.ts";
import { waitFor, wake } from "../sync/wait-queue.ts";

/** Its place in the line, until it has had its turn or given up. */
interface Turn {
  isOver: boolean;
}

/** Below, what is over is not worth taking out of the line. Arbitrary. */
const fewOver = 32;

export class Line {
  /** Those that are over stay where they are until they are as many as the others: to take out each one moves all behind it. */
  #turns: Turn[] = [];
  #first = 0;
  #waiting = 0;

  /** False: whoever comes now must go to the end of the line. */
  get isEmpty(): boolean {
    return this.#waiting === 0;
  }

  wait<T>(spot: number, attempt: Attempt<T>, options: WaitOptions, what: string): Promise<T> {
    const turn: Turn = { isOver: false };
    this.#turns.push(turn);
    this.#waiting++;
    const inTurn: Attempt<T> = (thorough) => {
      if (this.#turns[this.#first] !== turn) return undefined;
      const found = attempt(thorough);
      if (found !== undefined) this.#end(turn); // At once, so that the next one can go on in the same breath.
      return found;
    };
    const waited = waitFor(spot, inTurn, options, what);
    waited.catch(() => {
      if (turn.isOver) return;
      const wasFirst = this.#turns[this.#first] === turn;
      this.#end(turn);
      if (wasFirst && this.#waiting > 0) wake(spot);
    });
    return waited;
  }

  #end(turn: Turn): void {
    turn.isOver = true;
    this.#waiting--;
    const turns = this.#turns;
    while (this.#first < turns.length && turns[this.#first]!.isOver) this.#first++;
    if (turns.length - this.#waiting <= Math.max(fewOver, this.#waiting)) return;
    this.#turns = turns.slice(this.#first).filter((each) => !each.isOver);
    this.#first = 0;
  }
}
