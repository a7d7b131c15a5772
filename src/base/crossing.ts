/**
 * Objects that change when the message that they are part of has been accepted: ends that move, not copy.
 *
 * Runs in: every process.
 * Why a symbol and not a class: who sends messages (channels, processes, pools) and what moves live on different floors.
 */
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
  for (const object of kept) if (crossing in object) (object as Crossing)[crossing].checkHere();
}

/** @param kept what the codec says must stay alive */
export function sent(kept: readonly object[], holder: "message" | "process"): void {
  for (const object of kept) if (crossing in object) (object as Crossing)[crossing].sent(holder);
}

export function finished(kept: readonly object[]): void {
  for (const object of kept) if (crossing in object) (object as Crossing)[crossing].finished();
}
