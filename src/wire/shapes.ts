/**
 * Shapes: the lists of keys of plain objects, each written once a message.
 *
 * Runs in: every process.
 */
/** How many shapes are compared one by one before the list is looked up. Measured: below, comparing is quicker. */
const compared = 4;

/** The sender's list. */
export class ShapeTable {
  readonly #shapes: (readonly string[])[] = [];
  readonly #byText = new Map<string, number>();

  /** The number of a shape that was there before; -1 when it is new, and has the next number from now on. */
  find(keys: readonly string[]): number {
    const shapes = this.#shapes;
    const last = shapes.length - 1;
    for (let i = last; i >= 0 && i > last - compared; i--) if (same(shapes[i]!, keys)) return i;
    if (last >= compared) {
      const found = this.#byText.get(keys.join("\0"));
      if (found !== undefined && same(shapes[found]!, keys)) return found;
    }
    shapes.push(keys);
    this.#byText.set(keys.join("\0"), shapes.length - 1);
    return -1;
  }
}

function same(a: readonly string[], b: readonly string[]): boolean {
  const { length } = a;
  if (length !== b.length) return false;
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return false;
  return true;
}
