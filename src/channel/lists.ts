/**
 * What a message holds while it is in shared memory: a list of ranges, in a range of its own.
 *
 * Runs in: every process.
 * Guarantees: the list is held by one message, or by who is about to take it; when nobody holds it any more, all that is
 * on it is let go, whoever died in between.
 * Leaves to others: what the ranges are (`parcel.ts`).
 */
import { onGivingBack, releaseFrom, view } from "../memory/arena.ts";
import { raise } from "../memory/counts.ts";
import { family } from "../memory/family.ts";
import { handOnTo, hold, holdToo, letGo, type HeldRange, type Holding } from "../memory/holdings.ts";
import { header } from "../memory/layout.ts";

/** The first word of a list. Arbitrary, but no other kind's. */
const listKind = 0x6c697374;
const word = { ticket: 1, count: 2, bodyLow: 3, bodyHigh: 4, weight: 5, body: 6, next: 7, first: 8 } as const;
/** Bytes; so that 32 bits suffice. */
const weightUnit = 64;
/** In the largest small range. More are on further lists. */
const mostHandles = 2048 / 4 - word.first;

onGivingBack(listKind, (handle) => {
  const { words, base } = view(handle);
  const count = Math.min(Atomics.load(words, base + word.count), mostHandles);
  for (let at = base + word.body; at < base + word.first + count; at++) releaseFrom(words, at);
});

/** A list that is being made: the caller lets go of it once a message holds it, or none will. */
export type List = HeldRange;

/** The bytes of a message that has a range of its own. */
export interface Body {
  readonly handle: number;
  readonly length: number;
}

/**
 * @param handles each of them, and the body, held by this process meanwhile; the list holds them, too
 * @param weight bytes that the message has in ranges beside its body
 */
export function makeList(handles: readonly number[], body?: Body, weight = 0): List {
  const rest = handles.length > mostHandles ? makeList(handles.slice(mostHandles)) : undefined;
  const count = Math.min(handles.length, mostHandles);
  const list = hold((word.first + count) * 4);
  const { words, base } = view(list.handle);
  words[base] = listKind;
  words[base + word.ticket] = Atomics.add(family().words, header.tickets, 1);
  words[base + word.weight] = Math.ceil(weight / weightUnit);
  words[base + word.count] = count; // Before they are there: what has not been written is 0.
  // One that is nobody's any more is left out: the receiver is told so.
  for (let i = 0; i < count; i++) raise(handles[i]!, words, base + word.first + i);
  if (body !== undefined) {
    words[base + word.bodyLow] = body.length | 0;
    words[base + word.bodyHigh] = Math.floor(body.length / 2 ** 32);
    raise(body.handle, words, base + word.body);
  }
  if (rest !== undefined) handOnTo(words, base + word.next, rest);
  return list;
}

/** Holds the list of a message that is about to be taken; undefined when it is none. */
export function holdList(handle: number): Holding | undefined {
  return holdToo(handle);
}

export function letGoList(holding: Holding): void {
  letGo(holding);
}

/** The bytes that were given as its weight, about. */
export function weightOf(list: number): number {
  const { words, base } = view(list);
  return words[base + word.weight]! * weightUnit;
}

/** Where the body is, when it has a range of its own. */
export function bodyOf(list: number): Body | undefined {
  const { words, base } = view(list);
  const handle = words[base + word.body]!;
  if (handle === 0) return undefined;
  const length = (words[base + word.bodyLow]! >>> 0) + words[base + word.bodyHigh]! * 2 ** 32;
  return { handle, length };
}

/** Drawn when the list was made: tells it from a later one in the same range. */
export function ticketOf(list: number): number {
  const { words, base } = view(list);
  return words[base + word.ticket]!;
}
