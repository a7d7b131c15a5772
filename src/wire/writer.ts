/**
 * Bytes of a message under construction, in a buffer that is used again for the next message.
 *
 * Runs in: every process.
 * Guarantees: what `take` returns is nobody else's.
 */
import type { TextBuffer } from "./reader.ts";

const initialBytes = 8192;
/** A larger buffer is given away instead of copied. Measured: a copy of 64 KiB costs as much as a new buffer. */
const largestKept = 65_536;
/** Below, a loop in JavaScript is quicker than the call into Node's own code. Measured in bench/codec.js. */
const shortText = 24;
const longestLatin1Test = /^[\0-\xff]*$/;

let spare: TextBuffer | undefined;

export class Writer {
  #bytes: TextBuffer;
  #view: DataView;
  length = 0;

  constructor() {
    this.#bytes = spare ?? allocate(initialBytes);
    spare = undefined; // A message that is written while another one is takes a buffer of its own.
    this.#view = viewOf(this.#bytes);
  }

  /** The message; the writer is done then. */
  take(): Uint8Array {
    const written = this.#bytes.subarray(0, this.length);
    if (this.#bytes.length > largestKept) return written;
    spare = this.#bytes;
    const copy = Buffer.allocUnsafeSlow(this.length);
    copy.set(written);
    return copy;
  }

  /** The writer is done, and nothing of it is wanted. */
  drop(): void {
    if (this.#bytes.length <= largestKept) spare = this.#bytes;
  }

  #reserve(count: number): void {
    const needed = this.length + count;
    if (needed <= this.#bytes.length) return;
    const larger = allocate(Math.max(needed, this.#bytes.length * 2));
    larger.set(this.#bytes.subarray(0, this.length));
    this.#bytes = larger;
    this.#view = viewOf(larger);
  }

  byte(value: number): void {
    if (this.length === this.#bytes.length) this.#reserve(1);
    this.#bytes[this.length++] = value;
  }

  /** LEB128, from 0 to 2^53-1. */
  uint(value: number): void {
    this.#reserve(8);
    let left = value;
    while (left > 0x7f) {
      this.#bytes[this.length++] = (left % 128) | 0x80;
      left = left > 0x7fffffff ? Math.floor(left / 128) : left >>> 7;
    }
    this.#bytes[this.length++] = left;
  }

  double(value: number): void {
    this.#reserve(8);
    this.#view.setFloat64(this.length, value, true);
    this.length += 8;
  }

  uint32At(position: number, value: number): void {
    this.#view.setUint32(position, value, true);
  }

  bytes(source: Uint8Array): void {
    this.#reserve(source.length);
    this.#bytes.set(source, this.length);
    this.length += source.length;
  }

  /** Writes a short Latin-1 text after one byte `head + length`, if it is one; else nothing, and answers false. */
  shortLatin1(text: string, head: number, limit: number): boolean {
    const { length } = text;
    if (length > limit) return false;
    this.#reserve(length + 1);
    const bytes = this.#bytes;
    let at = this.length + 1;
    if (length <= shortText) {
      for (let i = 0; i < length; i++) {
        const code = text.charCodeAt(i);
        if (code > 0xff) return false;
        bytes[at++] = code;
      }
    } else {
      if (!longestLatin1Test.test(text)) return false;
      bytes.latin1Write(text, at, length);
    }
    bytes[this.length] = head + length;
    this.length += length + 1;
    return true;
  }

  /** The text as its tag, its length in bytes and its bytes. */
  text(text: string, latin1Tag: number, utf16Tag: number): void {
    const latin1 = longestLatin1Test.test(text);
    this.byte(latin1 ? latin1Tag : utf16Tag);
    const count = latin1 ? text.length : text.length * 2;
    this.uint(count);
    this.#reserve(count);
    if (latin1) this.#bytes.latin1Write(text, this.length, count);
    else this.#bytes.ucs2Write(text, this.length, count);
    this.length += count;
  }
}

function allocate(count: number): TextBuffer {
  return Buffer.allocUnsafeSlow(count) as TextBuffer;
}

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
