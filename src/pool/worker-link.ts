/**
 * How a pool and one of its workers exchange messages: the contract, and its two ways. Rings in shared memory, where they
 * are there; else the control channel of the process, which is there with every start method, with and without the addon.
 *
 * Runs in: both: `WorkerLink` in the parent, `PoolLink` in the worker.
 * Guarantees: messages arrive whole and in order; sending never blocks the parent; what the worker has sent outlives it.
 * Leaves to others: what is in a message (`to-worker.ts`, `to-pool.ts`), what the worker's end means (`worker.ts`).
 */
import { isMainThread } from "../host/main-thread.ts";
import type { Connection } from "../channel/connection.ts";
import { Link } from "../channel/link.ts";
import { Pipe } from "../channel/pipe.ts";
import { addonOrUndefined } from "../host/addon.ts";
import { view } from "../memory/arena.ts";
import { hold, letGo, type Holding } from "../memory/holdings.ts";
import { ownerChannel, type OwnerChannel } from "../process/owner-channel.ts";
import type { Supervision } from "../process/supervision.ts";
import { noteBytes, TaskNote } from "./task-note.ts";

/** Told a message; its bytes hold during the call; a large one, and what it refers to, until the returned promise is settled. */
export type OnMessage = (message: Uint8Array) => void | Promise<unknown>;

/** What the worker is given at its start. */
export interface WorkerEnd {
  readonly connection: Connection;
  /** The range of the worker's `TaskNote`. */
  readonly note: number;
}

/** The parent's end. */
export interface WorkerLink {
  /** Undefined: the worker has what it needs. */
  readonly workerEnd: WorkerEnd | undefined;
  /** The worker's process exists. @param onMessage told every message, the last one before `ended` resolves */
  open(supervision: Supervision, onMessage: OnMessage): void;
  /**
   * Sends the parts as one message; nothing when the worker has gone. The bytes must not change afterwards.
   *
   * @param kept what the codec said must be kept
   */
  send(parts: readonly Uint8Array[], kept: readonly object[]): void;
  readonly ended: Promise<unknown>;
  /** What the worker is at, or was when it ended. Undefined: it cannot be seen. */
  readonly note: TaskNote | undefined;
  /** Gives back what the link has: the worker has ended, or could not be started. */
  close(): void;
}

/** The worker's end. */
export interface PoolLink {
  /** The parent's wire id. */
  readonly home: string;
  /** Where the worker notes what it is at. */
  readonly note: TaskNote;
  /** The pool sees what is noted there. Otherwise it has to be told. */
  readonly noteIsSeen: boolean;
  /** When it returns, the message outlives this process. */
  send(parts: readonly Uint8Array[], kept: readonly object[]): void;
  /** Keeps the event loop alive until the returned function is called. */
  listen(onMessage: OnMessage): () => void;
}

/** Whether this process's pools speak to their workers, and its worker to its pool, through shared memory. */
export function hasRings(): boolean {
  return addonOrUndefined() !== undefined && isMainThread();
}

export function linkToWorker(): WorkerLink {
  return hasRings() ? new RingLink() : new ControlLink();
}

export function linkToPool(end: WorkerEnd | undefined): PoolLink {
  return end === undefined ? new ControlToPool() : new RingToPool(end);
}

class ControlLink implements WorkerLink {
  readonly workerEnd = undefined;
  readonly note = undefined;
  #supervision: Supervision | undefined;

  open(supervision: Supervision, onMessage: OnMessage): void {
    this.#supervision = supervision;
    supervision.listen((message) => void onMessage(message));
  }

  send(parts: readonly Uint8Array[]): void {
    this.#supervision?.send(parts);
  }

  get ended(): Promise<unknown> {
    return this.#supervision!.ended;
  }

  close(): void {}
}

class ControlToPool implements PoolLink {
  readonly #channel: OwnerChannel = ownerChannel();
  readonly home: string = this.#channel.home;
  readonly note: TaskNote = new TaskNote(new Int32Array(noteBytes / 4), 0);
  readonly noteIsSeen = false;

  send(parts: readonly Uint8Array[]): void {
    this.#channel.send(parts);
  }

  listen(onMessage: OnMessage): () => void {
    return this.#channel.listen((message) => void onMessage(message));
  }
}

class RingLink implements WorkerLink {
  readonly workerEnd: WorkerEnd;
  readonly ended: Promise<void>;
  readonly #link: Link;
  readonly note: TaskNote;
  readonly #holding: Holding;
  #onEnd!: () => void;
  #closed = false;

  constructor() {
    const [mine, theirs] = Pipe();
    this.#link = new Link(mine);
    const { handle, holding } = hold(noteBytes);
    const { words, base } = view(handle);
    this.note = new TaskNote(words, base);
    this.#holding = holding;
    this.workerEnd = { connection: theirs, note: handle };
    this.ended = new Promise((resolve) => {
      this.#onEnd = resolve;
    });
  }

  open(_supervision: Supervision, onMessage: OnMessage): void {
    const link = this.#link;
    link.unref(); // `keep-alive.ts` decides.
    // A promise of the messages' is what the link waits for; what it comes to is nobody's business there.
    link.onMessages((bytes) => onMessage(bytes) as void | Promise<void>, this.#onEnd);
  }

  send(parts: readonly Uint8Array[], kept: readonly object[]): void {
    const bytes = joined(parts);
    try {
      if (!this.#link.trySend(bytes, kept)) this.#link.send(bytes, kept).catch(ignoreGone);
    } catch {
      ignoreGone();
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#link.close();
    this.workerEnd.connection.close();
    letGo(this.#holding);
  }
}

/** The worker has gone: its end is told by others. */
function ignoreGone(): void {}

/** How long the worker waits before it looks again for room, when the parent reads slowly. Arbitrary. */
const retryMs = 0.2;
const never = new Int32Array(new SharedArrayBuffer(4));

class RingToPool implements PoolLink {
  readonly home: string = ownerChannel().home;
  readonly note: TaskNote;
  readonly noteIsSeen = true;
  readonly #link: Link;

  constructor({ connection, note }: WorkerEnd) {
    this.#link = new Link(connection);
    const { words, base } = view(note);
    this.note = new TaskNote(words, base);
  }

  /** Waits for room, as a write to a full pipe does: what was done must be told before something else begins. */
  send(parts: readonly Uint8Array[], kept: readonly object[]): void {
    const bytes = joined(parts);
    try {
      while (!this.#link.trySend(bytes, kept)) Atomics.wait(never, 0, 0, retryMs);
    } catch {
      ignoreGone(); // The parent: this process ends with it.
    }
  }

  listen(onMessage: OnMessage): () => void {
    const link = this.#link;
    link.onMessages((bytes) => onMessage(bytes) as void | Promise<void>, ignoreGone);
    return () => link.close();
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
}
