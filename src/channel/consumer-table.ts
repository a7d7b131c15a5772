/**
 * Who has taken how many items of a JoinableQueue, and has done how many of them.
 *
 * Runs in: every process.
 * Guarantees: what a consumer has taken counts in the same store by which it takes; what a dead one has not done counts
 * as done, and is counted.
 * Leaves to others: the lock under which items are taken (`queue-memory.ts`).
 *
 * Each participant has an entry that only it writes: its id, how many it has taken, how many it has said to be done. The
 * last taker's number stands in the window's own state and is copied to its entry by whoever takes next: so it changes
 * together with the queue.
 */
import { view } from "../memory/arena.ts";
import { family } from "../memory/family.ts";
import { header, maxParticipants } from "../memory/layout.ts";
import { indexOf, isGone, lookAfter, ownId } from "../memory/participants.ts";
import type { Window } from "./window.ts";

const entryWords = 4;
const entry = { id: 0, taken: 1, done: 2 } as const;
/** After the entries: what the users of entries that others use now had taken and done. */
const former = maxParticipants * entryWords;
const formerWord = { taken: 0, done: 1 } as const;
export const tableBytes: number = (former + 4) * 4;

export interface Progress {
  /** Put, and neither done nor lost with a consumer. */
  readonly unfinished: number;
  /** Taken by consumers that have died since, and not done. */
  readonly lost: number;
}

export class ConsumerTable {
  readonly #words: Int32Array;
  readonly #window: Window;

  constructor(handle: number, window: Window) {
    this.#words = view(handle).words;
    this.#window = window;
  }

  /** Under the queue's lock. `take` gets who takes, and how many that will be then. */
  taking<T>(take: (own: number, count: number) => T | undefined): T | undefined {
    const words = this.#words;
    this.#copyLast();
    const at = this.#own();
    const count = (words[at + entry.taken]! + 1) | 0;
    const taken = take(ownId(), count);
    if (taken !== undefined) Atomics.store(words, at + entry.taken, count);
    return taken;
  }

  #copyLast(): void {
    const { taker, count } = this.#window.lastTaker();
    if (taker === 0) return;
    const at = indexOf(taker) * entryWords;
    if (this.#words[at + entry.id] === taker) Atomics.store(this.#words, at + entry.taken, count);
  }

  /** This process's entry. An earlier user's numbers are added to those of the former ones. */
  #own(): number {
    const words = this.#words;
    const own = ownId();
    const at = indexOf(own) * entryWords;
    if (words[at + entry.id] !== own) {
      Atomics.add(words, former + formerWord.taken, words[at + entry.taken]!);
      Atomics.add(words, former + formerWord.done, words[at + entry.done]!);
      Atomics.store(words, at + entry.id, 0);
      Atomics.store(words, at + entry.taken, 0);
      Atomics.store(words, at + entry.done, 0);
      Atomics.store(words, at + entry.id, own);
    }
    return at;
  }

  done(): void {
    Atomics.add(this.#words, this.#own() + entry.done, 1);
  }

  /** @param thorough those who have not done all are looked after */
  progress(thorough: boolean): Progress {
    const words = this.#words;
    const written = this.#window.written;
    const last = this.#window.lastTaker();
    const lostBefore = words[former + formerWord.taken]! - words[former + formerWord.done]!;
    let finished = words[former + formerWord.taken]!;
    let lost = Math.max(0, lostBefore);
    const highest = Math.min(Atomics.load(family().words, header.nextParticipant), maxParticipants - 1);
    for (let index = 1; index <= highest; index++) {
      const at = index * entryWords;
      const id = Atomics.load(words, at + entry.id);
      if (id === 0) continue;
      const done = words[at + entry.done]!;
      const taken = id === last.taker ? last.count : words[at + entry.taken]!;
      if (taken > done && (thorough ? lookAfter(id) : isGone(id))) {
        finished += taken;
        lost += taken - done;
      } else finished += done;
    }
    return { unfinished: (written - finished) | 0, lost };
  }
}
