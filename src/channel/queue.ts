/**
 * Queue: any number of producers and consumers, in any processes of the family.
 *
 * Runs in: every process.
 * Guarantees: what `put()` has resolved for is in shared memory, whatever becomes of who put it; items of one producer
 * keep their order; `get()` takes one item when it resolves and none when it rejects; no death stops or tears the queue,
 * and an item that a consumer had taken when it died is the only one that can be lost.
 * Leaves to others: memory (`queue-memory.ts`), encoding (`parcel.ts`).
 */
import { ClosedError, invalidArgument } from "../base/errors.ts";
import {
  checkOptions,
  checkSyncWaitOptions,
  checkWaitOptions,
  shown,
  type SyncWaitOptions,
  type WaitOptions,
} from "../base/options.ts";
import { ready } from "../base/turn.ts";
import { waitable, type Waitable } from "../base/waitable.ts";
import { view, type Range } from "../memory/arena.ts";
import { hold, keep } from "../memory/holdings.ts";
import { waitForSync } from "../sync/blocking-wait.ts";
import { registerShared } from "../sync/shared-kind.ts";
import { wake } from "../sync/wait-queue.ts";
import { EndOfChannelError, QueueEmptyError, QueueFullError } from "./errors.ts";
import { lookAtIdleQueues, tidyWhenIdle } from "./idle-queues.ts";
import { Line } from "./line.ts";
import {
  discard,
  discardUnlessSent,
  isSimple,
  keepParcel,
  orDiscard,
  pack,
  unpack,
  unpackSync,
  type Parcel,
  type Taken,
} from "./parcel.ts";
import { makeQueueMemory, mostBytes, queueBytes, QueueMemory, type Refusal } from "./queue-memory.ts";
import { untilEnd, whenReady } from "./readiness.ts";
import { Spinner } from "./spin.ts";

/** What queues take. */
export interface QueueOptions {
  /** How many items may be in it; 0 or less: any number. A whole number. @default 0 */
  readonly maxSize?: number;
  /** How many bytes its items may have together; at most 32 GiB. @default 1 GiB */
  readonly maxBytes?: number;
}

/** A queue at one moment. */
export interface QueueStatistics {
  /** Items that are in it. */
  readonly size: number;
  /** Bytes of these items. */
  readonly bytes: number;
  /** Items that may be in it; 0: any number. */
  readonly maxSize: number;
  /** Bytes that its items may have together. */
  readonly maxBytes: number;
  /** Some process has called `close()`. */
  readonly closed: boolean;
}

const defaultMaxBytes = 2 ** 30;
const noLimits: WaitOptions = {};

/**
 * A queue that all processes of the family may put into and get from, wherever it is passed.
 *
 * @example
 * const queue = new Queue<number>();
 * const child = new Process({ target: async (q) => q.put(42), args: [queue] });
 * await child.start();
 * console.log(await queue.get()); // 42
 */
export class Queue<T = unknown> {
  /** @internal */
  protected readonly memory: QueueMemory;
  readonly #putting = new Line();
  readonly #getting = new Line();
  readonly #puttingSoon = new Spinner();
  readonly #gettingSoon = new Spinner();

  /** @throws {MultiprocessingError} ERR_MP_NOT_SUPPORTED without the addon, and in a worker thread */
  constructor(options?: QueueOptions);
  /** @internal */
  constructor(range: Range);
  constructor(given?: QueueOptions | Range) {
    const range = isRange(given) ? given : makeQueue(this, `${this.kindName}`, given, this.joinable);
    this.memory = new QueueMemory(range);
  }

  /** @internal For messages. */
  protected get kindName(): string {
    return "Queue";
  }

  /** @internal Whether consumers say when they have done an item. */
  protected get joinable(): boolean {
    return false;
  }

  /**
   * Puts a copy of a value. When it resolves, the item is in shared memory and survives this process.
   *
   * Waits while there are `maxSize` items; and while the items have `maxBytes` if `maxSize` is set.
   *
   * @throws {UnserializableError} when something in it cannot be copied; at once, and nothing is put
   * @throws {QueueFullError} when `maxBytes` would be exceeded and `maxSize` is not set, or by this item alone
   * @throws {ClosedError} when the queue is closed
   * @throws {TimeoutError}
   */
  put(value: T, options?: WaitOptions): Promise<void> {
    const call = `${this.kindName}.put()`;
    try {
      const limits = options === undefined ? noLimits : checkWaitOptions(call, options);
      limits.signal?.throwIfAborted();
      const parcel = pack(value);
      return orDiscard(parcel, () => {
        if (this.#putting.isEmpty && this.#putSoon(call, parcel, limits.timeoutMs)) return ready(undefined);
        keepParcel(parcel);
        const attempt = (thorough: boolean): true | undefined => this.#putAfterWaiting(call, parcel, thorough);
        return discardUnlessSent(parcel, this.#putting.wait(this.memory.putSpot, attempt, limits, call));
      });
    } catch (error) {
      return Promise.reject(error as Error);
    }
  }

  /** As `put()`, blocking this thread. */
  putSync(value: T, options?: SyncWaitOptions): void {
    const call = `${this.kindName}.putSync()`;
    const timeoutMs = checkSyncWaitOptions(call, options);
    const parcel = pack(value);
    orDiscard(parcel, () => {
      if (this.#putSoon(call, parcel, timeoutMs)) return;
      keepParcel(parcel);
      const attempt = (thorough: boolean): true | undefined => this.#putAfterWaiting(call, parcel, thorough);
      waitForSync(this.memory.putSpot, attempt, timeoutMs, call);
    });
  }

  /**
   * Puts it if there is room; never waits.
   *
   * @returns false when the queue is full, or another process is putting at this moment and does not come to an end
   * @throws {UnserializableError}
   * @throws {ClosedError}
   */
  tryPut(value: T): boolean {
    const call = `${this.kindName}.tryPut()`;
    const parcel = pack(value);
    return orDiscard(parcel, () => {
      const result = this.#putIfPossible(call, parcel);
      if (result === "put") return true;
      discard(parcel);
      return false;
    });
  }

  /** As `tryPut()`, but a full queue rejects with QueueFullError. */
  async putNoWait(value: T): Promise<void> {
    if (!this.tryPut(value)) {
      const { maxSize, maxBytes } = this.memory;
      throw fullError(`${this.kindName}.putNoWait()`, maxSize, maxBytes);
    }
  }

  /**
   * The next item: taken when it resolves, and not when it rejects.
   *
   * @throws {EndOfChannelError} when the queue is closed and nothing is left
   * @throws {TimeoutError}
   */
  get(options?: WaitOptions): Promise<T> {
    const call = `${this.kindName}.get()`;
    try {
      const limits = options === undefined ? noLimits : checkWaitOptions(call, options);
      limits.signal?.throwIfAborted();
      if (this.#getting.isEmpty) {
        const taken = this.#takeSoon(call, limits.timeoutMs);
        if (taken !== undefined) return ready(opened(taken) as T);
      }
      const attempt = (thorough: boolean): Taken | undefined => this.#takeAfterWaiting(call, thorough);
      return this.#getting.wait(this.memory.getSpot, attempt, limits, call).then((taken) => opened(taken) as T);
    } catch (error) {
      return Promise.reject(error as Error);
    }
  }

  /** As `get()`, blocking this thread. */
  getSync(options?: SyncWaitOptions): T {
    const call = `${this.kindName}.getSync()`;
    const timeoutMs = checkSyncWaitOptions(call, options);
    let taken = this.#takeSoon(call, timeoutMs);
    if (taken === undefined) {
      const attempt = (thorough: boolean): Taken | undefined => this.#takeAfterWaiting(call, thorough);
      taken = waitForSync(this.memory.getSpot, attempt, timeoutMs, call);
    }
    return unpackSync(taken) as T;
  }

  /**
   * The next item if there is one; never waits.
   *
   * @returns undefined when it is empty
   * @throws {EndOfChannelError} when the queue is closed and nothing is left
   * @throws {MultiprocessingError} ERR_MP_NOT_SUPPORTED when the item needs a module that can only be imported
   * asynchronously; it is lost then
   */
  tryGet(): { value: T } | undefined {
    const taken = this.#take(`${this.kindName}.tryGet()`);
    return taken === undefined ? undefined : { value: unpackSync(taken) as T };
  }

  /** As `tryGet()`, but an empty queue rejects with QueueEmptyError. */
  async getNoWait(): Promise<T> {
    const taken = this.#take(`${this.kindName}.getNoWait()`);
    if (taken !== undefined) return opened(taken) as T;
    throw new QueueEmptyError(
      `${this.kindName}.getNoWait(): the queue is empty\n  do this:  use get(), which waits, or tryGet()`,
    );
  }

  /** How many items are in it, at this moment. */
  get size(): number {
    return this.memory.count;
  }

  /** Nothing is in it at this moment. */
  get isEmpty(): boolean {
    return this.memory.count === 0;
  }

  /** Whether `put()` would have to wait. */
  get isFull(): boolean {
    return this.memory.isFull;
  }

  /** True once anybody has closed it. */
  get closed(): boolean {
    return this.memory.closed;
  }

  /** Ends the queue for everyone: puts reject, gets drain what is there, then iterators end. Twice is fine. */
  close(): void {
    this.memory.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }

  /** Gets until the queue is closed and empty. Several processes may do so at once: each item goes to one of them. */
  [Symbol.asyncIterator](): AsyncGenerator<T, void, void> {
    return untilEnd(() => this.get());
  }

  statistics(): QueueStatistics {
    const { count, usedBytes, maxSize, maxBytes, closed } = this.memory;
    return { size: count, bytes: usedBytes, maxSize, maxBytes, closed };
  }

  /** <Queue 3 of 10 items> */
  toString(): string {
    const { count, maxSize, closed } = this.memory;
    return `<${this.kindName} ${maxSize > 0 ? `${count} of ${maxSize}` : count} items${closed ? ", closed" : ""}>`;
  }

  /** @internal For `wait()`. */
  get [waitable](): Waitable[typeof waitable] {
    const { memory } = this;
    const isReady = (): boolean => memory.count > 0 || memory.closed;
    return {
      isReady,
      onReady: (then) =>
        whenReady(memory.getSpot, isReady, () => {
          wake(memory.getSpot); // It has taken nothing: whoever waits to take is woken, too.
          then();
        }),
    };
  }

  /** True, or not yet. */
  #put(call: string, parcel: Parcel): true | undefined {
    const { memory } = this;
    const result = this.#putIfPossible(call, parcel);
    if (result === "put") return true;
    if (result === "too large" || (memory.maxSize <= 0 && result !== "busy")) {
      throw fullError(call, memory.maxSize, memory.maxBytes, parcel.sizeBytes);
    }
    return undefined;
  }

  #putIfPossible(call: string, parcel: Parcel): "put" | Refusal {
    const { memory } = this;
    const result = memory.put(parcel);
    if (result === "closed") throw this.#closedError(call);
    if (memory.isUntidy) tidyWhenIdle(this, memory);
    return result;
  }

  #putSoon(call: string, parcel: Parcel, timeoutMs: number | undefined): true | undefined {
    if (this.#put(call, parcel)) return true;
    if (timeoutMs === 0) return undefined;
    return this.#puttingSoon.spin(() => (this.memory.isFull ? undefined : this.#put(call, parcel)));
  }

  #takeSoon(call: string, timeoutMs: number | undefined): Taken | undefined {
    const look = (): Taken | undefined => this.#take(call);
    return look() ?? (timeoutMs === 0 ? undefined : this.#gettingSoon.spin(look));
  }

  /** One who waited was woken for the room of one item: where there is more, the next one is woken. */
  #putAfterWaiting(call: string, parcel: Parcel, thorough: boolean): true | undefined {
    if (thorough) lookAtIdleQueues();
    const put = this.#put(call, parcel);
    if (put && !this.memory.isFull) wake(this.memory.putSpot);
    return put;
  }

  #take(call: string): Taken | undefined {
    const { memory } = this;
    const taken = memory.take();
    if (typeof taken !== "string") {
      if (memory.isUntidy) tidyWhenIdle(this, memory);
      return taken;
    }
    if (taken === ("closed" satisfies Refusal)) {
      throw new EndOfChannelError(
        `${call}: the queue is closed, and nothing is left in it\n` +
          `  do this:  end the loop here; "for await (const item of queue)" does so by itself`,
      );
    }
    return undefined;
  }

  #takeAfterWaiting(call: string, thorough: boolean): Taken | undefined {
    if (thorough) lookAtIdleQueues();
    const taken = this.#take(call);
    if (taken !== undefined && this.memory.count > 0) wake(this.memory.getSpot);
    return taken;
  }

  #closedError(call: string): ClosedError {
    return new ClosedError(`${call}: the queue is closed\n  do this:  close it when everything has been put`);
  }
}

registerShared("queue", Queue, (range) => new Queue(range));

function opened(taken: Taken): unknown {
  return isSimple(taken) ? unpackSync(taken) : unpack(taken);
}

function isRange(given: unknown): given is Range {
  return typeof given === "object" && given !== null && "handle" in given && "words" in given;
}

function makeQueue(queue: object, name: string, options: QueueOptions | undefined, joinable: boolean): Range {
  checkOptions(`new ${name}()`, options, ["maxSize", "maxBytes"]);
  const maxSize = options?.maxSize ?? 0;
  const maxBytes = options?.maxBytes ?? defaultMaxBytes;
  if (!Number.isSafeInteger(maxSize) || maxSize > 2 ** 31 - 1) {
    throw invalidArgument(`new ${name}(): maxSize must be a whole number below 2^31; received ${shown(maxSize)}`);
  }
  if (typeof maxBytes !== "number" || !(maxBytes > 0 && maxBytes <= mostBytes)) {
    throw invalidArgument(
      `new ${name}(): maxBytes must be a number from 1 to ${mostBytes}; received ${shown(maxBytes)}`,
    );
  }
  const { handle, holding } = hold(queueBytes);
  const range = view(handle);
  keep(queue, handle, holding);
  makeQueueMemory(range, { maxSize: Math.max(0, maxSize), maxBytes }, joinable);
  return range;
}

function fullError(call: string, maxSize: number, maxBytes: number, sizeBytes?: number): QueueFullError {
  const size = sizeBytes === undefined ? "" : `; the item has ${sizeBytes} bytes`;
  return new QueueFullError(
    `${call}: the queue is full (maxSize ${maxSize === 0 ? "not set" : maxSize}, maxBytes ${maxBytes}${size})\n` +
      `  do this:  set maxSize, so that put() waits for consumers; raise maxBytes; see why nobody gets`,
  );
}
