/**
 * What becomes of a map's results: an array at the end, or a stream that is read while the work goes on.
 *
 * Runs in: the parent.
 * Guarantees: a stream holds no more than its buffer; whoever stops reading ends the work; nothing is given out twice.
 */
import { deferred, type Deferred } from "../base/deferred.ts";
import { Fifo } from "../base/fifo.ts";
import { nextTurn, ready, turnIsDue } from "../base/turn.ts";
import { InOrder } from "./in-order.ts";
import type { Values } from "./packing.ts";

export interface MapSink {
  /** So many results will come, where anybody knows. */
  expect(total: number): void;
  /** How many more items may be read, when `read` have been. */
  room(read: number): number;
  largestChunk(workers: number): number;
  /** Chunks that one worker may hold: what it holds is out of the others' reach. */
  readonly mostAhead: number;
  values(start: number, values: Values): void;
  /** A failure that stops nothing. */
  skipped(index: number, error: unknown): void;
  /** The end, by an error: at its place in the order, or at once (`index` undefined). */
  failed(index: number | undefined, error: unknown): void;
  /** All results have come. */
  ended(): void;
  /** Somebody waits for it. */
  readonly isAwaited: boolean;
  /** Unbound it takes all: nobody may be left to make room. */
  setBound(bound: boolean): void;
  /** What was read before the input failed is finished first. */
  readonly finishesFirst: boolean;
  /** It is going to fail, and whoever made it do so knows. */
  quiet(): void;
  results?(total: number): unknown[];
}

/** Of more than 32 Mi V8 would make a dictionary at once. */
const mostReserved = 2 ** 25;

/** `map`: all results, in the order of the items. */
export class CollectingSink implements MapSink {
  readonly isAwaited = true;
  readonly finishesFirst = false;
  readonly mostAhead: number = Infinity;
  #values: unknown[] = [];
  readonly #outcome: Deferred<unknown[]> = deferred<unknown[]>();

  get promise(): Promise<unknown[]> {
    return this.#outcome.promise;
  }

  /** Room for all at once: an array that grows is copied each time, into pages that nobody has touched. */
  expect(total: number): void {
    if (total <= mostReserved) this.#values = new Array<unknown>(total);
  }

  room(): number {
    return Infinity;
  }

  largestChunk(): number {
    return Infinity;
  }

  values(start: number, values: Values): void {
    const all = this.#values;
    if (start > all.length) all.length = start; // Set before: an element far behind the end would make it a dictionary.
    for (let i = 0; i < values.length; i++) all[start + i] = values[i];
  }

  skipped(): void {}

  failed(_index: number | undefined, error: unknown): void {
    this.#outcome.reject(error);
  }

  ended(): void {
    this.#outcome.resolve(ready(this.#values)); // Of no items, they are there at once.
  }

  quiet(): void {
    this.#outcome.promise.catch(() => {});
  }

  setBound(): void {}

  results(total: number): unknown[] {
    this.#values.length = Math.max(this.#values.length, total);
    return this.#values;
  }
}

/** Default and bound of what `imap` reads ahead, from the contract. */
const chunksInBuffer = 4;
const largestBuffer = 1024;

interface Waiter {
  resolve(result: IteratorResult<unknown, undefined>): void;
  reject(error: unknown): void;
}

type Entry = { readonly value: unknown } | { readonly skipped: true };
const skip: Entry = { skipped: true };
const end: IteratorResult<unknown, undefined> = { done: true, value: undefined };

export interface StreamOptions {
  readonly ordered: boolean;
  /** Undefined: 4 × workers × chunk, at most 1,024. */
  readonly buffer: number | undefined;
  /** Items in a chunk, as things are now. */
  readonly chunk: () => number;
  readonly workers: () => number;
  /** There is room again. */
  readonly onRoom: () => void;
  /** Nobody reads it any more. */
  readonly onReturn: () => void;
}

/** `imap` and `imapUnordered`. */
export class StreamSink implements MapSink, AsyncIterableIterator<unknown, undefined> {
  readonly finishesFirst = true;
  /** Of the four that the buffer has for each: a task that takes long must leave room to the other workers. */
  readonly mostAhead: number = 2;
  readonly #options: StreamOptions;
  readonly #order = new InOrder<Entry>();
  readonly #ready = new Fifo<unknown>();
  readonly #waiters: Waiter[] = [];
  /** Items whose results have been taken, or skipped. */
  #taken = 0;
  #bound = true;
  #largestBuffer = 0;
  #end: { readonly error?: unknown; readonly failed: boolean } | undefined;

  constructor(options: StreamOptions) {
    this.#options = options;
  }

  get isAwaited(): boolean {
    return this.#waiters.length > 0;
  }

  room(read: number): number {
    return this.#bound ? this.#buffer() - (read - this.#taken) : Infinity;
  }

  /**
   * It never shrinks, though chunks do when tasks prove longer: behind a task that takes long lie chunks as large as they
   * were, and where those alone filled it the other workers would stand still.
   */
  #buffer(): number {
    const { buffer, chunk, workers } = this.#options;
    this.#largestBuffer = Math.max(this.#largestBuffer, chunksInBuffer * workers() * chunk());
    return buffer ?? Math.min(largestBuffer, this.#largestBuffer);
  }

  /** So that the buffer holds chunks for all workers. */
  largestChunk(workers: number): number {
    return Math.max(1, Math.floor((this.#options.buffer ?? largestBuffer) / (chunksInBuffer * workers)));
  }

  expect(): void {}

  setBound(bound: boolean): void {
    this.#bound = bound;
  }

  quiet(): void {}

  values(start: number, values: Values): void {
    for (let i = 0; i < values.length; i++) {
      if (this.#options.ordered) this.#order.put(start + i, { value: values[i] });
      else this.#ready.push(values[i]);
    }
    this.#deliver();
  }

  skipped(index: number): void {
    if (this.#options.ordered) this.#order.put(index, skip);
    else this.#taken++;
    this.#deliver();
  }

  failed(index: number | undefined, error: unknown): void {
    // What is here and due is given out first; what would only become due later is not waited for.
    this.#end ??= { error, failed: true };
    if (index === undefined) this.#ready.clear();
    this.#deliver();
  }

  ended(): void {
    this.#end ??= { failed: false };
    this.#deliver();
  }

  #pull(): void {
    while (this.#order.isReady) {
      const entry = this.#order.take();
      if ("value" in entry) this.#ready.push(entry.value);
      else this.#taken++;
    }
  }

  #deliver(): void {
    this.#pull();
    const before = this.#taken;
    while (this.#waiters.length > 0 && this.#ready.size > 0) {
      this.#taken++;
      this.#waiters.shift()!.resolve({ done: false, value: this.#ready.shift() });
    }
    if (this.#end !== undefined && this.#ready.size === 0) {
      for (const waiter of this.#waiters.splice(0)) this.#settleAtEnd(waiter);
    }
    if (this.#taken > before) this.#options.onRoom();
  }

  /** The error is told once; who asks again is at the end. */
  #settleAtEnd(waiter: Waiter): void {
    if (this.#end?.failed === true) {
      const { error } = this.#end;
      this.#end = { failed: false };
      waiter.reject(error);
    } else waiter.resolve(end);
  }

  next(): Promise<IteratorResult<unknown, undefined>> {
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject });
      if (turnIsDue()) void nextTurn().then(() => this.#deliver());
      else this.#deliver();
      if (this.#waiters.length > 0) this.#options.onRoom(); // Somebody waits now: that keeps the program alive.
    });
  }

  return(): Promise<IteratorResult<unknown, undefined>> {
    this.#ready.clear();
    this.#end = { failed: false };
    this.#options.onReturn();
    this.#deliver();
    return Promise.resolve(end);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
