/**
 * Objects that change when the message that they are part of has been accepted: ends that move, not copy.
 *
 * Runs in: every process.
 * Why a symbol and not a class: who sends messages (channels, processes, pools) and what moves live on different floors.
 */
import { ClosedError } from "./errors.ts";

export const crossing: unique symbol = Symbol.for("node-multiprocessing.crossing");

export interface Crossing {
  readonly [crossing]: {
    /** @throws {ClosedError} when it is not this process's to give away, or no more */
    checkHere(): void;
    /**
     * The message has been accepted: from here on the receiver has it.
     *
     * @param holder "message": it lies in shared memory and holds what is in it; "process": a process will read it
     */
    sent(holder: "message" | "process"): void;
    /** The process that was to read the message has ended, or has answered: nothing is kept for it any more. */
    finished(): void;
  };
}

/**
 * To be called before a message is accepted: since it was encoded, what is in it may have gone another way.
 *
 * @throws {ClosedError}
 */
export function checkHere(kept: readonly object[]): void {
  for (const object of kept) {
    if (!(crossing in object)) continue;
    (object as Crossing)[crossing].checkHere();
    if (promised.has(object)) {
      throw new ClosedError(
        "An end of a pipe in the message is in the arguments of a process that is being started\n" +
          "  do this:  use a Queue where several processes need the same end",
      );
    }
  }
}

const promised = new WeakSet<object>();

/** A process is being started that is to have them: until that is decided nobody else can. */
export function promise(kept: readonly object[]): void {
  for (const object of kept) if (crossing in object) promised.add(object);
}

/** It is decided. */
export function endPromise(kept: readonly object[]): void {
  for (const object of kept) promised.delete(object);
}

export function isPromised(object: object): boolean {
  return promised.has(object);
}

/** @param kept what the codec says must stay alive */
export function sent(kept: readonly object[], holder: "message" | "process"): void {
  for (const object of kept) if (crossing in object) (object as Crossing)[crossing].sent(holder);
}

export function finished(kept: readonly object[]): void {
  for (const object of kept) if (crossing in object) (object as Crossing)[crossing].finished();
}
