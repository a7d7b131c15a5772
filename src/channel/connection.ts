/**
 * One end of a pipe, for values: the class Connection, and how an end moves from process to process.
 *
 * Runs in: every process.
 * Guarantees: one holder at a time; an end moves when the message in which it is has been accepted, and not otherwise;
 * no receive ever waits for a holder that has died; calls that wait are served in the order of coming.
 * Leaves to others: memory (`port.ts`), encoding (`parcel.ts`).
 *
 *   held here --sent in a message--> held by the message --decoded--> held by the receiver
 *        \--in the job of a process--> held here until the process has decoded it, or ended
 */
import { crossing, isPromised, type Crossing } from "../base/crossing.ts";
import { invalidArgument, invalidState, MultiprocessingError } from "../base/errors.ts";
import {
  checkSyncWaitOptions,
  checkWaitOptions,
  shown,
  type SyncWaitOptions,
  type WaitOptions,
} from "../base/options.ts";
import { ready } from "../base/turn.ts";
import { waitable, type Waitable } from "../base/waitable.ts";
import { letGo, nameHandle, type HeldRange } from "../memory/holdings.ts";
import { ownId } from "../memory/participants.ts";
import { waitForSync } from "../sync/blocking-wait.ts";
import { waitFor } from "../sync/wait-queue.ts";
import { brokenPipe, closedEnd, endOfPipe, movedEnd, ownOtherEnd } from "./errors.ts";
import { Line } from "./line.ts";
import {
  bytesOf,
  discardUnlessSent,
  isSimple,
  keepParcel,
  orDiscard,
  pack,
  packBytes,
  publish,
  take,
  unpack,
  unpackSync,
  type Parcel,
  type Taken,
} from "./parcel.ts";
import { Port, type Abilities } from "./port.ts";
import { untilEnd, whenReady } from "./readiness.ts";
import { Spinner } from "./spin.ts";

interface Held extends HeldRange {
  readonly port: Port;
  /** A forked child's copy of what its server held is not its own. */
  readonly owner: number;
}

/** For the constructor, which users may not call. */
const secret = Symbol("made by Pipe()");
const noCharge = (): number => 0;

function release({ holding, owner }: Held): void {
  if (owner === ownId()) letGo(holding);
}

const lost = new FinalizationRegistry<Held>(release);

/**
 * One end of a pipe. It has one holder: passing it to another process, in `args`, in a message, or captured by a
 * closure, moves it there.
 */
export class Connection<T = unknown> {
  /** Whether this end can receive. */
  readonly readable: boolean;
  /** Whether this end can send. */
  readonly writable: boolean;
  #held: Held | undefined;
  #moved: Held | true | undefined;
  readonly #receiving = new Line();
  readonly #sending = new Line();
  readonly #receivingSoon = new Spinner();
  readonly #sendingSoon = new Spinner();

  /** @internal Made by `Pipe()`. */
  constructor(key: typeof secret, place: HeldRange, abilities: Abilities) {
    if (key !== secret) throw invalidState("A Connection cannot be made with new\n  do this:  const [a, b] = Pipe()");
    this.readable = abilities.readable;
    this.writable = abilities.writable;
    this.#held = { ...place, port: new Port(place.handle), owner: ownId() };
    this.#held.port.claim();
    nameHandle(this, place.handle);
    lost.register(this, this.#held, this);
  }

  /** True once `close()` was called here, or the end has moved. */
  get closed(): boolean {
    return this.#held === undefined;
  }

  /**
   * Sends a copy of a value. When it resolves, the value outlives this process.
   *
   * Waits while the pipe is full (512 KiB; larger messages have memory of their own).
   *
   * @throws {UnserializableError} when something in it cannot be copied
   * @throws {BrokenPipeError} when the other end is closed or its holder has ended
   * @throws {ClosedError} when this end, or one that is in the value, is closed or has moved
   * @throws {TimeoutError}
   */
  send(value: T, options?: WaitOptions): Promise<void> {
    try {
      return this.#sendParcel("Connection.send()", () => pack(value), options);
    } catch (error) {
      return Promise.reject(error as Error);
    }
  }

  /** Sends bytes as they are, for `recvBytes()` on the other side. Otherwise as `send()`. */
  sendBytes(bytes: Uint8Array, options?: WaitOptions): Promise<void> {
    try {
      return this.#sendParcel("Connection.sendBytes()", () => packBytes(checkBytes(bytes)), options);
    } catch (error) {
      return Promise.reject(error as Error);
    }
  }

  /** As `send()`, blocking this thread while the pipe is full. */
  sendSync(value: T, options?: SyncWaitOptions): void {
    const call = "Connection.sendSync()";
    const port = this.#writable(call);
    const timeoutMs = checkSyncWaitOptions(call, options);
    const parcel = pack(value);
    orDiscard(parcel, () => {
      if (this.#publishSoon(call, parcel, timeoutMs)) return;
      keepParcel(parcel);
      waitForSync(port.writerSpot, (thorough) => this.#publish(call, parcel, thorough), timeoutMs, call);
    });
  }

  /**
   * The next value.
   *
   * @throws {EndOfChannelError} when the other end is closed, or its holder has ended, and nothing is left
   * @throws {ClosedError} when this end is closed or has moved
   * @throws {TimeoutError}
   */
  recv(options?: WaitOptions): Promise<T> {
    return this.#receive("Connection.recv()", options, (taken) =>
      isSimple(taken) ? (unpackSync(taken) as T) : (unpack(taken) as Promise<T>),
    );
  }

  /**
   * The bytes of the next message, as `sendBytes()` was given them.
   *
   * @throws as `recv()`
   */
  recvBytes(options?: WaitOptions): Promise<Uint8Array> {
    return this.#receive("Connection.recvBytes()", options, bytesOf);
  }

  /** As `recv()`, blocking this thread. */
  recvSync(options?: SyncWaitOptions): T {
    const call = "Connection.recvSync()";
    const port = this.#readable(call);
    const timeoutMs = checkSyncWaitOptions(call, options);
    const soon = this.#takeSoon(call, port, timeoutMs);
    const attempt = (thorough: boolean): Taken | undefined => this.#take(call, thorough);
    return unpackSync(soon ?? waitForSync(port.readerSpot, attempt, timeoutMs, call)) as T;
  }

  /**
   * Whether there is something to receive, or nothing will come any more.
   *
   * @param options.timeoutMs how long to wait for it; Infinity: without limit @default 0
   */
  async poll(options?: WaitOptions): Promise<boolean> {
    const call = "Connection.poll()";
    const { timeoutMs = 0, signal } = checkWaitOptions(call, options);
    const port = this.#readable(call);
    try {
      return await waitFor(
        port.readerSpot,
        (thorough) => this.#isReady(thorough) || undefined,
        { timeoutMs, signal },
        call,
      );
    } catch (error) {
      if (error instanceof MultiprocessingError && error.code === "ERR_MP_TIMEOUT") return false;
      throw error;
    }
  }

  /** Ends this end: the other one receives what was sent, and then the end. Twice is fine. */
  close(): void {
    const held = this.#held;
    if (held === undefined) return;
    this.#held = undefined;
    lost.unregister(this);
    if (held.port.holder === ownId()) held.port.end(); // Else it is somebody else's, and goes on.
    release(held);
    held.port.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }

  /** Receives until the other end ends. */
  [Symbol.asyncIterator](): AsyncGenerator<T, void, void> {
    return untilEnd(() => this.recv());
  }

  /** @internal */
  get [waitable](): Waitable[typeof waitable] {
    const { readerSpot } = this.#readable("wait()");
    return {
      isReady: () => this.#isReady(true),
      onReady: (then) => whenReady(readerSpot, (thorough) => this.#isReady(thorough), then),
    };
  }

  /** @internal */
  get [crossing](): Crossing[typeof crossing] {
    return {
      checkHere: () => void this.#usable("An end in the message"),
      sent: (holder) => {
        const held = this.#held;
        if (held === undefined) return;
        this.#held = undefined;
        if (holder === "process") {
          this.#moved = held;
          return;
        }
        this.#moved = true;
        lost.unregister(this);
        held.port.leaveToMessage();
        letGo(held.holding);
        held.port.close();
      },
      finished: () => {
        const left = this.#moved;
        if (left === undefined || left === true) return;
        this.#moved = true;
        lost.unregister(this);
        // The process never got as far as to take it: whoever holds the other end must not wait for it.
        if (left.port.holder === ownId()) left.port.end();
        letGo(left.holding);
        left.port.close();
      },
    };
  }

  /** @internal For the codec: throws what refuses to send it. */
  place(refuse: (why: string, remedy: string) => never): { readonly handle: number } & Abilities {
    const held = this.#held;
    if (held === undefined || held.port.holder !== ownId() || isPromised(this)) {
      const why =
        this.#moved === undefined && held === undefined ? "it is closed" : "it has moved to another process already";
      refuse(why, "make a new Pipe(); use a Queue where several processes need the same end");
    }
    return { handle: held.handle, readable: this.readable, writable: this.writable };
  }

  /** @internal For the pool: messages as bytes. */
  port(): Port {
    return this.#usable("Connection.port()");
  }

  #usable(call: string): Port {
    const held = this.#held;
    if (held === undefined) throw this.#moved === undefined ? closedEnd(call) : movedEnd(call);
    if (held.port.holder !== ownId()) throw movedEnd(call);
    return held.port;
  }

  #readable(call: string): Port {
    if (!this.readable) throw invalidState(`${call}: this end can only send\n  do this:  receive from the other one`);
    return this.#usable(call);
  }

  #writable(call: string): Port {
    if (!this.writable)
      throw invalidState(`${call}: this end can only receive\n  do this:  send through the other one`);
    return this.#usable(call);
  }

  #isReady(thorough: boolean): boolean {
    const port = this.#usable("Connection.poll()");
    if (port.in.count > 0 || port.peer(thorough).gone) return true;
    port.readerSleeps();
    return port.in.count > 0;
  }

  #receive<R>(call: string, options: WaitOptions | undefined, open: (taken: Taken) => R | Promise<R>): Promise<R> {
    try {
      const port = this.#readable(call);
      const limits = options === undefined ? noLimits : checkWaitOptions(call, options);
      limits.signal?.throwIfAborted();
      if (this.#receiving.isEmpty) {
        const taken = this.#takeSoon(call, port, limits.timeoutMs);
        if (taken !== undefined) return ready(open(taken));
      }
      return this.#receiving.wait(port.readerSpot, (thorough) => this.#take(call, thorough), limits, call).then(open);
    } catch (error) {
      return Promise.reject(error as Error);
    }
  }

  #takeSoon(call: string, port: Port, timeoutMs: number | undefined): Taken | undefined {
    const look = (): Taken | undefined => (port.in.count > 0 ? this.#take(call, false) : undefined);
    return look() ?? (timeoutMs === 0 ? undefined : this.#receivingSoon.spin(look));
  }

  #take(call: string, thorough: boolean): Taken | undefined {
    const port = this.#usable(call);
    let taken = take(port.in, noCharge);
    if (taken === undefined) {
      const peer = port.peer(thorough);
      if (!peer.gone) port.readerSleeps();
      taken = take(port.in, noCharge);
      if (taken === undefined) {
        if (peer.gone) throw endOfPipe(call, peer);
        return undefined;
      }
    }
    port.readerAwake();
    port.taken();
    return taken;
  }

  #sendParcel(call: string, make: () => Parcel, options: WaitOptions | undefined): Promise<void> {
    const port = this.#writable(call);
    const limits = options === undefined ? noLimits : checkWaitOptions(call, options);
    limits.signal?.throwIfAborted();
    const parcel = make();
    return orDiscard(parcel, () => {
      if (this.#sending.isEmpty && this.#publishSoon(call, parcel, limits.timeoutMs)) return ready(undefined);
      keepParcel(parcel);
      const attempt = (thorough: boolean): true | undefined => this.#publish(call, parcel, thorough);
      return discardUnlessSent(parcel, this.#sending.wait(port.writerSpot, attempt, limits, call));
    });
  }

  #publishSoon(call: string, parcel: Parcel, timeoutMs: number | undefined): true | undefined {
    if (this.#publish(call, parcel, false)) return true;
    if (timeoutMs === 0) return undefined;
    return this.#sendingSoon.spin(() => this.#publish(call, parcel, false));
  }

  /** True, or not yet. */
  #publish(call: string, parcel: Parcel, thorough: boolean): true | undefined {
    const port = this.#usable(call);
    const peer = port.peer(thorough);
    if (peer.gone) throw brokenPipe(call, peer);
    for (const each of parcel.kept) {
      if (each instanceof Connection && each.#held?.port.isOtherEndOf(port) === true) throw ownOtherEnd(call);
    }
    if (!publish(port.out, parcel, 0)) {
      port.writerSleeps();
      if (!publish(port.out, parcel, 0)) return undefined;
    }
    port.written();
    return true;
  }
}

const noLimits: WaitOptions = {};

function checkBytes(bytes: unknown): Uint8Array {
  if (bytes instanceof Uint8Array) return bytes;
  throw invalidArgument(`Connection.sendBytes(): bytes must be a Uint8Array or Buffer; received ${shown(bytes)}`);
}

/** @internal */
export function makeConnection(place: HeldRange, abilities: Abilities): Connection {
  return new Connection(secret, place, abilities);
}
