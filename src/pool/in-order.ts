/**
 * Results that come in any order, given out in the order of their tasks. Pure.
 *
 * Runs in: the parent.
 * Guarantees: each index is given out once, and none before all that are smaller.
 */
export class InOrder<T> {
  readonly #waiting = new Map<number, T>();
  #next = 0;

  /** The index that comes next. */
  get next(): number {
    return this.#next;
  }

  /** Results that are here, given out or not yet due. */
  get size(): number {
    return this.#waiting.size;
  }

  put(index: number, value: T): void {
    this.#waiting.set(index, value);
  }

  get isReady(): boolean {
    return this.#waiting.has(this.#next);
  }

  /** Call it only when `isReady`. */
  take(): T {
    const value = this.#waiting.get(this.#next) as T;
    this.#waiting.delete(this.#next++);
    return value;
  }
}
