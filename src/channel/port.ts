/**
 * One end of a pipe: a window of messages each way between two holders, with their sleeping and waking.
 *
 * Runs in: every process. Each end has one holder at a time.
 * Guarantees: a message that was sent outlives its sender; once the other end has no holder any more, what it sent can
 * still be read, and then both directions end; messages on their way to an end that has gone are let go with all that
 * they hold.
 * Leaves to others: values (`connection.ts`), who holds an end while it moves (`connection.ts`).
 *
 *   range of the pipe   what is common: states and holders of the ends, who sleeps, control of both windows
 *   range of the data   the two windows' bytes
 *   range of an end     "its token": held by the end's holder, or by a message in which it lies. When nobody holds it any
 *                       more, the end has gone: whoever sees that last tells the other end.
 */
import { holders, onGivingBack, releaseFrom, view } from "../memory/arena.ts";
import { raise } from "../memory/counts.ts";
import { handOnTo, hold, type HeldRange } from "../memory/holdings.ts";
import { classOfHandle } from "../memory/layout.ts";
import { isGone, lookAfter, ownId, pidOf } from "../memory/participants.ts";
import { wake } from "../sync/wait-queue.ts";
import { Window, windowWords } from "./window.ts";

const pipeKind = 0x70697065;
const tokenKind = 0x746f6b65;

/** Words of a pipe; [side] is the end's number, 0 or 1. A window is named by the side that writes it. */
const word = {
  data: 1,
  /** 0: open. 1: gone. */
  gone: 2,
  /** The participant that holds the end; 0: a message does. */
  holder: 4,
  /** Who is letting go of what lies in the window of that side. */
  purge: 6,
  /** Where the reader, and the writer, of that window wait. */
  readerSpot: 8,
  writerSpot: 10,
  /** 1: the reader, or the writer, has found nothing to do and will not look again unless it is woken. */
  readerSleeps: 12,
  writerSleeps: 14,
  windows: 16,
} as const;
/** Messages on their way in one direction, in bytes; larger ones have memory of their own. Arbitrary. */
const directionBytes = 512 * 1024;
const pipeBytes = (word.windows + 2 * windowWords) * 4;
const token = { pipe: 1, side: 2 } as const;
const tokenBytes = 64;

/** The last holder, and what is known of it, for messages of errors. */
export interface Peer {
  readonly gone: boolean;
  readonly pid: number | undefined;
}

onGivingBack(tokenKind, (handle) => {
  const { words, base } = view(handle);
  const pipe = words[base + token.pipe]!;
  if (pipe === 0) return;
  const side = words[base + token.side]! & 1;
  endGone(pipe, side);
  releaseFrom(words, base + token.pipe);
});

onGivingBack(pipeKind, (handle) => {
  const { words, base } = view(handle);
  const data = words[base + word.data]!;
  if (data === 0) return;
  for (const side of [0, 1]) purge(handle, side);
  releaseFrom(words, base + word.data);
});

/** Makes a pipe; what is returned are its two tokens, held by this process. */
export function makePipe(): [HeldRange, HeldRange] {
  const pipe = hold(pipeBytes);
  const data = hold(2 * directionBytes);
  const { words, base } = view(pipe.handle);
  words[base] = pipeKind;
  handOnTo(words, base + word.data, data);
  const places = [0, 1].map((side) => {
    const made = hold(tokenBytes);
    const at = view(made.handle);
    at.words[at.base] = tokenKind;
    at.words[at.base + token.side] = side;
    if (side === 1) handOnTo(at.words, at.base + token.pipe, pipe);
    else raise(pipe.handle, at.words, at.base + token.pipe);
    words[base + word.holder + side] = ownId();
    return made;
  });
  return places as [HeldRange, HeldRange];
}

/** This process is about to hold an end that a message holds; false when the handle is no end's. */
export function claimToken(handle: number): boolean {
  if (classOfHandle(handle)?.sizeBytes !== tokenBytes || holders(handle) <= 0) return false;
  const { words, base } = view(handle);
  const pipe = words[base + token.pipe]!;
  if (words[base] !== tokenKind || pipe === 0) return false;
  const at = view(pipe);
  Atomics.store(at.words, at.base + word.holder + (words[base + token.side]! & 1), ownId());
  return true;
}

/** What an end can do; both for a duplex pipe. */
export interface Abilities {
  readonly readable: boolean;
  readonly writable: boolean;
}

/** An end as this process sees it. */
export class Port {
  readonly side: number;
  /** Written by this end, and read by it. */
  readonly out: Window;
  readonly in: Window;
  readonly readerSpot: number;
  readonly writerSpot: number;
  readonly #words: Int32Array;
  readonly #base: number;
  readonly #pipe: number;
  readonly #peerReaderSpot: number;
  readonly #peerWriterSpot: number;

  /** @param handle of the token, which the caller holds */
  constructor(handle: number) {
    const at = view(handle);
    const pipe = at.words[at.base + token.pipe]!;
    this.side = at.words[at.base + token.side]! & 1;
    const { words, base } = view(pipe);
    this.#pipe = pipe;
    this.#words = words;
    this.#base = base;
    const other = 1 - this.side;
    const data = words[base + word.data]!;
    const window = (side: number): Window => windowOf(words, base, data, side);
    this.out = window(this.side);
    this.in = window(other);
    this.readerSpot = base + word.readerSpot + other;
    this.writerSpot = base + word.writerSpot + this.side;
    this.#peerReaderSpot = base + word.readerSpot + this.side;
    this.#peerWriterSpot = base + word.writerSpot + other;
  }

  /** This process is the holder from now on. */
  claim(): void {
    Atomics.store(this.#words, this.#base + word.holder + this.side, ownId());
  }

  /** A message holds the end now, unless somebody has claimed it already. */
  leaveToMessage(): void {
    Atomics.compareExchange(this.#words, this.#base + word.holder + this.side, ownId(), 0);
  }

  /** Only the holder may use it. */
  get holder(): number {
    return this.#words[this.#base + word.holder + this.side]!;
  }

  /** What this end sends, that one alone can receive. */
  isOtherEndOf(port: Port): boolean {
    return this.#pipe === port.#pipe && this.side !== port.side;
  }

  /** This end ends, though something may still hold its token. */
  end(): void {
    endGone(this.#pipe, this.side);
  }

  /** @param thorough the kernel is asked about the holder, not only the table */
  peer(thorough: boolean): Peer {
    const at = this.#base;
    const side = 1 - this.side;
    const holder = Atomics.load(this.#words, at + word.holder + side);
    const gone =
      Atomics.load(this.#words, at + word.gone + side) !== 0 ||
      (holder !== 0 && (thorough ? lookAfter(holder) : isGone(holder)));
    return { gone, pid: holder === 0 ? undefined : pidOf(holder) };
  }

  /** To be called after a message was written. */
  written(): void {
    const sleeps = this.#base + word.readerSleeps + this.side;
    if (Atomics.load(this.#words, sleeps) !== 0 && Atomics.exchange(this.#words, sleeps, 0) !== 0) {
      wake(this.#peerReaderSpot);
    }
    // It went while this was written: nobody else looks at the window any more.
    if (Atomics.load(this.#words, this.#base + word.gone + 1 - this.side) !== 0) purge(this.#pipe, this.side);
  }

  /** To be called after a message was taken. */
  taken(): void {
    const sleeps = this.#base + word.writerSleeps + 1 - this.side;
    if (Atomics.load(this.#words, sleeps) !== 0 && Atomics.exchange(this.#words, sleeps, 0) !== 0) {
      wake(this.#peerWriterSpot);
    }
  }

  /** Says that the reader is about to sleep; it must look once more afterwards. */
  readerSleeps(): void {
    Atomics.store(this.#words, this.#base + word.readerSleeps + 1 - this.side, 1);
  }

  readerAwake(): void {
    const at = this.#base + word.readerSleeps + 1 - this.side;
    if (this.#words[at] !== 0) Atomics.store(this.#words, at, 0);
  }

  writerSleeps(): void {
    Atomics.store(this.#words, this.#base + word.writerSleeps + this.side, 1);
  }

  /** The mappings end; the port must not be used any more. */
  close(): void {
    this.out.unmap();
    this.in.unmap();
  }
}

function windowOf(words: Int32Array, base: number, data: number, side: number): Window {
  return new Window(words, base + word.windows + side * windowWords, data, side * directionBytes, directionBytes);
}

function endGone(pipe: number, side: number): void {
  const { words, base } = view(pipe);
  Atomics.store(words, base + word.gone + side, 1);
  Atomics.store(words, base + word.readerSleeps + side, 0);
  Atomics.store(words, base + word.writerSleeps + 1 - side, 0);
  mendWriter(pipe, side);
  purge(pipe, 1 - side);
  // The other end, whichever of its two directions it waits for.
  wake(base + word.readerSpot + side, Infinity);
  wake(base + word.writerSpot + 1 - side, Infinity);
}

/** Its last holder may have died in the middle of writing. */
function mendWriter(pipe: number, side: number): void {
  const { words, base } = view(pipe);
  windowOf(words, base, words[base + word.data]!, side).mendWriter();
}

/**
 * Lets go of all messages of a window that nobody will read: the one that `writerSide` writes. Once its reader has gone, this
 * is the only reader; the writer looks again after each message, so one of the two finds it.
 */
function purge(pipe: number, writerSide: number): void {
  const { words, base } = view(pipe);
  const lock = base + word.purge + writerSide;
  const data = words[base + word.data]!;
  const own = ownId();
  for (;;) {
    const holder = Atomics.load(words, lock);
    if (holder !== 0 && holder !== own && !isGone(holder)) return; // It looks again before it stops.
    if (Atomics.compareExchange(words, lock, holder, own) !== holder) continue;
    const window = windowOf(words, base, data, writerSide);
    window.mendReader();
    while (window.peek() !== undefined) window.advance(0);
    Atomics.store(words, lock, 0);
    const isEmpty = window.count === 0;
    window.unmap();
    if (isEmpty) return;
  }
}
