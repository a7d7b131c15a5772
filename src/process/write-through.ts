/**
 * For a Writable's `_write`: all is in the kernel's hands when it returns, whether the descriptor waits for room or not.
 *
 * Runs in: the child, and the fork server.
 */
import { writeSync } from "node:fs";
import type { Writable } from "node:stream";

/** Nobody tells when there is room again: it is looked for, at first after 1 ms, and the longer it lasts the less often. */
const longestPauseMs = 16;

export function writeThrough(
  descriptor: number,
  chunk: string | Uint8Array,
  encoding: BufferEncoding,
  done: Parameters<Writable["_write"]>[2],
): void {
  try {
    writeWhole(descriptor, typeof chunk === "string" ? Buffer.from(chunk, encoding) : chunk);
  } catch (error) {
    done(error as Error);
    return;
  }
  done();
}

function writeWhole(descriptor: number, bytes: Uint8Array): void {
  let pauseMs = 1;
  for (let at = 0; at < bytes.length;) {
    try {
      at += writeSync(descriptor, bytes, at);
      pauseMs = 1;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pauseMs);
      pauseMs = Math.min(2 * pauseMs, longestPauseMs);
    }
  }
}
