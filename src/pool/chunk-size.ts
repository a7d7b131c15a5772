/**
 * How many tasks go to a worker at once: short ones in batches, long ones one by one, the last ones spread. Pure.
 *
 * Runs in: the parent.
 * Why time and not a share of the input (CPython's quarter of a worker's part): of tasks that are long, or differ, a
 * share makes the slowest worker decide; of an input without a length there is none.
 */

export interface ChunkFacts {
  /** How long one task takes, in milliseconds; undefined while none has been measured. */
  readonly taskMs: number | undefined;
  /** Tasks that are not handed out yet; undefined when nobody knows. */
  readonly remaining: number | undefined;
  readonly workers: number;
  /** No chunk is larger. */
  readonly largest: number;
}

/** Long against what a chunk costs (about 0.1 ms), short against what a person or a time limit notices. Arbitrary. */
const targetMs = 10;
/** Below it, handing over costs more than an uneven end does. Arbitrary. */
const smallestMs = 0.5;
/** From this length on handing over is no cost worth saving, so nothing waits at a worker that could wait here. */
const longTaskMs = 1;

/** The number of tasks for the next chunk, at least 1: one while nothing is known, so that long tasks stay alone. */
export function chunkSize({ taskMs, remaining, workers, largest }: ChunkFacts): number {
  if (taskMs === undefined) return 1;
  const inTime = Math.floor(targetMs / Math.max(taskMs, 1e-6));
  const worthwhile = Math.ceil(smallestMs / Math.max(taskMs, 1e-6));
  const share = remaining === undefined ? Infinity : Math.ceil(remaining / (workers * 2));
  const size = Math.min(inTime, Math.max(share, Math.min(worthwhile, inTime)), largest, remaining ?? Infinity);
  return Math.max(1, size);
}

/**
 * How many chunks of a fixed size go together, at least 1: short ones, so that handing over costs little. At the end each
 * worker gets its share.
 */
export function chunksTogether(size: number, { taskMs, remaining, workers, largest }: ChunkFacts): number {
  if (taskMs === undefined) return 1;
  const inTime = Math.floor(aheadMs / Math.max(taskMs * size, 1e-6));
  const share = remaining === undefined ? 1 : Math.ceil(remaining / (workers * 2 * size));
  return Math.max(1, Math.min(inTime, share, Math.floor(largest / size)));
}

/** Chunks that hold less work than that in all are handed out together. Arbitrary: short against what a person notices. */
const aheadMs = 0.5;
const mostAhead = 64;

/**
 * How many chunks of `size` tasks a worker may hold, the one it works at included: few, so that cancelling means
 * cancelling; of tiny ones so many that it does not run dry while the next are on their way.
 */
export function chunksAhead(taskMs: number | undefined, size: number): number {
  if (taskMs === undefined || taskMs >= longTaskMs) return 1;
  return Math.max(2, Math.min(mostAhead, Math.ceil(aheadMs / Math.max(taskMs * size, 1e-6))));
}

/** The new part of a smoothed time: quick to follow, since the first call of a function is no measure of the rest. */
const weight = 0.5;

/** How long one task takes, after another `count` that took `elapsedMs` together. */
export function smoothedMs(before: number | undefined, elapsedMs: number, count: number): number {
  const each = elapsedMs / count;
  return before === undefined ? each : before + (each - before) * weight;
}
