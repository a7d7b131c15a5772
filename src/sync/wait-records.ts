/**
 * The records of those who wait, as others see them: who has waited longest, and waking it.
 *
 * Runs in: every process.
 * Leaves to others: to wait (`wait-queue.ts`).
 */
import { ring } from "../memory/doorbell.ts";
import { family } from "../memory/family.ts";
import {
  header,
  participant as field,
  participantEntry,
  waitRecord,
  waitRecords,
  waitWords,
} from "../memory/layout.ts";
import { idOfIndex, isGone, participants } from "../memory/participants.ts";

/** States of a record. */
export const waiting = 1;
export const woken = 2;

/**
 * Wakes those who have waited longest, to make their attempts.
 *
 * @param count at most so many processes; Infinity: all
 */
export function wake(spot: number, count = 1): void {
  const { words } = family();
  if (Atomics.load(words, spot) === 0) return;
  for (let left = count; left > 0; left--) {
    const found = oldest(words, spot);
    if (found === undefined) return;
    // Another may have woken it meanwhile, or it has gone: then the next oldest is looked for.
    if (!wakeFound(found)) left++;
  }
}

/**
 * Whether a plain look at memory comes after the compare-and-swap before it, as it does on x64, where that is a full fence.
 * Why at all: V8 calls a function for Atomics.load(), 8 ns of the 60 that acquiring and releasing a lock took (measured).
 */
const plainLooksInOrder = process.arch === "x64";

/** `wake()`, for whoever has just changed the object by a compare-and-swap: mostly nobody waits. */
export function wakeAfterSwap(words: Int32Array, spot: number): void {
  if ((plainLooksInOrder ? words[spot] : Atomics.load(words, spot)) !== 0) wake(spot);
}

/** Wakes that wait; false when it is woken already, or no longer there. */
export function wakeFound({ at, index }: FoundWait): boolean {
  const { words } = family();
  if (Atomics.compareExchange(words, at + waitRecord.state, waiting, woken) !== waiting) return false;
  ring(index);
  return true;
}

/** True while that participant waits at the spot, woken or not. */
export function waitsAt(words: Int32Array, spot: number, index: number): boolean {
  const first = waitRecords(index);
  const end = first + Atomics.load(words, participantEntry(index) + field.waits) * waitWords;
  for (let record = first; record < end; record += waitWords) if (Atomics.load(words, record) === spot) return true;
  return false;
}

/** A wait that has been found: where its record is, and whose it is. */
export interface FoundWait {
  readonly at: number;
  readonly index: number;
  /** How long it has waited, milliseconds. */
  readonly waitedMs: number;
}

/** The wait for an object that began first, and has not been woken yet. */
export function oldest(words: Int32Array, spot: number): FoundWait | undefined {
  let mask = Atomics.load(words, spot);
  let at = -1;
  let owner = 0;
  let ticket = 0;
  while (mask !== 0) {
    const bit = 31 - Math.clz32(mask);
    mask &= ~(1 << bit);
    let anybody = searchBit(bit);
    if (anybody) continue;
    // Nobody of that bit waits any more. Cleared first, looked again after: who enters meanwhile is found or sets it.
    Atomics.and(words, spot, ~(1 << bit));
    anybody = searchBit(bit);
    if (anybody) Atomics.or(words, spot, 1 << bit);
  }
  if (at < 0) return undefined;
  return { at, index: owner, waitedMs: (clock() - words[at + waitRecord.since]!) >>> 0 };

  function searchBit(bit: number): boolean {
    const highest = Atomics.load(words, header.highestParticipant);
    let anybody = false;
    for (let index = bit; index <= highest; index += 32) {
      const used = Atomics.load(words, participantEntry(index) + field.waits);
      if (used === 0 || isGone(idOfIndex(index))) continue;
      const first = waitRecords(index);
      for (let record = first; record < first + used * waitWords; record += waitWords) {
        // Who is woken already sets the bit again before it sleeps again.
        if (Atomics.load(words, record) !== spot || Atomics.load(words, record + waitRecord.state) !== waiting)
          continue;
        anybody = true;
        const itsTicket = words[record + waitRecord.ticket]!;
        if (at >= 0 && ((itsTicket - ticket) | 0) >= 0) continue;
        at = record;
        owner = index;
        ticket = itsTicket;
      }
    }
    return anybody;
  }
}

/** How many processes wait at the spot. */
export function countWaiting(spot: number): number {
  const { words } = family();
  let count = 0;
  for (const index of participants()) if (waitsAt(words, spot, index)) count++;
  return count;
}

/** The monotonic clock in milliseconds modulo 2^32; the same for all processes. */
export function clock(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return (seconds * 1000 + Math.floor(nanoseconds / 1e6)) | 0;
}
