/**
 * A window of messages in shared memory: one writes at a time, one reads at a time, and neither waits for the other.
 *
 * Runs in: every process.
 * Guarantees: a message is published, and taken, by one atomic store each; before it nothing of it can be seen, after it
 * all of it. Whoever writes or reads may die at any step: the next one goes on from the last store. Memory behind the
 * reader goes back to the system.
 * Leaves to others: that only one writes and one reads (`end-lock.ts`, or that a Connection has one holder), sleeping
 * and waking, what a message is (`parcel.ts`), what a dead one has left undone (`window-journal.ts`).
 *
 *   [ read .......... | to be read .......... | free ... ]     grows to the right as long as the reader stays behind;
 *   0       soft      ^ head                  ^ tail     size  begins at 0 again once as much is free there as is in use
 *
 *   three pieces at most, in the order of reading:   1 [head, jump)   2 [0, jump)   3 [behind 1, tail)
 *
 * The writer's line: how many have been written; then two copies of its state, of which the number's lowest bit says
 * which one holds, so that several words change by one store. The reader's line likewise.
 */
import { clearPart, mapPart, releaseMessage, retainForMessage } from "../memory/arena.ts";
import { family } from "../memory/family.ts";
import { pageBytes } from "../memory/layout.ts";
import { forgetList, mendList, noteList } from "./window-journal.ts";

/**
 * Words of control that a window needs, from a multiple of 16 on (a line of the processor's cache for each side); of each line
 * 12 to 14 are the journal's.
 */
export const windowWords = 32;

const writer = 0;
const reader = 16;
const stateWords = 5;
/** The writer's state: offsets in bytes, and the sum of all charges. */
const w = { tail: 0, start: 1, jump: 2, charged: 3 } as const;
/** The reader's: where it is, the sum of charges, who took the last message, and how many that one has taken in all. */
const r = { head: 0, charged: 1, taker: 2, takerCount: 3 } as const;
const floorWord = reader + 11;
/** How far the writer has come since `tidy()` last gave back what is not in use. */
const highestWord = writer + 11;

/** Memory is given back in such pieces. Measured: to give back 256 KiB costs 15 µs. */
const chunkBytes = 256 * 1024;
/**
 * So much stays in use until `tidy()`: to give a page back and to touch a new one costs both sides 2 to 6 µs together,
 * measured, several times what copying it costs. As much as 2,000 messages of 32 KiB; arbitrary otherwise.
 */
const mostSoftBytes = 64 * 2 ** 20;
/** So much stays in use for good. As much as 1,000 messages of 4 KiB; arbitrary otherwise. */
const leastSoftBytes = 4 * 2 ** 20;
/**
 * The writer does not begin at 0 again before: a reader that keeps up reads what the processor's cache still has.
 * Arbitrary: less than most caches have.
 */
const leastRoundBytes = 256 * 1024;
/** Mapped at the first need, and how much more each time it is not enough. Arbitrary. */
const firstMapBytes = 2 ** 20;
const mapFactor = 8;
/** How much `tidy()` looks through at a time: others wait meanwhile, 60 µs at 15 µs for 256 KiB. */
const tidyBytes = 2 ** 20;
const headBytes = 4;
const listBytes = 4;
const jumpBytes = 8;

/** The two lowest bits of a record's first word: with a list or without; or that the next one is elsewhere. */
const record = { plain: 0, withList: 1, jump: 3 } as const;

/** What `peek` has found; holds until `advance`. */
export interface Found {
  /** 0: none. */
  list: number;
  start: number;
  length: number;
}

export class Window {
  /** As much of its memory as has been needed here; where `found` is. */
  bytes: Uint8Array = new Uint8Array(0);
  readonly found: Found = { list: 0, start: 0, length: 0 };
  readonly #words: Int32Array;
  readonly #control: number;
  #records: Int32Array = new Int32Array(0);
  #mappedBytes = 0;
  readonly #size: number;
  readonly #soft: number;
  readonly #handle: number;
  readonly #offset: number;
  #next = 0;
  #jumped = 0;

  /**
   * @param words and `control`: where its words of control begin
   * @param handle of the range that has its memory: `size` bytes from `offset` on, both in whole pages
   * @param soft of which so many stay in use until `tidy()`; the same for all who use the window
   */
  constructor(
    words: Int32Array,
    control: number,
    handle: number,
    offset: number,
    size: number,
    soft: number = Math.min(size, mostSoftBytes),
  ) {
    this.#words = words;
    this.#control = control;
    this.#size = size;
    this.#soft = soft;
    this.#handle = handle;
    this.#offset = offset;
  }

  /** Maps the first part of its memory, if it is not. */
  map(): void {
    this.#reach(1);
  }

  /**
   * Maps its memory up to `end`, if it is not.
   *
   * _Why not all of it at once_: the garbage collector takes a buffer's length for memory that is used, and a queue's
   * may be a GiB: each new queue would set off a collection.
   */
  #reach(end: number): void {
    if (end <= this.#mappedBytes) return;
    let length = Math.min(this.#size, firstMapBytes);
    while (length < end) length = Math.min(this.#size, length * mapFactor);
    const buffer = mapPart(this.#handle, this.#offset, length);
    this.bytes = new Uint8Array(buffer);
    this.#records = new Int32Array(buffer);
    this.#mappedBytes = length;
  }

  /** The mapping ends now, instead of when it is collected; what was read of it must not be used any more. */
  unmap(): void {
    if (this.#mappedBytes > 0) family().addon.detach(this.bytes.buffer as ArrayBuffer);
    this.#mappedBytes = 0;
  }

  /** How many are there to be read. */
  get count(): number {
    const taken = Atomics.load(this.#words, this.#control + reader);
    return (Atomics.load(this.#words, this.#control + writer) - taken) | 0;
  }

  /** The charges of all that are there; in the unit of `charge`. */
  get charged(): number {
    const words = this.#words;
    for (;;) {
      const written = Atomics.load(words, this.#control + writer);
      const taken = Atomics.load(words, this.#control + reader);
      const sum =
        words[this.#control + state(writer, written) + w.charged]! -
        words[this.#control + state(reader, taken) + r.charged]!;
      if (
        Atomics.load(words, this.#control + writer) === written &&
        Atomics.load(words, this.#control + reader) === taken
      ) {
        return sum >>> 0;
      }
    }
  }

  /** Who took the last message, and how many that one had taken then, as `advance` was told. */
  lastTaker(): { readonly taker: number; readonly count: number } {
    const words = this.#words;
    for (;;) {
      const taken = Atomics.load(words, this.#control + reader);
      const at = this.#control + state(reader, taken);
      const last = { taker: words[at + r.taker]!, count: words[at + r.takerCount]! };
      if (Atomics.load(words, this.#control + reader) === taken) return last;
    }
  }

  /** How many have been written so far, modulo 2^32. */
  get written(): number {
    return Atomics.load(this.#words, this.#control + writer);
  }

  /** The largest message that `write` can ever take. */
  get largest(): number {
    return (this.#size >> 1) - headBytes - listBytes - 2 * jumpBytes;
  }

  /**
   * Publishes a message; false when there is no room for it.
   *
   * @param list held by the caller (`lists.ts`), who lets go of it afterwards: the message holds it then; 0: none
   * @param charge any number of a unit of the caller's, below 2^31
   */
  write(list: number, message: Uint8Array, charge: number): boolean {
    const words = this.#words;
    const control = this.#control;
    const { length } = message;
    const count = words[control + writer]!;
    const now = control + state(writer, count);
    const extra = list === 0 ? 0 : listBytes;
    const needed = (headBytes + extra + length + 7) & ~7;
    const tail = words[now + w.tail]!;
    let start = words[now + w.start]!;
    let jump = words[now + w.jump]!;
    const at = this.#place(tail, start, jump, needed);
    if (at < 0) return false;
    this.#reach(Math.max(tail, at + needed) + jumpBytes);
    if (at !== tail) {
      this.#records[tail >> 2] = ((at >> 3) << 2) | record.jump;
      if (at === 0) jump = tail;
      start = at;
    }
    if (list !== 0) {
      noteList(words, control + writer, count, list);
      retainForMessage(list);
    }
    this.#records[at >> 2] = (length << 2) | (list === 0 ? record.plain : record.withList);
    let to = at + headBytes;
    if (list !== 0) {
      this.#records[to >> 2] = list;
      to += listBytes;
    }
    const { bytes } = this;
    // Below, a loop instead of the call. Measured: quicker up to 12 bytes (18 against 21 ns), slower from 16 on.
    if (length <= 12) for (let i = 0; i < length; i++) bytes[to + i] = message[i]!;
    else bytes.set(message, to);
    const next = control + state(writer, count + 1);
    words[next + w.tail] = at + needed;
    words[next + w.start] = start;
    words[next + w.jump] = jump;
    words[next + w.charged] = (words[now + w.charged]! + charge) | 0;
    if (at + needed > words[control + highestWord]!) words[control + highestWord] = at + needed;
    Atomics.store(words, control + writer, (count + 1) | 0);
    if (list !== 0) forgetList(words, control + writer);
    return true;
  }

  /** Where the next message goes; -1: nowhere yet. A jump must always fit behind it. */
  #place(tail: number, start: number, jump: number, needed: number): number {
    const words = this.#words;
    const control = this.#control;
    const room = needed + jumpBytes;
    let head: number;
    let below: number;
    for (;;) {
      const taken = Atomics.load(words, control + reader);
      head = words[control + state(reader, taken) + r.head]!;
      below = head <= this.#soft ? head : Math.max(this.#soft, Atomics.load(words, control + floorWord));
      if (Atomics.load(words, control + reader) === taken) break;
    }
    if (head >= start && head <= tail) {
      // The reader is in the same piece: all below it is free.
      const enough = tail >= this.#soft ? room : Math.max(room, tail - head);
      if (tail >= leastRoundBytes && below >= enough) return 0;
      if (tail + room <= this.#size) return tail;
      return below >= room ? 0 : -1;
    }
    if (start === 0) {
      if (tail + room <= below) return tail;
      const third = (jump + jumpBytes + chunkBytes - 1) & ~(chunkBytes - 1);
      return third + room <= this.#size ? third : -1;
    }
    return tail + room <= this.#size ? tail : -1;
  }

  /** Finds the next message without taking it; undefined when there is none. */
  peek(): Found | undefined {
    const words = this.#words;
    const control = this.#control;
    const count = words[control + reader]!;
    if (Atomics.load(words, control + writer) === count) return undefined;
    let at = words[control + state(reader, count) + r.head]!;
    this.#reach(at + jumpBytes);
    let head = this.#records[at >> 2]!;
    this.#jumped = -1;
    if ((head & 3) === record.jump) {
      this.#jumped = at;
      at = (head >>> 2) << 3;
      this.#reach(at + jumpBytes);
      head = this.#records[at >> 2]!;
    }
    const { found } = this;
    found.length = head >>> 2;
    let from = at + headBytes;
    if ((head & 3) === record.plain) found.list = 0;
    else {
      found.list = this.#records[from >> 2]!;
      from += listBytes;
    }
    found.start = from;
    this.#next = (from + found.length + 7) & ~7;
    this.#reach(this.#next);
    return found;
  }

  /** Takes what `peek` has found. A list of it must have been held by the caller before: the message holds it no more. */
  advance(charge: number, taker = 0, takerCount = 0): void {
    const words = this.#words;
    const control = this.#control;
    const { list } = this.found;
    const count = words[control + reader]!;
    const now = control + state(reader, count);
    const head = this.#next;
    if (list !== 0) noteList(words, control + reader, count, list);
    if (this.#jumped >= 0) {
      // Before the store: afterwards the writer may come by there.
      this.#giveBack(this.#jumped & ~(chunkBytes - 1));
      Atomics.store(words, control + floorWord, 0);
    }
    const next = control + state(reader, count + 1);
    words[next + r.head] = head;
    words[next + r.charged] = (words[now + r.charged]! + charge) | 0;
    words[next + r.taker] = taker;
    words[next + r.takerCount] = takerCount;
    Atomics.store(words, control + reader, (count + 1) | 0);
    if (list !== 0) {
      releaseMessage(list);
      forgetList(words, control + reader);
    }
    if (head > this.#soft) this.#giveBack(head & ~(chunkBytes - 1));
  }

  /** Memory from the floor up to `until` has been read; nobody writes there before the floor says so. */
  #giveBack(until: number): void {
    const words = this.#words;
    const word = this.#control + floorWord;
    const floor = Math.max(words[word]!, this.#soft);
    if (until <= floor) return;
    clearPart(this.#handle, this.#offset + floor, until - floor);
    Atomics.store(words, word, until);
  }

  /** Whether more is in use than stays so for good. */
  get isUntidy(): boolean {
    return Atomics.load(this.#words, this.#control + highestWord) > leastSoftBytes;
  }

  /** Gives back what is free in a piece below `until`; nobody may write or read. Returns where to go on, or 0. */
  tidy(until: number): number {
    const words = this.#words;
    const word = this.#control + highestWord;
    const top = Math.min(until, this.#soft, (words[word]! + pageBytes - 1) & ~(pageBytes - 1));
    const from = Math.max(leastSoftBytes, (top - 1) & ~(tidyBytes - 1));
    const used = this.#used();
    let free = from;
    for (const [start, end] of [...used, [top, top] as const]) {
      const first = (free + pageBytes - 1) & ~(pageBytes - 1);
      const last = Math.min(start, top) & ~(pageBytes - 1);
      if (first < last) clearPart(this.#handle, this.#offset + first, last - first);
      free = Math.max(free, end);
    }
    if (from > leastSoftBytes) return from;
    Atomics.store(words, word, used.at(-1)![1]); // What is still to be read is looked at again later.
    return 0;
  }

  /** Where something is to be read, or says where to go on. From the lowest to the highest. */
  #used(): (readonly [start: number, end: number])[] {
    const words = this.#words;
    const control = this.#control;
    const now = control + state(writer, words[control + writer]!);
    const head = words[control + state(reader, words[control + reader]!) + r.head]!;
    const start = words[now + w.start]!;
    const end = words[now + w.tail]! + jumpBytes;
    const jump = words[now + w.jump]! + jumpBytes;
    if (head >= start && head < end) return [[head, end]];
    const last = [start, end] as const;
    // Where there are three pieces nobody knows the second one's end: all below the third is taken to be used.
    return start === 0 ? [last, [head, jump]] : [[0, jump], last];
  }

  /** After the death of a writer: a list that was held for a message which was never published is let go. */
  mendWriter(): void {
    mendList(this.#words, this.#control + writer, true);
  }

  /** After the death of a reader: a list that a message held which has been taken is let go. */
  mendReader(): void {
    mendList(this.#words, this.#control + reader, false);
  }
}

function state(side: number, count: number): number {
  return side + 1 + (count & 1) * stateWords;
}
