/**
 * Durations, counted in classes whose width grows with the duration, so that percentiles cost little memory. Pure.
 *
 * Runs in: the parent.
 * Guarantees: a percentile is right to within an eighth of its value, from a microsecond to weeks.
 */

const smallestMs = 0.001;
/** Classes per doubling. */
const fineness = 8;
const classes = 320;

export class Histogram {
  readonly #counts = new Float64Array(classes);
  #total = 0;

  get count(): number {
    return this.#total;
  }

  add(ms: number, count = 1): void {
    const at = ms <= smallestMs ? 0 : Math.ceil(Math.log2(ms / smallestMs) * fineness);
    this.#counts[Math.min(at, classes - 1)]! += count;
    this.#total += count;
  }

  /** The duration, in milliseconds, that `share` (0 to 1) of all do not exceed; undefined when there are none. */
  percentile(share: number): number | undefined {
    if (this.#total === 0) return undefined;
    let left = Math.max(1, Math.ceil(this.#total * share));
    for (let at = 0; at < classes; at++) {
      left -= this.#counts[at]!;
      if (left <= 0) return smallestMs * 2 ** (at / fineness);
    }
    return smallestMs * 2 ** ((classes - 1) / fineness);
  }
}
