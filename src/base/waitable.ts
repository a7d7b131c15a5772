/**
 * What `wait()` can wait for: a Connection, a process's sentinel, a queue.
 *
 * Runs in: every process.
 * Why a symbol and not a class: the things to wait for live on different floors and share no ancestor.
 */
export const waitable: unique symbol = Symbol.for("node-multiprocessing.waitable");

export interface Waitable {
  readonly [waitable]: {
    /** True when a wait for it would end at once. */
    isReady(): boolean;
    /** Calls `then` once, as soon as it is ready; what is returned takes the wish back. */
    onReady(then: () => void): () => void;
  };
}
