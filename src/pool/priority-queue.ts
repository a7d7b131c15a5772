/**
 * Things that wait for their turn: the highest priority first, within one priority the first come. Pure.
 *
 * Runs in: the parent.
 * Guarantees: `push` and `shift` cost the same however many wait.
 */
import { Fifo } from "../base/fifo.ts";

class Lane<T> extends Fifo<T> {
  readonly priority: number;

  constructor(priority: number) {
    super();
    this.priority = priority;
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
