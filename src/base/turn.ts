/**
 * Lets the event loop turn: what is ready at once, again and again, would otherwise keep timers and input waiting.
 *
 * Runs in: every process.
 * Guarantees: a loop of awaits that each ask here lets the event loop turn at least every 10 ms.
 */
/** Leaves two for the work between two questions. Milliseconds. */
const longestTurnMs = 8;

/** When somebody first asked in this turn; 0: nobody has. */
let firstAsked = 0;

/** True when `nextTurn()` is to be awaited before anything is answered at once. */
export function turnIsDue(): boolean {
  const now = performance.now();
  if (firstAsked !== 0) return now - firstAsked > longestTurnMs;
  firstAsked = now;
  setImmediate(turned).unref();
  return false;
}

export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** A promise of something that is there already: it is kept at once, or after a turn that is due. */
export function ready<T>(value: T | PromiseLike<T>): Promise<T> {
  return turnIsDue() ? nextTurn().then(() => value) : Promise.resolve(value);
}

function turned(): void {
  firstAsked = 0;
}
