/**
 * Where the items of a map come from: an array, an iterable or an async iterable, read no further than is asked.
 *
 * Runs in: the parent.
 * Guarantees: an iterator that is not read to its end is told so (`return()`), once.
 */

import { invalidArgument } from "../base/errors.ts";
import { shown } from "../base/options.ts";

export type Items<T> = Iterable<T> | AsyncIterable<T>;

/** @throws {MultiprocessingError} ERR_MP_INVALID_ARGUMENT */
export function checkItems(call: string, items: unknown): asserts items is Items<unknown> {
  const iterable = (typeof items === "object" && items !== null) || typeof items === "string";
  if (iterable && (Symbol.iterator in Object(items) || Symbol.asyncIterator in Object(items))) return;
  throw invalidArgument(`${call} takes an array, an iterable or an async iterable of items; received ${shown(items)}`);
}

export interface TaskInput {
  /** Items not read yet; undefined when nobody knows. */
  readonly remaining: number | undefined;
  /** Nothing more will come. */
  readonly isExhausted: boolean;
  /** What reading threw; it is exhausted then. */
  readonly failure: { readonly error: unknown } | undefined;
  /** Up to `count` items; fewer when no more are there, or not yet. */
  take(count: number): unknown[];
  /** Nothing more is wanted. */
  close(): void;
}

/** @param onMore told when an input that had nothing has something, or has ended */
export function inputOf(items: Items<unknown>, onMore: () => void, ahead: () => number): TaskInput {
  if (Array.isArray(items)) return new ListInput([...(items as unknown[])]);
  if (items instanceof Set || items instanceof Map || ArrayBuffer.isView(items)) {
    return new ListInput([...(items as Iterable<unknown>)]);
  }
  // A string is no object.
  if (Symbol.asyncIterator in Object(items)) return new AsyncInput(items as AsyncIterable<unknown>, onMore, ahead);
  return new IteratorInput(items as Iterable<unknown>);
}

class ListInput implements TaskInput {
  readonly failure = undefined;
  #list: unknown[];
  #at = 0;

  constructor(list: unknown[]) {
    this.#list = list;
  }

  get remaining(): number {
    return this.#list.length - this.#at;
  }

  get isExhausted(): boolean {
    return this.#at === this.#list.length;
  }

  take(count: number): unknown[] {
    const taken = this.#list.slice(this.#at, this.#at + count);
    this.#at += taken.length;
    return taken;
  }

  close(): void {
    this.#list = [];
    this.#at = 0;
  }
}

class IteratorInput implements TaskInput {
  readonly remaining = undefined;
  failure: { readonly error: unknown } | undefined;
  isExhausted = false;
  readonly #iterable: Iterable<unknown>;
  #iterator: Iterator<unknown> | undefined;

  constructor(iterable: Iterable<unknown>) {
    this.#iterable = iterable;
  }

  take(count: number): unknown[] {
    const taken: unknown[] = [];
    try {
      while (taken.length < count && !this.isExhausted) {
        this.#iterator ??= this.#iterable[Symbol.iterator]();
        const { done, value } = this.#iterator.next();
        if (done === true) this.isExhausted = true;
        else taken.push(value);
      }
    } catch (error) {
      this.isExhausted = true;
      this.failure = { error };
    }
    return taken;
  }

  close(): void {
    if (this.isExhausted) return;
    this.isExhausted = true;
    try {
      this.#iterator?.return?.();
    } catch {
      // Whatever ended the map is its outcome: an error of the clean-up afterwards would hide it.
    }
  }
}

class AsyncInput implements TaskInput {
  readonly remaining = undefined;
  failure: { readonly error: unknown } | undefined;
  readonly #iterable: AsyncIterable<unknown>;
  readonly #onMore: () => void;
  readonly #ahead: () => number;
  #iterator: AsyncIterator<unknown> | undefined;
  #read: unknown[] = [];
  #reading = false;
  #ended = false;

  constructor(iterable: AsyncIterable<unknown>, onMore: () => void, ahead: () => number) {
    this.#iterable = iterable;
    this.#onMore = onMore;
    this.#ahead = ahead;
  }

  get isExhausted(): boolean {
    return this.#ended && this.#read.length === 0;
  }

  take(count: number): unknown[] {
    const taken = this.#read.splice(0, count);
    if (!this.#ended && !this.#reading) void this.#readAhead();
    return taken;
  }

  async #readAhead(): Promise<void> {
    this.#reading = true;
    await Promise.resolve(); // What was taken just now is counted first: how much may be read ahead depends on it.
    try {
      this.#iterator ??= this.#iterable[Symbol.asyncIterator]();
      while (!this.#ended && this.#read.length < this.#ahead()) {
        const { done, value } = await this.#iterator.next();
        if (this.#ended) break; // Closed meanwhile.
        if (done === true) this.#ended = true;
        else this.#read.push(value);
        this.#onMore();
      }
    } catch (error) {
      if (!this.#ended) this.failure = { error };
      this.#ended = true;
      this.#onMore();
    } finally {
      this.#reading = false;
    }
  }

  close(): void {
    this.#read = [];
    if (this.#ended) return;
    this.#ended = true;
    // Not awaited: a generator that waits for something answers only after that.
    this.#iterator?.return?.().then(undefined, () => {
      // As above: the map has its outcome.
    });
  }
}
