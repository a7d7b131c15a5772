/**
 * Ranges of the family's memory: taken, counted by their holders, given back with the last.
 *
 * Runs in: every process.
 * Guarantees: a range comes zeroed; taking and giving back are one compare-and-swap each. Who is killed while it gives a
 * range back leaves a count that names it, and the word that named the range still does: whoever lets go of that word
 * next (a grave-digger, or who gives back the range in which the word is) does the rest.
 * Leaves to others: who holds what, beyond a process's death (`holdings.ts`).
 *
 *   count of a range:  0 free    n holders    negative: being made, or given back, by the participant of that id
 *                      above 2^30: being changed (`counts.ts`, where it is read)
 */
import { MultiprocessingError } from "../base/errors.ts";
import { family } from "./family.ts";
import {
  classForSize,
  classOfHandle,
  countWord,
  headerHints,
  largestRangeBytes,
  pageBytes,
  sizeClasses,
  type SizeClass,
} from "./layout.ts";
import { countOf, lower } from "./counts.ts";
import { hasEnded, isBuried, ownId } from "./participants.ts";

/** A range as this process sees it. */
export interface Range {
  readonly handle: number;
  readonly sizeBytes: number;
  /** Over the range, as words and as bytes; small ranges share the buffer of the core. */
  readonly words: Int32Array;
  readonly bytes: Uint8Array;
  /** The index in `words` of the range's first word. */
  readonly base: number;
}

/** What to do before a range of a kind is given back: `kind` is its first word. */
export type Undoing = (handle: number) => void;

const undoings = new Map<number, Undoing>();

/** Ranges whose first word is `kind` hold others, which are to be let go with them. */
export function onGivingBack(kind: number, undoing: Undoing): void {
  undoings.set(kind, undoing);
}

/** A range of that kind holds others, whose handles are in these words of it: they are let go with it. */
export function holdsOthers(kind: number, ...wordsOfHandles: readonly number[]): void {
  onGivingBack(kind, (handle) => {
    const { words, base } = view(handle);
    for (const word of wordsOfHandles) releaseFrom(words, base + word);
  });
}

/**
 * Takes a range; its count then names this process, until `settle` makes it 1.
 *
 * @throws {MultiprocessingError} ERR_MP_OUT_OF_MEMORY when none of that size is left
 */
export function take(sizeBytes: number): number {
  const number = classForSize(sizeBytes);
  if (number === undefined)
    throw outOfMemory(`${sizeBytes} bytes were asked for; at most ${largestRangeBytes} are possible`);
  const { words } = family();
  const { ranges, firstHandle } = sizeClasses[number]!;
  const mark = -ownId();
  // Where the last one was found: only a hint, so nobody minds that it is written without order.
  const hint = headerHints + number;
  const start = words[hint]! % ranges;
  for (let step = 0; step < ranges; step++) {
    const at = start + step < ranges ? start + step : start + step - ranges;
    const word = countWord(firstHandle + at);
    const count = Atomics.load(words, word);
    if (count < 0 && isBuried(-count) && Atomics.compareExchange(words, word, count, mark) === count) {
      empty(firstHandle + at);
    } else if (count !== 0 || Atomics.compareExchange(words, word, 0, mark) !== 0) {
      continue;
    }
    words[hint] = at + 1;
    return firstHandle + at;
  }
  throw outOfMemory(`all ${ranges} ranges of ${sizeClasses[number]!.sizeBytes} bytes are in use`);
}

/** What has been taken has its first holder. */
export function settle(handle: number): void {
  Atomics.store(family().words, countWord(handle), 1);
}

/**
 * Lets go of the range that `words[at]` names, and makes that 0; 0 is fine. Only one at a time may do so.
 *
 * Whoever dies in the middle leaves a word that can be let go again: it names the range as long as its share of the
 * count is there, or the range is only half given back.
 *
 * @param index of the participant whose list that is; 0: the words are the core
 */
export function releaseFrom(words: Int32Array, at: number, index = 0): void {
  const handle = Atomics.load(words, at);
  if (handle === 0) return;
  const counts = family().words;
  const word = countWord(handle);
  for (;;) {
    const count = countOf(handle);
    if (count > 1) {
      if (lower(handle, count, words, at, index)) return;
      continue;
    }
    if (count === 0 || (count < 0 && !hasEnded(-count))) {
      Atomics.store(words, at, 0); // Somebody else is at it.
      return;
    }
    if (Atomics.compareExchange(counts, word, count, -ownId()) !== count) continue;
    empty(handle);
    Atomics.store(words, at, 0); // Before the count: afterwards the range may be somebody's.
    Atomics.store(counts, word, 0);
    return;
  }
}

/** Above the processes that hold a range: one message that holds it, too, and that belongs to no process. */
const messageHolder = 1 << 24;

/** A message in shared memory holds it from now on. At most one message may hold a range. */
export function retainForMessage(handle: number): void {
  const { words } = family();
  for (;;) {
    const count = countOf(handle);
    if (Atomics.compareExchange(words, countWord(handle), count, count + messageHolder) === count) return;
  }
}

/**
 * The message holds it no more. Done twice, it does nothing: whoever follows somebody that died may do it again, and
 * does then what that one has not done.
 */
export function releaseMessage(handle: number): void {
  const { words } = family();
  const word = countWord(handle);
  for (;;) {
    const count = countOf(handle);
    const isLeft = count < 0 && hasEnded(-count);
    if (count < messageHolder && !isLeft) return;
    if (count > messageHolder) {
      if (Atomics.compareExchange(words, word, count, count - messageHolder) === count) return;
    } else if (Atomics.compareExchange(words, word, count, -ownId()) === count) {
      giveBack(handle);
      return;
    }
  }
}

/** How many hold it. */
export function holders(handle: number): number {
  return countOf(handle);
}

/** The size of a range, in bytes. */
export function sizeOf(handle: number): number {
  const sizeClass = classOfHandle(handle);
  if (sizeClass === undefined) throw new RangeError(`There is no range ${handle}`);
  return sizeClass.sizeBytes;
}

/** The range as this process can see it; large ones are mapped anew by each call. */
export function view(handle: number): Range {
  const { addon, descriptor, words, bytes } = family();
  const sizeClass = classOfHandle(handle);
  if (sizeClass === undefined) throw new RangeError(`There is no range ${handle}`);
  const { sizeBytes } = sizeClass;
  const offset = offsetOf(sizeClass, handle);
  if (isSmall(sizeClass)) {
    return { handle, sizeBytes, words, bytes: bytes.subarray(offset, offset + sizeBytes), base: offset / 4 };
  }
  const buffer = addon.map(descriptor, offset, sizeBytes);
  return { handle, sizeBytes, words: new Int32Array(buffer), bytes: new Uint8Array(buffer), base: 0 };
}

/** Maps a part of a large range; `from` and `length` in whole pages. */
export function mapPart(handle: number, from: number, length: number): ArrayBuffer {
  const { addon, descriptor } = family();
  return addon.map(descriptor, offsetOf(classOfHandle(handle)!, handle) + from, length);
}

/**
 * Maps the first bytes of a large range, for a buffer that leaves our hands.
 *
 * @param name under which `addon.endedMappings()` tells that nobody uses the buffer any more, whoever got it
 */
export function mapTold(handle: number, lengthBytes: number, name: number): ArrayBuffer | undefined {
  const { addon, descriptor } = family();
  const sizeClass = classOfHandle(handle);
  if (sizeClass === undefined || isSmall(sizeClass) || lengthBytes > sizeClass.sizeBytes) return undefined;
  return addon.mapTold(descriptor, offsetOf(sizeClass, handle), lengthBytes, name);
}

/** Gives the pages of a part of a large range back, its holders unchanged; `from` and `length` in whole pages. */
export function clearPart(handle: number, from: number, length: number): void {
  const { addon, descriptor } = family();
  addon.punchHole(descriptor, offsetOf(classOfHandle(handle)!, handle) + from, length);
}

/**
 * Makes sure that the pages of a large range exist, so that touching them cannot crash.
 *
 * @throws {MultiprocessingError} ERR_MP_OUT_OF_MEMORY when there is no room
 */
export function reserve(handle: number, length: number): void {
  const { addon, descriptor } = family();
  const sizeClass = classOfHandle(handle)!;
  if (isSmall(sizeClass)) return;
  try {
    addon.reserve(descriptor, offsetOf(sizeClass, handle), length);
  } catch (cause) {
    throw outOfMemory(`the system has no ${length} bytes left`, cause);
  }
}

function giveBack(handle: number): void {
  empty(handle);
  Atomics.store(family().words, countWord(handle), 0);
}

/** Lets go of what it holds, and zeroes it. */
function empty(handle: number): void {
  const { addon, descriptor, words, bytes } = family();
  const sizeClass = classOfHandle(handle)!;
  const offset = offsetOf(sizeClass, handle);
  // Only small ranges hold others: what is large is data.
  const undoing = isSmall(sizeClass) ? undoings.get(words[offset / 4]!) : undefined;
  if (undoing !== undefined) undoing(handle);
  if (isSmall(sizeClass)) bytes.fill(0, offset, offset + sizeClass.sizeBytes);
  else addon.punchHole(descriptor, offset, sizeClass.sizeBytes);
}

function isSmall({ sizeBytes }: SizeClass): boolean {
  return sizeBytes < pageBytes;
}

function offsetOf({ firstHandle, offset, sizeBytes }: SizeClass, handle: number): number {
  return offset + (handle - firstHandle) * sizeBytes;
}

function outOfMemory(why: string, cause?: unknown): MultiprocessingError {
  return new MultiprocessingError(
    `Cannot take shared memory: ${why}\n  do this:  close what is not needed, or send less at a time`,
    { code: "ERR_MP_OUT_OF_MEMORY", ...(cause === undefined ? {} : { cause }) },
  );
}
