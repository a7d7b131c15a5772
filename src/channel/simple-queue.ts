/**
 * SimpleQueue: a queue with nothing but put, get, isEmpty and close.
 *
 * Runs in: every process.
 */
import type { WaitOptions } from "../base/options.ts";
import { registerKind } from "../wire/kinds.ts";
import { Queue } from "./queue.ts";

/** As Queue, without bounds on the number of items, and with fewer ways to use it. */
export class SimpleQueue<T = unknown> {
  /** @internal */
  readonly queue: Queue<T>;

  constructor();
  /** @internal */
  constructor(queue: Queue<T>);
  constructor(queue: Queue<T> = new Queue<T>()) {
    this.queue = queue;
  }

  /** As `Queue.put()`. */
  put(value: T, options?: WaitOptions): Promise<void> {
    return this.queue.put(value, options);
  }

  /** As `Queue.get()`. */
  get(options?: WaitOptions): Promise<T> {
    return this.queue.get(options);
  }

  /** Nothing is in it at this moment. */
  get isEmpty(): boolean {
    return this.queue.isEmpty;
  }

  /** As `Queue.close()`. */
  close(): void {
    this.queue.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.queue.close();
  }
}

registerKind({
  name: "simple-queue",
  matches: (value): value is SimpleQueue => value instanceof SimpleQueue,
  encode: ({ queue }: SimpleQueue, encoder) => encoder.value(queue, ".queue"),
  decode(decoder): SimpleQueue {
    const shell = decoder.adopt(Object.create(SimpleQueue.prototype) as { queue: Queue });
    const queue = decoder.value();
    if (!(queue instanceof Queue)) return decoder.malformed("a SimpleQueue has no queue");
    shell.queue = queue;
    return shell as SimpleQueue;
  },
});
