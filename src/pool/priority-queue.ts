/**
 * Things that wait for their turn: the highest priority first, within one priority the first come. Pure.
 *
 * Runs in: the parent.
 * Guarantees: `push` and `shift` cost the same however many wait.
 */

/** An array whose front moves: what was taken is dropped in one step once it is most of the array. */
class Lane<T> {
  readonly priority: number;
  #items: (T | undefined)[] = [];
  #head = 0;

  constructor(priority: number) {
    this.priority = priority;
  }

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

  peek(): T {
    return this.#items[this.#head] as T;
  }

  shift(): T {
    const item = this.#items[this.#head] as T;
    this.#items[this.#head++] = undefined;
    if (this.#head === this.#items.length) {
      this.#items = [];
      this.#head = 0;
    } else if (this.#head > 1024 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }

  *[Symbol.iterator](): Generator<T> {
    for (let at = this.#head; at < this.#items.length; at++) yield this.#items[at] as T;
  }
}

export class PriorityQueue<T> {
  /** Highest priority first; none is empty. */
  readonly #lanes: Lane<T>[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  push(item: T, priority: number): void {
    this.#lane(priority).push(item);
    this.#size++;
  }

  /** Before all that have the same priority: for what had its turn already. */
  unshift(item: T, priority: number): void {
    this.#lane(priority).unshift(item);
    this.#size++;
  }

  peek(): T | undefined {
    return this.#lanes[0]?.peek();
  }

  shift(): T | undefined {
    const lane = this.#lanes[0];
    if (lane === undefined) return undefined;
    const item = lane.shift();
    if (lane.size === 0) this.#lanes.shift();
    this.#size--;
    return item;
  }

  /** In the order in which they would be taken. */
  *[Symbol.iterator](): Generator<T> {
    for (const lane of this.#lanes) yield* lane;
  }

  #lane(priority: number): Lane<T> {
    const lanes = this.#lanes;
    let at = 0;
    while (at < lanes.length && lanes[at]!.priority > priority) at++;
    if (lanes[at]?.priority !== priority) lanes.splice(at, 0, new Lane<T>(priority));
    return lanes[at]!;
  }
}
