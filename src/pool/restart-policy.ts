/**
 * When a worker that has ended is replaced, and when a task whose worker has died is tried again. Pure.
 *
 * Runs in: the parent.
 * Guarantees: a delay, never a refusal, and never more than a second: a pool without workers would be a hang.
 */

/** So many may end without having finished anything before it looks like a fault of theirs. Arbitrary. */
const free = 3;
const stepMs = 10;
const longestMs = 1000;

/** Milliseconds before the next worker is started, after `barren` in a row that finished no task. */
export function restartDelayMs(barren: number): number {
  return Math.min(longestMs, Math.max(0, barren - free) * stepMs);
}

const firstRetryMs = 10;

/** Milliseconds before a task is tried for the `attempt`-th time again (1 is the first retry). */
export function retryDelayMs(attempt: number): number {
  return Math.min(longestMs, firstRetryMs * 2 ** Math.min(attempt - 1, 20));
}

/** How often in a row a worker may fail to come up before the pool is given up. */
export const mostFailedStarts = 3;
/** One that was killed in its initializer may have been killed by mistake, and is tried more often. Arbitrary. */
export const mostKilledStarts = 10;
