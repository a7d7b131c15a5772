/**
 * A pipe's end for those who speak in bytes of their own and want each message at once: a pool and its worker.
 *
 * Runs in: every process.
 * Guarantees: messages arrive in the order of sending, each once and whole; the end of the other side is told once, after
 * the last message; a receiver that is busy, or has been busy until just now, costs the sender no system call.
 * Leaves to others: what the bytes mean.
 */
import type { WaitOptions } from "../base/options.ts";
import { stayForRings, stayNoLonger } from "../memory/doorbell.ts";
import { waitFor, wake } from "../sync/wait-queue.ts";
import type { Connection } from "./connection.ts";
import { brokenPipe } from "./errors.ts";
import { Line } from "./line.ts";
import {
  discard,
  discardUnlessSent,
  keepParcel,
  orDiscard,
  packEncoded,
  publish,
  take,
  withBytes,
  type Parcel,
} from "./parcel.ts";
import type { Peer, Port } from "./port.ts";
import { worthIt } from "./spin.ts";

/**
 * @param bytes hold during the call, and not afterwards
 * @returns a promise when something that the message holds (a lock, a queue, …) is still needed: it is held until then
 */
export type OnMessage = (bytes: Uint8Array) => void | Promise<void>;

/** Milliseconds at a time that go to messages, before the event loop turns. */
const longestMs = 10;
const nothing: readonly object[] = [];

/**
 * Milliseconds for which a receiver looks again in each turn of the event loop before it sleeps: to be woken takes two
 * system calls and a change of context, 40 µs and more. Arbitrary: about twice that.
 */
const patienceMs = 0.2;
/** It does so when the message before came as soon as that, the way by sleeping included. Arbitrary. */
const soonMs = 0.5;
/** After so many times for nothing in a row, only one time in so many. Arbitrary. */
const mostForNothing = 3;
const oneIn = 16;

export class Link {
  readonly #connection: Connection;
  readonly #port: Port;
  readonly #sending = new Line();
  #listening = false;
  /** Between two looks, or about to look for the first time after a message. */
  #watching = false;
  /** Since when there is nothing to do; while watching, and while asleep. */
  #idleSince = 0;
  #asleep = false;
  #eager: boolean = worthIt;
  #forNothing = 0;
  #referenced = true;
  #ended = false;

  /** @param connection which nothing else uses from now on */
  constructor(connection: Connection) {
    this.#connection = connection;
    this.#port = connection.port();
  }

  /**
   * Sends a message, or answers false where there is no room now.
   *
   * @param bytes copied before it returns
   * @param kept what the codec said must be kept: objects of ours among them are held by the message
   * @throws {BrokenPipeError} when nobody can receive it any more
   */
  trySend(bytes: Uint8Array, kept: readonly object[] = nothing): boolean {
    return this.#sending.isEmpty && this.trySendParcel(packEncoded({ bytes, keepAlive: kept }));
  }

  /** Sends a message, in the order of calls; waits while there is no room. */
  send(bytes: Uint8Array, kept: readonly object[] = nothing, options: WaitOptions = {}): Promise<void> {
    return this.sendParcel(packEncoded({ bytes, keepAlive: kept }), options);
  }

  /** As `trySend()`, for what `pack()` has made of a value: its large buffers cost one copy. */
  trySendParcel(parcel: Parcel): boolean {
    return orDiscard(parcel, () => {
      if (this.#sending.isEmpty && this.#publish(parcel, false) === true) return true;
      discard(parcel);
      return false;
    });
  }

  /** As `send()`, for what `pack()` has made of a value. The receiver decodes with `decodeSync(bytes, fetchBytes)`. */
  sendParcel(parcel: Parcel, options: WaitOptions = {}): Promise<void> {
    try {
      return orDiscard(parcel, () => {
        if (this.#sending.isEmpty && this.#publish(parcel, false) === true) return Promise.resolve();
        keepParcel(parcel);
        const attempt = (thorough: boolean): true | undefined => this.#publish(parcel, thorough);
        return discardUnlessSent(parcel, this.#sending.wait(this.#port.writerSpot, attempt, options, "Link.send()"));
      });
    } catch (error) {
      return Promise.reject(error as Error);
    }
  }

  /**
   * Calls back for each message, as soon as it is there; once, and until the end.
   *
   * @param onEnd the other side is closed or has died, and nothing is left; or this one was closed
   */
  onMessages(onMessage: OnMessage, onEnd: (peer: Peer) => void): void {
    this.#listening = true;
    if (!this.#referenced) stayNoLonger();
    waitFor(this.#port.readerSpot, (thorough) => this.#drain(onMessage, thorough), {}, "Link").then(
      (peer) => {
        this.#stopListening();
        onEnd(peer);
      },
      (error: unknown) => {
        this.#stopListening();
        setImmediate(() => {
          throw error; // A fault of the callback's is nobody's to handle here.
        });
      },
    );
  }

  #stopListening(): void {
    this.#listening = false;
    if (!this.#referenced) stayForRings(); // Takes back what unref() took away: the wait has given its own back.
  }

  /** Listening keeps the event loop alive; unless `unref()` was called. */
  ref(): void {
    if (this.#referenced) return;
    this.#referenced = true;
    if (this.#listening) stayForRings();
  }

  unref(): void {
    if (!this.#referenced) return;
    this.#referenced = false;
    if (this.#listening) stayNoLonger();
  }

  /** Twice is fine. What was sent can still be received. */
  close(): void {
    if (this.#ended) return;
    this.#ended = true;
    const { readerSpot, writerSpot } = this.#port;
    this.#connection.close();
    wake(readerSpot, Infinity);
    wake(writerSpot, Infinity);
  }

  #drain(onMessage: OnMessage, thorough: boolean): Peer | undefined {
    if (this.#ended) return { gone: false, pid: undefined };
    const port = this.#port;
    const peer = port.peer(thorough);
    port.readerAwake();
    const now = performance.now();
    const until = now + longestMs;
    if (this.#asleep && port.in.count > 0) this.#awakened(now);
    for (let count = 1; ; count++) {
      if (!this.#deliver(onMessage)) {
        if (peer.gone) return peer;
        if (!this.#asleep) this.#watch(onMessage);
        if (this.#watching) return undefined;
        port.readerSleeps();
        if (port.in.count === 0) return undefined; // Looked at after it was said: now the sender rings.
        port.readerAwake();
        this.#awakened(performance.now());
      }
      if (this.#ended) return { gone: false, pid: undefined };
      if ((count & 15) === 0 && performance.now() > until) {
        setImmediate(wake, port.readerSpot);
        return undefined;
      }
    }
  }

  #awakened(now: number): void {
    this.#asleep = false;
    const again = this.#forNothing < mostForNothing || ++this.#forNothing % oneIn === 0;
    this.#eager = worthIt && again && now - this.#idleSince < soonMs;
  }

  /** Looks again when those who were told have done what they do at once; then for a while, or not at all. */
  #watch(onMessage: OnMessage): void {
    if (this.#watching) return;
    this.#watching = true;
    this.#idleSince = 0;
    const look = (): void => {
      if (!this.#listening || this.#ended) return;
      const now = performance.now();
      const isEmpty = this.#port.in.count === 0;
      if (this.#idleSince === 0) this.#idleSince = now;
      else if (!isEmpty) this.#forNothing = 0;
      if (isEmpty && this.#eager && now - this.#idleSince < patienceMs) {
        setImmediate(look);
        return;
      }
      this.#watching = false;
      if (isEmpty) {
        if (this.#eager) this.#forNothing++;
        this.#asleep = true;
      }
      if (this.#drain(onMessage, false) !== undefined) wake(this.#port.readerSpot);
    };
    setImmediate(look);
  }

  /** False when there is none. */
  #deliver(onMessage: OnMessage): boolean {
    const port = this.#port;
    const found = port.in.peek();
    if (found === undefined) return false;
    const { list, start, length } = found;
    if (list === 0) {
      try {
        void onMessage(port.in.bytes.subarray(start, start + length));
      } finally {
        if (!this.#ended) {
          port.in.advance(0);
          port.taken();
        }
      }
      return true;
    }
    const taken = take(port.in, () => 0)!;
    port.taken();
    withBytes(taken, async (bytes) => onMessage(bytes)).catch((error: unknown) => {
      setImmediate(() => {
        throw error; // A fault of the callback's is nobody's to handle here.
      });
    });
    return true;
  }

  #publish(parcel: Parcel, thorough: boolean): true | undefined {
    const port = this.#port;
    const peer = port.peer(thorough);
    if (peer.gone || this.#ended) throw brokenPipe("Link.send()", peer);
    if (!publish(port.out, parcel, 0)) {
      port.writerSleeps();
      if (!publish(port.out, parcel, 0)) return undefined;
    }
    port.written();
    return true;
  }
}
