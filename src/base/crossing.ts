/**
 * Objects that change when the message that they are part of has been accepted: ends that move, not copy.
 *
 * Runs in: every process.
 * Why a symbol and not a class: who sends messages (channels, processes, pools) and what moves live on different floors.
 */
export const crossing: unique symbol = Symbol.for("node-multiprocessing.crossing");

export interface Crossing {
  readonly [crossing]: {
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

/** @param kept what the codec says must stay alive */
export function sent(kept: readonly object[], holder: "message" | "process"): void {
  for (const object of kept) if (crossing in object) (object as Crossing)[crossing].sent(holder);
}

export function finished(kept: readonly object[]): void {
  for (const object of kept) if (crossing in object) (object as Crossing)[crossing].finished();
}
