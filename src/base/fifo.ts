/**
 * First in, first out. Pure.
 *
 * Runs in: every process.
 * Guarantees: `push` and `shift` cost the same however many are in it; those of an array do not: V8 moves all that is left
 * once it is large (400,000 items: 50 µs for each that is taken).
 */
export class Fifo<T> {
  /** Its front moves: what was taken is dropped in one step once it is most of the array. */
  #items: (T | undefined)[] = [];
  #head = 0;

  get size(): number {
    return this.#items.length - this.#head;
  }

  push(item: T): void {
    this.#items.push(item);
  }

  unshift(item: T): void {
    if (this.#head > 0) this.#items[--this.#head] = item;
    else this.#items.unshift(item);
  }

  /** Call it only when there is one. */
  peek(): T {
    return this.#items[this.#head] as T;
  }

  /** Call it only when there is one. */
  shift(): T {
    const item = this.#items[this.#head] as T;
    this.#items[this.#head++] = undefined;
    if (this.#head === this.#items.length) this.clear();
    else if (this.#head > 1024 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }

  clear(): void {
    this.#items = [];
    this.#head = 0;
  }

  *[Symbol.iterator](): Generator<T> {
    for (let at = this.#head; at < this.#items.length; at++) yield this.#items[at] as T;
  }
}
