/**
 * The lock that an array or a value has of its own: made when somebody first asks for it.
 *
 * Runs in: every process.
 * Guarantees: one lock for all processes; it is there as long as what it belongs to.
 */
import { handleOf, handOnTo, holdToo, letGo, sharedObject } from "../memory/holdings.ts";
import { Lock } from "./lock.ts";

/** @param at the index of the word that keeps the lock's handle */
export function ownLock(words: Int32Array, at: number): Lock {
  const known = Atomics.load(words, at);
  if (known !== 0) return lockOf(known);
  const made = new Lock();
  const handle = handleOf(made)!;
  const holding = holdToo(handle)!; // It is there: this process holds it already.
  const quicker = handOnTo(words, at, { handle, holding });
  if (quicker === 0) return made;
  letGo(holding);
  return lockOf(quicker);
}

function lockOf(handle: number): Lock {
  return sharedObject(handle, (range) => new Lock(range));
}
