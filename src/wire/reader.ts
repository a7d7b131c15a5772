/**
 * Bytes of a received message, read from front to back, where they lie.
 *
 * Runs in: every process.
 * Guarantees: never reads outside of them, and never makes room for more than they can hold: bad bytes give a
 * MalformedMessageError. Nothing that is read keeps them: they may be overwritten afterwards.
 */
import { MalformedMessageError } from "../base/errors.ts";

const shortText = 16;
const scratchBytes = new Uint8Array(8);
const scratch = new DataView(scratchBytes.buffer);

/** What `toString(encoding)` calls in the end; its types leave them out. Measured: a third of the time for short texts. */
export interface TextBuffer extends Buffer {
  latin1Slice(start: number, end: number): string;
  ucs2Slice(start: number, end: number): string;
  latin1Write(text: string, offset: number, length: number): number;
  ucs2Write(text: string, offset: number, length: number): number;
}

/** They take any Uint8Array: to make a Buffer of each message would cost more than to read a small one. */
const { latin1Slice, ucs2Slice } = Buffer.prototype as TextBuffer;

export class Reader {
  readonly #bytes: Uint8Array;
  #view: DataView | undefined;
  position: number;
  readonly #end: number;

  constructor(bytes: Uint8Array, start: number, end: number) {
    this.#bytes = bytes;
    this.position = start;
    this.#end = end;
  }

  get left(): number {
    return this.#end - this.position;
  }

  malformed(why: string): never {
    throw new MalformedMessageError(
      `Cannot read a message: ${why} (at byte ${this.position} of ${this.#end})\n` +
        `  do this:  check that both processes run the same version of the library`,
    );
  }

  #need(count: number): void {
    if (count > this.#end - this.position) this.malformed(`it ends ${count - this.left} bytes too early`);
  }

  byte(): number {
    if (this.position >= this.#end) this.#need(1);
    return this.#bytes[this.position++]!;
  }

  uint(): number {
    let byte = this.byte();
    if (byte < 0x80) return byte;
    let value = byte & 0x7f;
    let factor = 128;
    do {
      byte = this.byte();
      value += (byte & 0x7f) * factor;
      factor *= 128;
      if (value > Number.MAX_SAFE_INTEGER) this.malformed("a number is larger than any that is written");
    } while (byte >= 0x80);
    return value;
  }

  /** A number of things that take at least `bytesEach` bytes each. */
  count(bytesEach = 1): number {
    const count = this.uint();
    if (count * bytesEach > this.left) this.malformed(`it cannot hold the ${count} parts that it announces`);
    return count;
  }

  /** For many numbers at once. Measured: to make it costs as much as to read fifty of them without it. */
  get view(): DataView {
    return (this.#view ??= new DataView(this.#bytes.buffer, this.#bytes.byteOffset, this.#bytes.byteLength));
  }

  double(): number {
    this.#need(8);
    const bytes = this.#bytes;
    let at = this.position;
    for (let i = 0; i < 8; i++) scratchBytes[i] = bytes[at++]!;
    this.position = at;
    return scratch.getFloat64(0, true);
  }

  uint32(): number {
    this.#need(4);
    const bytes = this.#bytes;
    const at = this.position;
    this.position = at + 4;
    return bytes[at]! + bytes[at + 1]! * 2 ** 8 + bytes[at + 2]! * 2 ** 16 + bytes[at + 3]! * 2 ** 24;
  }

  /** A view of the message's own bytes: copy what is kept. */
  bytes(count: number): Uint8Array {
    this.#need(count);
    const part = this.#bytes.subarray(this.position, this.position + count);
    this.position += count;
    return part;
  }

  /** Bytes behind their number. */
  blob(): Uint8Array {
    return this.bytes(this.uint());
  }

  /** Passes over bytes that are read through the view: where they begin. */
  skip(count: number): number {
    this.#need(count);
    const at = this.position;
    this.position += count;
    return at;
  }

  /** A number that is the same for the same bytes. */
  hash(start: number, count: number): number {
    const bytes = this.#bytes;
    let hash = count;
    for (let at = start, end = start + count; at < end; at++) hash = (Math.imul(hash, 31) + bytes[at]!) | 0;
    return hash ^ (hash >>> 8) ^ (hash >>> 16);
  }

  /** Whether the next `count` bytes are those. */
  isNext(wanted: Uint8Array, count: number): boolean {
    if (wanted.length !== count) return false;
    const bytes = this.#bytes;
    for (let i = 0, at = this.position; i < count; i++, at++) if (bytes[at] !== wanted[i]) return false;
    return true;
  }

  latin1(count: number): string {
    this.#need(count);
    const start = this.position;
    this.position += count;
    if (count > shortText) return latin1Slice.call(this.#bytes as TextBuffer, start, start + count);
    let text = "";
    for (let at = start; at < start + count; at++) text += String.fromCharCode(this.#bytes[at]!);
    return text;
  }

  utf16(count: number): string {
    this.#need(count);
    if (count % 2 !== 0) this.malformed("a text has half a character");
    const start = this.position;
    this.position += count;
    return ucs2Slice.call(this.#bytes as TextBuffer, start, start + count);
  }
}
