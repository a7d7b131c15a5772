/**
 * The range of a new object of synchronisation.
 *
 * Runs in: every process.
 */
import { view, type Range } from "../memory/arena.ts";
import { hold, keep } from "../memory/holdings.ts";
import { objectWord } from "../memory/layout.ts";

/** What suffices for most: one line of memory, so that two objects never slow each other down. */
export const smallestBytes = 64;

/** @param kind one of `objectKind` */
export function makeSmallRange(object: object, kind: number, sizeBytes: number = smallestBytes): Range {
  const { handle, holding } = hold(sizeBytes);
  const range = view(handle);
  Atomics.store(range.words, range.base + objectWord.kind, kind);
  keep(object, handle, holding);
  return range;
}
