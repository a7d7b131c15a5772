/**
 * The lock at one end of a queue: who may write, or read, the window at this moment.
 *
 * Runs in: every process.
 * Guarantees: it is held while this thread copies one message, or gives back a MiB of an idle queue (60 µs), never across an
 * await; a holder that died is replaced by the next who comes, which is told so, or by whoever buries it: what the dead one
 * had begun to let go must not wait until somebody comes by. Who holds both of a queue's has noted the one that it entered
 * last: the other waits for the next who comes, since nothing is being let go under it.
 * Why not `sync/lock.ts`: nobody ever sleeps for this one.
 */
import { family } from "../memory/family.ts";
import { participant as field, participantEntry } from "../memory/layout.ts";
import { idOfIndex, indexOf, isBuried, lookAfter, onBurial, ownId } from "../memory/participants.ts";

/** Looks before a nap. Measured: a put and a get take 0.7 µs together, a look 6 ns; so a holder that runs is done. */
const looks = 200;
/** Naps give the processor to a holder that was taken off it. Milliseconds; arbitrary. */
const napMs = 0.1;
const naps = 40;

export type Entered = "entered" | "after a death" | "busy";

/** @param at the index of the lock's word in the core; 0: free */
export function enter(words: Int32Array, at: number): Entered {
  const own = ownId();
  if (Atomics.compareExchange(words, at, 0, own) === 0) return inside(words, at, own, "entered");
  const { addon } = family();
  for (let nap = 0; nap < naps; nap++) {
    let holder = 0;
    for (let look = 0; look < looks; look++) {
      holder = Atomics.load(words, at);
      if (holder === 0 && Atomics.compareExchange(words, at, 0, own) === 0) return inside(words, at, own, "entered");
    }
    if (holder === 0) continue;
    // A look at the table and the kernel costs 30 µs: not at each nap.
    if (nap % 4 === 1 && lookAfter(holder) && isBuried(holder) && replace(words, at, holder, own)) {
      return inside(words, at, own, "after a death");
    }
    addon.futexWait(words, at, holder, napMs, false);
  }
  return "busy"; // It was stopped, perhaps: whoever waits looks again later.
}

export function leave(words: Int32Array, at: number): void {
  Atomics.store(words, at, 0);
  words[noteOf(ownId())] = 0;
}

/** @param mend what has to be put right under a lock whose holder has died; `at` as above */
export function onDeathInside(mend: (words: Int32Array, at: number) => void): void {
  onBurial((index) => {
    const { words } = family();
    const at = words[participantEntry(index) + field.inside]!;
    const own = ownId();
    if (at === 0 || !replace(words, at, idOfIndex(index), own)) return;
    const note = noteOf(own);
    const before = words[note]!;
    words[note] = at;
    mend(words, at);
    Atomics.store(words, at, 0);
    words[note] = before;
  }, "locks");
}

function replace(words: Int32Array, at: number, holder: number, own: number): boolean {
  return Atomics.compareExchange(words, at, holder, own) === holder;
}

function inside(words: Int32Array, at: number, own: number, how: Entered): Entered {
  words[noteOf(own)] = at;
  return how;
}

function noteOf(own: number): number {
  return participantEntry(indexOf(own)) + field.inside;
}
