/**
 * Who has taken how many items of a JoinableQueue, and has done how many of them.
 *
 * Runs in: every process.
 * Guarantees: what a consumer has taken counts in the same store by which it takes; what a dead one has not done counts
 * as done, and is counted.
 * Leaves to others: the lock under which items are taken (`queue-memory.ts`).
 *
 * Each participant has an entry that only it writes: its id, how many it has taken, how many it has said to be done, how
 * many were written off. Whoever gets an entry that another had goes on counting where that one stopped: one store writes
 * off what was not done, one more makes the entry its own, so that neither a death nor a reader in between counts twice.
 * The last taker's number stands in the window's own state and is copied to its entry by whoever takes next: so it
 * changes together with the queue.
 */
import { view } from "../memory/arena.ts";
import { family } from "../memory/family.ts";
import { header, maxParticipants } from "../memory/layout.ts";
import { indexOf, isGone, lookAfter, ownId } from "../memory/participants.ts";
import type { Window } from "./window.ts";

const entryWords = 4;
const entry = { id: 0, taken: 1, done: 2, off: 3 } as const;
export const tableBytes: number = maxParticipants * entryWords * 4;

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

  /** This process's entry. */
  #own(): number {
    const words = this.#words;
    const own = ownId();
    const at = indexOf(own) * entryWords;
    const former = words[at + entry.id]!;
    if (former === own) return at;
    const last = this.#window.lastTaker();
    if (former !== 0 && last.taker === former) Atomics.store(words, at + entry.taken, last.count);
    const finished = (words[at + entry.done]! + words[at + entry.off]!) | 0;
    const open = (words[at + entry.taken]! - finished) | 0;
    if (open > 0) Atomics.store(words, at + entry.off, (words[at + entry.off]! + open) | 0);
    else Atomics.store(words, at + entry.taken, finished); // It has said so for items that others took.
    Atomics.store(words, at + entry.id, own);
    return at;
  }

  done(): void {
    Atomics.add(this.#words, this.#own() + entry.done, 1);
  }

  /**
   * Never too few unfinished: what is finished is read first, and only grows.
   *
   * @param thorough those who have not done all are looked after
   */
  progress(thorough: boolean): Progress {
    const last = this.#window.lastTaker();
    let finished = 0;
    let lost = 0;
    const highest = Atomics.load(family().words, header.highestParticipant);
    for (let index = 1; index <= highest; index++) {
      const { id, taken, done, off } = this.#read(index * entryWords);
      if (id === 0) continue;
      const open = ((id === last.taker ? last.count : taken) - done - off) | 0;
      finished += done + off;
      lost += off;
      if (open > 0 && (thorough ? lookAfter(id) : isGone(id))) {
        finished += open;
        lost += open;
      }
    }
    return { unfinished: (this.#window.written - finished) | 0, lost };
  }

  /** The numbers of one user of the entry. */
  #read(at: number): { id: number; taken: number; done: number; off: number } {
    const words = this.#words;
    for (;;) {
      const id = Atomics.load(words, at + entry.id);
      const taken = Atomics.load(words, at + entry.taken);
      const off = Atomics.load(words, at + entry.off);
      const done = Atomics.load(words, at + entry.done);
      if (Atomics.load(words, at + entry.id) === id) return { id, taken, done, off };
    }
  }
}
