/**
 * A queue as it is in shared memory: a window of messages with a lock at each end, bounds, and who waits.
 *
 * Runs in: every process.
 * Guarantees: a put, and a take, is one store; a death in the middle of either leaves the queue as it was before, or
 * after. When nobody holds the queue any more, all that its items hold is let go with it.
 * Leaves to others: encoding, waiting, errors (`queue.ts`).
 */
import { onGivingBack, releaseFrom, sizeOf, view, type Range } from "../memory/arena.ts";
import { handOnTo, hold } from "../memory/holdings.ts";
import { wake } from "../sync/wait-queue.ts";
import { ConsumerTable, tableBytes } from "./consumer-table.ts";
import { enter, leave, onDeathInside } from "./end-lock.ts";
import { publish, take, type Parcel, type Taken } from "./parcel.ts";
import { Window, windowWords } from "./window.ts";

export const queueKind = 0x71756575;

const word = {
  kind: 0,
  data: 1,
  /** 0: any number. */
  maxSize: 2,
  maxUnits: 3,
  closed: 4,
  putLock: 5,
  getLock: 6,
  putSpot: 7,
  getSpot: 8,
  joinSpot: 9,
  /** The range of the table of consumers; 0: nobody counts what is done. */
  table: 10,
  window: 16,
} as const;

export const queueBytes: number = (word.window + windowWords) * 4;

/** Sizes are counted in units, so that 32 bits hold the sum: 64 GiB at most. */
const unitBytes = 16;
export const mostBytes: number = unitBytes * (2 ** 31 - 1);

/**
 * Twice what may be in it, since behind the reader there is memory that cannot be used again yet; but at most 1 GiB, of
 * which a family may have a thousand: more than half a GiB of small items is refused. It costs nothing until it is used.
 */
const largestDataBytes = 2 ** 30;
const leastDataBytes = 2 ** 20;

onGivingBack(queueKind, (handle) => {
  const { words, base } = view(handle);
  const data = words[base + word.data]!;
  if (data !== 0) {
    const window = new Window(words, base + word.window, data, 0, sizeOf(data));
    window.mendWriter();
    window.mendReader();
    while (window.peek() !== undefined) window.advance(0);
    window.unmap();
    releaseFrom(words, base + word.data);
  }
  releaseFrom(words, base + word.table);
});

onDeathInside((words, at) => {
  const isPut = words[at - word.putLock] === queueKind; // Where the other word would be, no range has such a number.
  const base = at - (isPut ? word.putLock : word.getLock);
  const window = new Window(words, base + word.window, words[base + word.data]!, 0, 0);
  if (isPut) window.mendWriter();
  else window.mendReader();
});

export interface Bounds {
  readonly maxSize: number;
  readonly maxBytes: number;
}

/** Makes the memory of a new queue in its range, which is zeroed. */
export function makeQueueMemory({ words, base }: Range, { maxSize, maxBytes }: Bounds, joinable: boolean): void {
  const sizeBytes = Math.min(largestDataBytes, Math.max(leastDataBytes, 2 * maxBytes));
  const data = hold(2 ** Math.ceil(Math.log2(sizeBytes)));
  words[base + word.kind] = queueKind;
  words[base + word.maxSize] = maxSize;
  words[base + word.maxUnits] = Math.min(2 ** 31 - 1, Math.ceil(maxBytes / unitBytes));
  handOnTo(words, base + word.data, data);
  if (joinable) handOnTo(words, base + word.table, hold(tableBytes));
}

/** As `QueueMemory.isUntidy`, of a queue that is not used here: without mapping what is in it. */
export function isUntidyQueue({ words, base }: Range): boolean {
  return new Window(words, base + word.window, 0, 0, 0).isUntidy;
}

/** Why nothing was put, or taken. */
export type Refusal = "full" | "too large" | "no room" | "closed" | "busy" | "empty";

export class QueueMemory {
  readonly putSpot: number;
  readonly getSpot: number;
  readonly joinSpot: number;
  readonly maxSize: number;
  readonly maxBytes: number;
  readonly table: ConsumerTable | undefined;
  readonly #words: Int32Array;
  readonly #base: number;
  readonly #maxUnits: number;
  readonly #window: Window;

  constructor({ words, base }: Range) {
    this.#words = words;
    this.#base = base;
    const data = words[base + word.data]!;
    this.#window = new Window(words, base + word.window, data, 0, sizeOf(data));
    // At once, used or not: the collector must see that queues cost something, or it never lets go of those that are lost.
    this.#window.map();
    this.maxSize = words[base + word.maxSize]!;
    this.#maxUnits = words[base + word.maxUnits]!;
    this.maxBytes = this.#maxUnits * unitBytes;
    this.putSpot = base + word.putSpot;
    this.getSpot = base + word.getSpot;
    this.joinSpot = base + word.joinSpot;
    const table = words[base + word.table]!;
    this.table = table === 0 ? undefined : new ConsumerTable(table, this.#window);
  }

  get count(): number {
    return this.#window.count;
  }

  get usedBytes(): number {
    return this.#window.charged * unitBytes;
  }

  get closed(): boolean {
    return Atomics.load(this.#words, this.#base + word.closed) !== 0;
  }

  get isFull(): boolean {
    return (this.maxSize > 0 && this.count >= this.maxSize) || this.#window.charged >= this.#maxUnits;
  }

  /** Puts it, and wakes a consumer; or says why not. */
  put(parcel: Parcel): "put" | Refusal {
    const words = this.#words;
    const lock = this.#base + word.putLock;
    if (this.closed) return "closed";
    if (this.maxSize > 0 && this.count >= this.maxSize) return "full";
    const charge = unitsOf(parcel.sizeBytes);
    if (charge > this.#maxUnits) return "too large";
    const entered = enter(words, lock);
    if (entered === "busy") return "busy";
    try {
      if (entered === "after a death") this.#window.mendWriter();
      if (this.closed) return "closed";
      if (this.maxSize > 0 && this.count >= this.maxSize) return "full";
      if (this.#window.charged + charge > this.#maxUnits) return "full";
      if (!publish(this.#window, parcel, charge)) return this.count === 0 ? "too large" : "no room";
    } finally {
      leave(words, lock);
    }
    wake(this.getSpot);
    return "put";
  }

  /** Takes the next item, and wakes a producer; or says why not. */
  take(): Taken | Refusal {
    if (this.count === 0) return this.#whyEmpty();
    const words = this.#words;
    const lock = this.#base + word.getLock;
    const entered = enter(words, lock);
    if (entered === "busy") return "busy";
    let taken: Taken | undefined;
    try {
      if (entered === "after a death") this.#window.mendReader();
      const { table } = this;
      if (table === undefined) taken = take(this.#window, unitsOf);
      else taken = table.taking((own, count) => take(this.#window, unitsOf, own, count));
    } finally {
      leave(words, lock);
    }
    if (taken === undefined) return this.#whyEmpty();
    wake(this.putSpot);
    return taken;
  }

  /** Changes with each put and each take. */
  get activity(): number {
    return (2 * this.#window.written - this.count) | 0;
  }

  /** Whether it has more memory in use than it keeps when it is idle. */
  get isUntidy(): boolean {
    return this.#window.isUntidy;
  }

  /**
   * Gives back memory that is in use for nothing. Others go on in between; then it stops: what they have used meanwhile
   * would be forgotten by the window's last piece. False: it is not done.
   */
  tidy(): boolean {
    const words = this.#words;
    const [putLock, getLock] = [this.#base + word.putLock, this.#base + word.getLock];
    const before = this.activity;
    for (let until = Infinity; until > 0;) {
      const writing = enter(words, putLock);
      if (writing === "busy") return false;
      try {
        if (writing === "after a death") this.#window.mendWriter();
        const reading = enter(words, getLock);
        if (reading === "busy") return false;
        try {
          if (reading === "after a death") this.#window.mendReader();
          if (this.activity !== before) return false;
          until = this.#window.tidy(until);
        } finally {
          leave(words, getLock);
        }
      } finally {
        leave(words, putLock);
      }
    }
    return true;
  }

  /** Closed, and nothing left: in this order, since nothing is put after it was closed. */
  #whyEmpty(): Refusal {
    return this.closed && this.count === 0 ? "closed" : "empty";
  }

  /** Nothing can be put any more. Under the lock, so that a put that is under way is seen by who takes. */
  close(): void {
    const words = this.#words;
    const lock = this.#base + word.putLock;
    const entered = enter(words, lock);
    if (entered === "after a death") this.#window.mendWriter();
    Atomics.store(words, this.#base + word.closed, 1);
    if (entered !== "busy") leave(words, lock);
    for (const spot of [this.putSpot, this.getSpot, this.joinSpot]) wake(spot, Infinity);
  }
}

function unitsOf(sizeBytes: number): number {
  return Math.floor(sizeBytes / unitBytes) + 1;
}
