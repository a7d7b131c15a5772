/**
 * Those of this process who wait for one end of a channel, in the order of coming.
 *
 * Runs in: every process.
 * Guarantees: what is sent first arrives first, and who asks first is answered first, whatever happens in between; a wait
 * that is given up makes room for the next.
 * Leaves to others: waiting itself (`sync/wait-queue.ts`).
 */
import type { WaitOptions } from "../base/options.ts";
import { waitFor, wake, type Attempt } from "../sync/wait-queue.ts";

export class Line {
  readonly #waiting: object[] = [];

  /** False: whoever comes now must go to the end of the line. */
  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  wait<T>(spot: number, attempt: Attempt<T>, options: WaitOptions, what: string): Promise<T> {
    const waiting = this.#waiting;
    const turn = {};
    waiting.push(turn);
    const inTurn: Attempt<T> = (thorough) => {
      if (waiting[0] !== turn) return undefined;
      const found = attempt(thorough);
      if (found !== undefined) waiting.shift(); // At once, so that the next one can go on in the same breath.
      return found;
    };
    const waited = waitFor(spot, inTurn, options, what);
    waited.catch(() => {
      const at = waiting.indexOf(turn);
      if (at >= 0) waiting.splice(at, 1);
      if (at === 0 && waiting.length > 0) wake(spot);
    });
    return waited;
  }
}
