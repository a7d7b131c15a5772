/**
 * What pipes and queues have in common for those who wait at their end: to be told that it is ready, and to go on to the last.
 *
 * Runs in: every process.
 */
import { waitFor } from "../sync/wait-queue.ts";
import { EndOfChannelError } from "./errors.ts";

/**
 * For `Waitable.onReady`.
 *
 * @param spot where they wait
 * @param then called when it is ready, and when `isReady` throws: whoever looks again is told why
 * @returns what takes the wish back
 */
export function whenReady(spot: number, isReady: (thorough: boolean) => boolean, then: () => void): () => void {
  const stop = new AbortController();
  const { signal } = stop;
  waitFor(spot, (thorough) => isReady(thorough) || undefined, { signal }, "wait()").then(then, () => {
    if (!signal.aborted) then();
  });
  return () => stop.abort();
}

/** What `next()` gives, one after the other, until there is nothing left and nothing will come. */
export async function* untilEnd<T>(next: () => Promise<T>): AsyncGenerator<T, void, void> {
  for (;;) {
    let value: T;
    try {
      value = await next();
    } catch (error) {
      if (error instanceof EndOfChannelError) return;
      throw error;
    }
    yield value;
  }
}
