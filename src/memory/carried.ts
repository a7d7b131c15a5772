/**
 * What a message holds between its sender's end and the moment when its receiver has decoded it.
 *
 * Runs in: both.
 * Guarantees: what a process sends as its last word is still there when it has ended. A sender that is killed in the
 * middle, or a receiver that is killed before it has read, leaves at most a range that nobody can take, which goes with
 * the family: never one that is taken from under a holder.
 * Leaves to others: messages in shared memory, which have lists of their own (`channel/lists.ts`).
 */
import { handleOf, handOn, holdToo, takeOver, type Holding } from "./holdings.ts";

/** @returns what the receiver is to be told: empty when there is nothing to hold */
export function handOver(objects: readonly object[]): Uint8Array {
  const handles: number[] = [];
  for (const object of objects) {
    const handle = handleOf(object);
    const holding = handle === undefined ? undefined : holdToo(handle);
    if (holding === undefined) continue; // Not in shared memory, or closed meanwhile.
    handOn(holding);
    handles.push(handle!);
  }
  return new Uint8Array(Uint32Array.from(handles).buffer);
}

/** To be let go once the message has been decoded. */
export function takeAllOver(told: Uint8Array): Holding[] {
  return [...new Uint32Array(told.slice().buffer)].map(takeOver);
}
