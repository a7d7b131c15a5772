/**
 * Loops of awaits that are ready at once must not keep the event loop from turning.
 *
 * Runs in: every process.
 */

/** Milliseconds after which an answer that is ready waits for the event loop to turn. Promised in the documents. */
const longestMs = 10;

/** When the first answer since the last turn was given; 0: none yet. */
let since = 0;

/** A promise of something that is there already. */
export function ready<T>(value: T): Promise<T> {
  if (since === 0) {
    since = performance.now();
    setImmediate(turned).unref();
  } else if (performance.now() - since > longestMs) {
    return new Promise((resolve) => setImmediate(resolve, value));
  }
  return Promise.resolve(value);
}

function turned(): void {
  since = 0;
}
