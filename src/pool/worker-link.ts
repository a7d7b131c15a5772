/**
 * How a pool and one of its workers exchange messages: the contract, and the way over the control channel of the process,
 * which is there with every start method, with and without the addon.
 *
 * Runs in: both: `WorkerLink` in the parent, `PoolLink` in the worker.
 * Guarantees: messages arrive whole and in order; sending never blocks the parent; what the worker has sent outlives it.
 * Leaves to others: what is in a message (`protocol.ts`), the worker's end (its Process tells it, after the last message).
 */
import { ownerChannel } from "../process/owner-channel.ts";
import { supervisionOf } from "../process/process-state.ts";
import type { Process } from "../process/process.ts";

/** The parent's end. */
export interface WorkerLink {
  /** Sends the parts as one message; nothing when the worker has gone. The bytes must not change afterwards. */
  send(parts: readonly Uint8Array[]): void;
  /** Known once it has ended: something that was sent was never read. */
  readonly hasUnread: boolean;
}

/** The worker's end. */
export interface PoolLink {
  /** The parent's wire id. */
  readonly home: string;
  /** When it returns, the message outlives this process. */
  send(parts: readonly Uint8Array[]): void;
  /** Keeps the event loop alive until the returned function is called. */
  listen(onMessage: (message: Uint8Array) => void): () => void;
}

/** @param onMessage told every message, the last one before the process's end is told */
export function linkToWorker(process: Process, onMessage: (message: Uint8Array) => void): WorkerLink {
  const supervision = supervisionOf(process, "a pool's link");
  supervision.listen(onMessage);
  return supervision;
}

export function linkToPool(): PoolLink {
  return ownerChannel();
}
