/**
 * Looking again and again for a moment, before sleeping: to be woken costs two system calls and a change of context.
 *
 * Runs in: every process, in its blocking calls.
 */
import { availableParallelism } from "node:os";

/** Milliseconds. Arbitrary. */
const spinMs = 0.05;
/** Between looks at the clock, which costs more than a look at memory. */
const looks = 20;

/** With one processor, the other one can do nothing meanwhile. */
const worthIt = availableParallelism() > 1;

export function spin<T>(attempt: () => T | undefined): T | undefined {
  let found = attempt();
  if (found !== undefined || !worthIt) return found;
  const until = performance.now() + spinMs;
  do {
    for (let i = 0; i < looks; i++) {
      found = attempt();
      if (found !== undefined) return found;
    }
  } while (performance.now() < until);
  return undefined;
}
