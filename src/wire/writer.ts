/**
 * Bytes of a message under construction, in a buffer that is used again for the next message.
 *
 * Runs in: every process.
 * Guarantees: what `take` returns is nobody else's (its `buffer` may be: it is from Node's pool); what `written` returns
 * holds until the writer begins anew.
 */
import type { TextBuffer } from "./reader.ts";

const initialBytes = 8192;
/** A larger buffer is given away instead of copied. Measured: a copy of 64 KiB costs as much as a new buffer. */
const largestCopied = 65_536;
/** A larger buffer is not kept for the next message. Arbitrary: what a process may hold on to for nothing. */
const largestKept = 4 * 2 ** 20;
/** Below, a loop in JavaScript is quicker than the call into Node's own code. Measured in bench/codec.js. */
const shortText = 24;
const shortBytes = 48;
const longestLatin1Test = /^[\0-\xff]*$/;

export class Writer {
  #bytes: TextBuffer;
  #view: DataView;
  length = 0;

  constructor() {
    this.#bytes = allocate(initialBytes);
    this.#view = viewOf(this.#bytes);
  }

  /** Begins anew. */
  clear(): void {
    this.length = 0;
    if (this.#bytes.length > largestKept) this.#use(allocate(initialBytes));
  }

  /** The message, for good; the writer is empty then. */
  take(): Uint8Array {
    const { length } = this;
    this.length = 0;
    if (length > largestCopied) {
      const written = this.#bytes.subarray(0, length);
      this.#use(allocate(initialBytes));
      return written;
    }
    // From Node's pool: a buffer of its own for each message costs more than all the rest of it.
    const copy = Buffer.allocUnsafe(length);
    if (length <= shortBytes) for (let i = 0; i < length; i++) copy[i] = this.#bytes[i]!;
    else copy.set(this.#bytes.subarray(0, length));
    return copy;
  }

  /** The message, until the writer begins anew. */
  written(start = 0): Uint8Array {
    return this.#bytes.subarray(start, this.length);
  }

  #use(bytes: TextBuffer): void {
    this.#bytes = bytes;
    this.#view = viewOf(bytes);
  }

  #reserve(count: number): void {
    const needed = this.length + count;
    if (needed <= this.#bytes.length) return;
    const larger = allocate(Math.max(needed, this.#bytes.length * 2));
    larger.set(this.#bytes.subarray(0, this.length));
    this.#use(larger);
  }

  byte(value: number): void {
    if (this.length === this.#bytes.length) this.#reserve(1);
    this.#bytes[this.length++] = value;
  }

  /** LEB128, from 0 to 2^53-1. */
  uint(value: number): void {
    this.#reserve(8);
    const bytes = this.#bytes;
    let left = value;
    while (left > 0x7f) {
      bytes[this.length++] = (left % 128) | 0x80;
      left = left > 0x7fffffff ? Math.floor(left / 128) : left >>> 7;
    }
    bytes[this.length++] = left;
  }

  double(value: number): void {
    this.#reserve(8);
    this.#view.setFloat64(this.length, value, true);
    this.length += 8;
  }

  /** Room for `count` bytes, which the view's caller fills: where they begin. */
  room(count: number): { readonly view: DataView; readonly at: number } {
    this.#reserve(count);
    const at = this.length;
    this.length += count;
    return { view: this.#view, at };
  }

  uint32(value: number): void {
    this.#reserve(4);
    this.uint32At(this.length, value);
    this.length += 4;
  }

  uint32At(position: number, value: number): void {
    this.#view.setUint32(position, value, true);
  }

  bytes(source: Uint8Array): void {
    const { length } = source;
    this.#reserve(length);
    if (length <= shortBytes) {
      const bytes = this.#bytes;
      for (let i = 0, at = this.length; i < length; i++) bytes[at++] = source[i]!;
    } else this.#bytes.set(source, this.length);
    this.length += length;
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
