/**
 * The owner's end of the control channel: bytes out, bytes in.
 *
 * Runs in: the owner.
 * Why not a net.Socket wherever there is the addon: to make, to read and to end one costs 0.2 ms of a start.
 */
import { closeSync } from "node:fs";
import type { Socket } from "node:net";
import type { Addon, Watcher } from "../host/addon.ts";

export interface ControlPort {
  /**
   * To be called once.
   *
   * @param onBytes told what comes; the bytes are overwritten afterwards
   * @param onEnd called once, also after `close()`: nothing comes any more
   */
  listen(onBytes: (bytes: Uint8Array) => void, onEnd: () => void): void;
  /** All of it, in the order of the calls, as soon as there is room. Nothing when the child has gone: its end is told. */
  send(parts: readonly Uint8Array[]): void;
  /** Whether it keeps this process's event loop alive. */
  ref(): void;
  unref(): void;
  /** Twice is fine. */
  close(): void;
}

/** Of one reading. */
const readBytes = 65_536;
/** Then the event loop has its turn. Arbitrary. */
const readingsAtOnce = 16;
/** That the addon sends in one call. */
const mostParts = 16;

/** One for all: what is read is taken before the next reading. */
let read: Uint8Array | undefined;

/** Of a descriptor, which is closed with it. */
export class WatchedPort implements ControlPort {
  readonly #addon: Addon;
  readonly #descriptor: number;
  readonly #watcher: Watcher;
  readonly #unsent: Uint8Array[] = [];
  #onBytes: ((bytes: Uint8Array) => void) | undefined;
  #onEnd: (() => void) | undefined;
  /** Nothing comes any more, and nothing can be sent. */
  #ended = false;
  #closed = false;

  constructor(addon: Addon, descriptor: number) {
    addon.setNonBlocking(descriptor, true);
    this.#addon = addon;
    this.#descriptor = descriptor;
    this.#watcher = addon.watch(descriptor, () => {
      this.#sendOn();
      this.#read();
    });
  }

  listen(onBytes: (bytes: Uint8Array) => void, onEnd: () => void): void {
    this.#onBytes = onBytes;
    this.#onEnd = onEnd;
  }

  send(parts: readonly Uint8Array[]): void {
    if (this.#ended) return;
    const waits = this.#unsent.length > 0;
    for (const part of parts) if (part.length > 0) this.#unsent.push(part);
    if (!waits) this.#sendOn();
  }

  ref(): void {
    this.#watcher.ref();
  }

  unref(): void {
    this.#watcher.unref();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#end();
    closeSync(this.#descriptor);
  }

  #read(): void {
    read ??= new Uint8Array(readBytes);
    for (let reading = 0; reading < readingsAtOnce && !this.#ended; reading++) {
      let length: number | undefined;
      try {
        length = this.#addon.receiveNow(this.#descriptor, read);
      } catch {
        length = 0; // ECONNRESET: the child has gone, and how it ended says why.
      }
      if (length === undefined) return;
      if (length === 0) this.#end();
      else this.#onBytes?.(read.subarray(0, length));
    }
  }

  #sendOn(): void {
    const unsent = this.#unsent;
    if (unsent.length === 0) return;
    try {
      while (unsent.length > 0) {
        let sent = this.#addon.sendNow(this.#descriptor, unsent.slice(0, mostParts));
        if (sent === 0) {
          this.#watcher.alsoWritable(true);
          return;
        }
        while (unsent.length > 0 && unsent[0]!.length <= sent) sent -= unsent.shift()!.length;
        if (sent > 0) unsent[0] = unsent[0]!.subarray(sent);
      }
    } catch {
      unsent.length = 0; // EPIPE: the child has gone, and its end is told.
    }
    this.#watcher.alsoWritable(false);
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#watcher.close();
    this.#onEnd?.();
  }
}

/** Where there is no addon. */
export class SocketPort implements ControlPort {
  readonly #socket: Socket;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  listen(onBytes: (bytes: Uint8Array) => void, onEnd: () => void): void {
    this.#socket.on("data", onBytes);
    this.#socket.on("error", () => {}); // EPIPE, ECONNRESET: the child has gone, and how it ended says why.
    this.#socket.once("close", onEnd);
    this.#socket.once("end", () => this.#socket.destroy());
  }

  send(parts: readonly Uint8Array[]): void {
    if (this.#socket.destroyed) return;
    this.#socket.cork();
    for (const part of parts) this.#socket.write(part);
    this.#socket.uncork();
  }

  ref(): void {
    this.#socket.ref();
  }

  unref(): void {
    this.#socket.unref();
  }

  close(): void {
    this.#socket.destroy();
  }
}
