/**
 * The child's end of the control channel: read and written synchronously.
 *
 * Runs in: the child.
 * Guarantees: what `send` was given is in the kernel's hands when it returns, so that it outlives `process.exit()`.
 * Why not a net.Socket: it would write large results in the background, and an exit meanwhile would cut them off.
 */
import { readSync, writeSync } from "node:fs";
import { Socket } from "node:net";
import { invalidState } from "../base/errors.ts";
import { frameHead, FrameReader, headBytes, parseHead, type FrameKind } from "./frames.ts";

/** How long a write waits before it tries again when the owner reads slowly: short against a context switch. Arbitrary. */
const retryMs = 0.2;

export class ControlEnd {
  readonly #descriptor: number;
  /** The owner has gone, and the descriptor may be another file's by now. */
  #closed = false;

  constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  /** Blocks until the owner has sent the frame. @throws {MultiprocessingError} when the owner has gone, or sent another. */
  receive(kind: FrameKind): Uint8Array {
    const head = parseHead(this.#read(headBytes));
    if (head.kind !== kind) throw invalidState(`The owner sent "${head.kind}" where "${kind}" was due`);
    return this.#read(head.payloadBytes);
  }

  /**
   * From now on the owner's messages are read as they come, and keep the event loop alive until the returned function is
   * called. Writing stays synchronous: what was said outlives `process.exit()`.
   */
  listen(onMessage: (payload: Uint8Array) => void): () => void {
    const socket = new Socket({ fd: this.#descriptor, readable: true, writable: false });
    const reader = new FrameReader();
    socket.on("data", (chunk: Buffer) => {
      for (const { payload } of reader.push(chunk)) onMessage(payload);
    });
    socket.on("error", () => {}); // The owner has gone: this process ends with it.
    socket.on("close", () => {
      this.#closed = true;
    });
    // Not destroyed, since the descriptor is still written to.
    return () => void socket.pause().unref();
  }

  /** Nothing happens when the owner has gone: nobody is left to hear it. */
  send(kind: FrameKind, ...parts: readonly Uint8Array[]): void {
    if (this.#closed) return;
    try {
      let length = 0;
      for (const part of parts) length += part.length;
      this.#write(frameHead(kind, length));
      for (const part of parts) this.#write(part);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== "EPIPE" && code !== "ECONNRESET") throw error;
    }
  }

  #read(length: number): Buffer {
    const bytes = Buffer.allocUnsafeSlow(length);
    for (let at = 0; at < length;) {
      const step = readSync(this.#descriptor, bytes, at, length - at, null);
      if (step === 0) throw invalidState("The owner ended before it had handed over the job");
      at += step;
    }
    return bytes;
  }

  #write(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      try {
        at += writeSync(this.#descriptor, bytes, at, bytes.length - at);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, retryMs);
      }
    }
  }
}
