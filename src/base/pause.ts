/**
 * A moment in which this thread does nothing and keeps its processor: for less than a sleep takes.
 *
 * Runs in: every process.
 */
export function pause(forMs: number): void {
  const until = performance.now() + forMs;
  while (performance.now() < until);
}
