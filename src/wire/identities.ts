/**
 * The objects of a message by their numbers, in the order in which they came.
 *
 * Runs in: the process that sends.
 * Why not a Map alone: most messages have a handful of objects, and to look through those is quicker than to make one.
 */
/** How many are looked through one by one. Measured: from about ten on a Map is quicker. */
const few = 8;

export class Identities {
  readonly #first: unknown[] = Array.from({ length: few });
  #rest: Map<object, number> | undefined;
  #count = 0;

  /** The number of an object that was there before; -1 when it is new, and has the next number from now on. */
  find(value: object): number {
    const count = this.#count;
    const first = this.#first;
    if (count <= few) {
      for (let i = 0; i < count; i++) if (first[i] === value) return i;
      if (count < few) {
        first[count] = value;
        this.#count = count + 1;
        return -1;
      }
      this.#rest = new Map(first.map((each, number) => [each as object, number]));
    }
    const known = this.#rest!.get(value);
    if (known !== undefined) return known;
    this.#rest!.set(value, count);
    this.#count = count + 1;
    return -1;
  }

  /** Forgets them all. */
  clear(): void {
    const count = Math.min(this.#count, few);
    for (let i = 0; i < count; i++) this.#first[i] = undefined;
    this.#rest = undefined;
    this.#count = 0;
  }
}
