/**
 * How many hold a range, and the word that names it for one of them: changed as if in one step.
 *
 * Runs in: every process.
 * Guarantees: whoever dies, at any point, has counted and named, or has done neither; nobody waits for anybody: who comes
 * upon a count that is being changed ends that change.
 * Leaves to others: what the numbers mean (`arena.ts`), which words there are (`holdings.ts`, and ranges that hold others).
 * Source: operations that describe themselves, so that others can complete them: Harris, Fraser and Pratt, "A Practical
 * Multi-Word Compare-and-Swap Operation" (DISC 2002). Here the second word is one that only its owner writes, so that
 * the others complete the count, and the owner, or its grave-digger, the word.
 *
 *   noted      in the owner's entry of the table of participants: range, count, word, and a number that tells this change
 *   begun      the count makes way for that number and the owner's index
 *   named      the word is written, or erased, by the owner
 *   counted    by the owner; or by who comes upon it, who marks the note first: then the word is as good as written
 *   forgotten  the note is erased
 */
import { family } from "./family.ts";
import {
  countWord,
  handlesPerParticipant,
  heldOffset,
  participant as field,
  participantBits,
  participantEntry,
} from "./layout.ts";
import { indexOf, onBurial, ownId } from "./participants.ts";

/** More than any count: one that is being changed. Below are the number of the change and the index of its owner. */
const changing = 1 << 30;
const numbers = 1 << 16;

/** What the note says is one word: the kind of change; whether it has been counted; whose list has the word; its number. */
const kindMask = 3;
const raising = 1;
const lowering = 2;
const moving = 3;
const counted = 4;
const indexShift = 3;
const numberShift = indexShift + participantBits;
const indexMask = (1 << participantBits) - 1;

let lastNumber = 0;

/** How many hold it, while nobody is at it; see `arena.ts` for what else it may say. */
export function countOf(handle: number): number {
  const { words } = family();
  const word = countWord(handle);
  for (;;) {
    const count = Atomics.load(words, word);
    if (count < changing) return count;
    complete(words, word, count);
  }
}

/**
 * One holder more, which is `words[at]`, until now 0; false when the range is nobody's any more.
 *
 * @param index of the participant whose list that is; 0: the words are the core
 */
export function raise(handle: number, words: Int32Array, at: number, index = 0): boolean {
  for (;;) {
    const count = countOf(handle);
    if (count <= 0) return false;
    if (change(raising, handle, count, words, at, index)) return true;
  }
}

/** One holder less, which was `words[at]`; false when the count, more than 1, has changed meanwhile. */
export function lower(handle: number, count: number, words: Int32Array, at: number, index: number): boolean {
  return change(lowering, handle, count, words, at, index);
}

/**
 * What this process's list names at `from` is named by a word of the core instead, if that is 0.
 *
 * @returns what the word was
 */
export function move(handle: number, list: Int32Array, from: number, words: Int32Array, at: number): number {
  const note = write(moving, handle, from, 0, at);
  const before = Atomics.compareExchange(words, at, 0, handle);
  if (before === 0) Atomics.store(list, from, 0);
  Atomics.store(family().words, note, 0);
  return before;
}

/** What a participant holds, as words. */
export function mapList(index: number): Int32Array<ArrayBuffer> {
  const { addon, descriptor } = family();
  return new Int32Array(addon.map(descriptor, heldOffset(index), handlesPerParticipant * 4));
}

function change(kind: number, handle: number, count: number, named: Int32Array, at: number, index: number): boolean {
  const { words } = family();
  const word = countWord(handle);
  const note = write(kind, handle, count, index, at);
  const mark = changing | (lastNumber << participantBits) | indexOf(ownId());
  const begun = Atomics.compareExchange(words, word, count, mark) === count;
  if (begun) {
    Atomics.store(named, at, kind === raising ? handle : 0);
    Atomics.compareExchange(words, word, mark, kind === raising ? count + 1 : count - 1);
  }
  Atomics.store(words, note, 0);
  return begun;
}

/** Returns the index of the note's word, which is to be 0 when the change is done. */
function write(kind: number, handle: number, from: number, index: number, at: number): number {
  const { words } = family();
  const entry = participantEntry(indexOf(ownId()));
  lastNumber = (lastNumber + 1) % numbers;
  words[entry + field.changeHandle] = handle;
  words[entry + field.changeFrom] = from;
  words[entry + field.changeAt] = at;
  Atomics.store(words, entry + field.change, kind | (index << indexShift) | (lastNumber << numberShift));
  return entry + field.change;
}

/** Ends the change that this count is in, unless somebody was quicker. */
function complete(words: Int32Array, word: number, mark: number): void {
  const entry = participantEntry(mark & indexMask);
  const change = Atomics.load(words, entry + field.change);
  if (change >>> numberShift !== (mark >>> participantBits) % numbers) return;
  if (countWord(words[entry + field.changeHandle]!) !== word) return;
  const from = words[entry + field.changeFrom]!;
  if ((change & counted) === 0) {
    // Only where it succeeds, what was read belongs together.
    if (Atomics.compareExchange(words, entry + field.change, change, change | counted) !== change) return;
  }
  Atomics.compareExchange(words, word, mark, (change & kindMask) === raising ? from + 1 : from - 1);
}

/** What a dead one was changing: before anybody lets go of what it held. */
onBurial((index) => {
  const { words } = family();
  const entry = participantEntry(index);
  const noted = Atomics.load(words, entry + field.change);
  if (noted === 0) return;
  const handle = words[entry + field.changeHandle]!;
  const from = words[entry + field.changeFrom]!;
  const at = words[entry + field.changeAt]!;
  const kind = noted & kindMask;
  if (kind === moving) {
    if (Atomics.load(words, at) === handle) writeName(index, from, 0);
  } else {
    const word = countWord(handle);
    const isChanging = (count: number): boolean => count >= changing && (count & indexMask) === index;
    for (let count: number; isChanging((count = Atomics.load(words, word)));) complete(words, word, count);
    const isCounted = (Atomics.load(words, entry + field.change) & counted) !== 0;
    if (isCounted) writeName((noted >>> indexShift) & indexMask, at, kind === raising ? handle : 0);
  }
  Atomics.store(words, entry + field.change, 0);
}, "changes");

/** In the list of the participant of that index; 0: in the core. */
function writeName(index: number, at: number, handle: number): void {
  const { addon, words } = family();
  if (index === 0) {
    Atomics.store(words, at, handle);
    return;
  }
  const list = mapList(index);
  Atomics.store(list, at, handle);
  addon.detach(list.buffer);
}
