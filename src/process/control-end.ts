/**
 * The child's end of the control channel: read and written synchronously.
 *
 * Runs in: the child.
 * Guarantees: what `send` was given is in the kernel's hands when it returns, so that it outlives `process.exit()`.
 * Why not a net.Socket: it would write large results in the background, and an exit meanwhile would cut them off.
 */
import { closeSync, fstatSync, readSync, writeSync } from "node:fs";
import { invalidState } from "../base/errors.ts";
import { requireAddon } from "../host/addon.ts";
import { frameHead, FrameReader, headBytes, parseHead, type FrameKind } from "./frames.ts";

/** How long a write waits before it tries again when the owner reads slowly: short against a context switch. Arbitrary. */
const retryMs = 0.2;

/** Most first words are a few thousand bytes: read at once, whatever they are made of. Arbitrary. */
const readAheadBytes = 65_536;
/** For whichever channel is read; what is left in it is at its beginning again before more is read. */
let readAhead: Buffer | undefined;

/** What is copied, so that its reader is woken once. Arbitrary. */
const smallBytes = 4096;

export class ControlEnd {
  readonly #descriptor: number;
  /** What has been read and not yet received. */
  #ahead: Buffer = Buffer.alloc(0);
  #begun = false;
  /** The owner has gone, and the descriptor may be another file's by now. */
  #closed = false;

  constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  /** Blocks until the owner has sent the frame. @throws {MultiprocessingError} when the owner has gone, or sent another. */
  receive(kind: FrameKind): Uint8Array {
    let head = parseHead(this.#read(headBytes));
    if (head.kind === "elsewhere") {
      this.#ahead = this.#receiveFile();
      head = parseHead(this.#read(headBytes));
    }
    if (head.kind !== kind) throw invalidState(`The owner sent "${head.kind}" where "${kind}" was due`);
    return this.#read(head.payloadBytes);
  }

  /**
   * From now on the owner's messages are read as they come, and keep the event loop alive until the returned function is
   * called. Writing stays synchronous: what was said outlives `process.exit()`.
   */
  listen(onMessage: (payload: Uint8Array) => void): () => void {
    const socket = new (process.getBuiltinModule("node:net").Socket)({
      fd: this.#descriptor,
      readable: true,
      writable: false,
    });
    const reader = new FrameReader();
    const take = (chunk: Buffer): void => {
      for (const { payload } of reader.push(chunk)) onMessage(payload);
    };
    const ahead = this.#ahead;
    this.#ahead = Buffer.alloc(0);
    if (ahead.length > 0) process.nextTick(take, ahead); // As what is still to come: not before this call has returned.
    socket.on("data", take);
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
      const frame = [frameHead(kind, length), ...parts];
      if (length <= smallBytes) this.#write(Buffer.concat(frame));
      else for (const part of frame) this.#write(part);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== "EPIPE" && code !== "ECONNRESET") throw error;
    }
  }

  #read(length: number): Buffer {
    if (this.#ahead.length < length) this.#readAhead(length);
    const bytes = this.#ahead.subarray(0, length);
    this.#ahead = this.#ahead.subarray(length);
    return bytes;
  }

  #readAhead(length: number): void {
    const bytes =
      length > readAheadBytes ? Buffer.allocUnsafeSlow(length) : (readAhead ??= Buffer.allocUnsafeSlow(readAheadBytes));
    let filled = this.#ahead.copy(bytes);
    while (filled < length) {
      // Behind the first head may come a descriptor, which would be lost by reading past it.
      const most = this.#begun ? bytes.length : length;
      const step = readSync(this.#descriptor, bytes, filled, most - filled, null);
      if (step === 0) throw ownerEnded();
      filled += step;
    }
    this.#begun = true;
    this.#ahead = bytes.subarray(0, filled);
  }

  /** The owner's first words, where the channel has no room for them: `first-words.ts`. */
  #receiveFile(): Buffer {
    const packet = requireAddon().receiveDescriptors(this.#descriptor);
    if (packet === null || packet === undefined) throw ownerEnded();
    const [file] = packet.descriptors;
    if (file === undefined) throw invalidState("This process has no descriptor left to read its job (ulimit -n)");
    try {
      const bytes = Buffer.allocUnsafeSlow(fstatSync(file).size);
      for (let at = 0; at < bytes.length;) at += readSync(file, bytes, at, bytes.length - at, at);
      return bytes;
    } finally {
      closeSync(file);
    }
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

function ownerEnded(): Error {
  return invalidState("The owner ended before it had handed over the job");
}
