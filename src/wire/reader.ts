/**
 * Bytes of a received message, read from front to back.
 *
 * Runs in: every process.
 * Guarantees: never reads outside of them, and never makes room for more than they can hold: bad bytes give a
 * MalformedMessageError.
 */
import { MalformedMessageError } from "../base/errors.ts";

const shortText = 24;

/** What `toString(encoding)` calls in the end; its types leave them out. Measured: a third of the time for short texts. */
export interface TextBuffer extends Buffer {
  latin1Slice(start: number, end: number): string;
  ucs2Slice(start: number, end: number): string;
  latin1Write(text: string, offset: number, length: number): number;
  ucs2Write(text: string, offset: number, length: number): number;
}

export class Reader {
  readonly #bytes: TextBuffer;
  readonly #view: DataView;
  position = 0;
  readonly #end: number;

  constructor(bytes: Uint8Array, start = 0, end: number = bytes.length) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength) as TextBuffer;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
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

  double(): number {
    this.#need(8);
    const value = this.#view.getFloat64(this.position, true);
    this.position += 8;
    return value;
  }

  uint32At(position: number): number {
    if (position + 4 > this.#end) this.#need(position + 4);
    return this.#view.getUint32(position, true);
  }

  /** A view of the message's own bytes: copy what is kept. */
  bytes(count: number): Buffer {
    this.#need(count);
    const part = this.#bytes.subarray(this.position, this.position + count);
    this.position += count;
    return part;
  }

  latin1(count: number): string {
    this.#need(count);
    const start = this.position;
    this.position += count;
    if (count > shortText) return this.#bytes.latin1Slice(start, start + count);
    let text = "";
    for (let at = start; at < start + count; at++) text += String.fromCharCode(this.#bytes[at]!);
    return text;
  }

  utf16(count: number): string {
    this.#need(count);
    if (count % 2 !== 0) this.malformed("a text has half a character");
    const start = this.position;
    this.position += count;
    return this.#bytes.ucs2Slice(start, start + count);
  }
}
