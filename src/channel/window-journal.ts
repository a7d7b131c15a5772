/**
 * What a writer, or a reader, of a window notes before a message with a list changes hands, so that whoever follows a dead
 * one knows what that one has left undone.
 *
 * Runs in: every process.
 * Guarantees: a list that is held for a message which was never published, or by one that has been taken, is let go once.
 * Leaves to others: to publish and to take (`window.ts`).
 */
import { releaseMessage } from "../memory/arena.ts";
import { ticketOf } from "./lists.ts";

/** Words of a side's line: the list, its ticket, how many messages the side had written, or taken, at that time. */
const journal = { list: 12, ticket: 13, count: 14 } as const;

/** @param side where its line begins; the first word says how many it has written, or taken */
export function noteList(words: Int32Array, side: number, count: number, list: number): void {
  words[side + journal.ticket] = ticketOf(list);
  words[side + journal.count] = count;
  Atomics.store(words, side + journal.list, list);
}

/** It is done. */
export function forgetList(words: Int32Array, side: number): void {
  Atomics.store(words, side + journal.list, 0);
}

/** @param ifUndone whether a list is let go where what was begun has not come to pass (a writer's), or where it has (a reader's) */
export function mendList(words: Int32Array, side: number, ifUndone: boolean): void {
  const list = Atomics.load(words, side + journal.list);
  if (list === 0) return;
  const isUndone = words[side + journal.count] === Atomics.load(words, side);
  // Another ticket: it was let go already, and the range is somebody else's.
  if (isUndone === ifUndone && ticketOf(list) === words[side + journal.ticket]) releaseMessage(list);
  Atomics.store(words, side + journal.list, 0);
}
