/**
 * Bytes of one message under construction: small things copied together, large ones kept as they are.
 *
 * Runs in: both.
 * Guarantees: what `take` returns is nobody else's, and the writer can be used for the next message.
 * Leaves to others: what the bytes mean (`to-worker.ts`, `to-pool.ts`).
 */

/** From this size on a part of its own is cheaper than a copy. Measured in bench/rows/pool.js. */
const ownPart = 32_768;
const initialBytes = 65_536;

export class MessageWriter {
  #bytes: Buffer = Buffer.allocUnsafeSlow(initialBytes);
  #view: DataView = viewOf(this.#bytes);
  #length = 0;
  #parts: Uint8Array[] = [];

  get isEmpty(): boolean {
    return this.#length === 0 && this.#parts.length === 0;
  }

  /** Bytes that are waiting, the kept parts apart. */
  get size(): number {
    return this.#length;
  }

  byte(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
  }

  /** LEB128, from 0 to 2^53-1. */
  uint(value: number): void {
    this.#reserve(8);
    let left = value;
    while (left > 0x7f) {
      this.#bytes[this.#length++] = (left % 128) | 0x80;
      left = left > 0x7fffffff ? Math.floor(left / 128) : left >>> 7;
    }
    this.#bytes[this.#length++] = left;
  }

  double(value: number): void {
    this.#reserve(8);
    this.#view.setFloat64(this.#length, value, true);
    this.#length += 8;
  }

  /** Length and bytes; the bytes must not change afterwards. */
  blob(bytes: Uint8Array): void {
    this.uint(bytes.length);
    if (bytes.length >= ownPart) {
      this.#flush();
      this.#parts.push(bytes);
      return;
    }
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** The message, as parts that follow each other. */
  take(): Uint8Array[] {
    this.#flush();
    const parts = this.#parts;
    this.#parts = [];
    return parts;
  }

  #flush(): void {
    if (this.#length === 0) return;
    const copy = Buffer.allocUnsafeSlow(this.#length);
    copy.set(this.#bytes.subarray(0, this.#length));
    this.#parts.push(copy);
    this.#length = 0;
  }

  #reserve(count: number): void {
    const needed = this.#length + count;
    if (needed <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.#bytes.length * 2));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
    this.#view = viewOf(larger);
  }
}

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
