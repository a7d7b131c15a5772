/**
 * Shapes: the lists of keys of plain objects, each written once a message, and remembered from message to message.
 *
 * Runs in: every process.
 * Why: most messages of a program are of few shapes; to write and read their keys anew costs more than all the rest of a
 * small object (measured: a third of the time to encode one, two thirds to decode it).
 */
import type { Reader } from "./reader.ts";
import type { Writer } from "./writer.ts";

/** A power of two. Arbitrary: the shapes that a program uses in a stretch of time. */
const remembered = 256;
/** Objects that are dictionaries have other keys each time: they are not remembered. Arbitrary. */
const longestRemembered = 32_768;

export interface SentShape {
  readonly keys: readonly string[];
  /** The keys as they stand in a message. */
  readonly block: Uint8Array;
  /** The message in which it was last, and its number there. */
  message: number;
  number: number;
}

const sent: (SentShape | undefined)[] = Array.from({ length: remembered });

/** What was remembered of the keys; undefined when they are new. */
export function sentShape(keys: readonly string[]): SentShape | undefined {
  const slot = hashOfKeys(keys);
  const first = sent[slot];
  if (first !== undefined && same(first.keys, keys)) return first;
  const second = sent[slot ^ 1];
  return second !== undefined && same(second.keys, keys) ? second : undefined;
}

/** @param block the keys as they were written; it is copied */
export function rememberSent(keys: readonly string[], block: Uint8Array, message: number, number: number): void {
  if (block.length > longestRemembered) return;
  const slot = hashOfKeys(keys);
  sent[slot ^ 1] = sent[slot];
  sent[slot] = { keys, block: new Uint8Array(block), message, number };
}

function hashOfKeys(keys: readonly string[]): number {
  const { length } = keys;
  if (length === 0) return 0;
  const first = keys[0]!;
  const last = keys[length - 1]!;
  const middle = keys[length >> 1]!;
  const mixed =
    length * 31 +
    (first.length * 7 + first.charCodeAt(0)) * 5 +
    (middle.length * 3 + middle.charCodeAt(middle.length - 1)) * 17 +
    (last.length * 11 + last.charCodeAt(0)) * 13;
  return mixed & (remembered - 1);
}

function same(a: readonly string[], b: readonly string[]): boolean {
  const { length } = a;
  if (length !== b.length) return false;
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Writes the number of keys, the length of the keys' texts, and those. */
export function writeKeys(keys: readonly string[], writer: Writer, writeText: (key: string) => void): void {
  writer.uint(keys.length);
  const at = writer.length;
  writer.uint32(0);
  for (const key of keys) writeText(key);
  writer.uint32At(at, writer.length - at - lengthBytes);
}

const lengthBytes = 4;

interface ReceivedShape {
  readonly keys: readonly string[];
  readonly block: Uint8Array;
}

const received: (ReceivedShape | undefined)[] = Array.from({ length: remembered });

/** @param readText reads one key */
export function readKeys(reader: Reader, readText: () => string): readonly string[] {
  const count = reader.count();
  const length = reader.uint32();
  const start = reader.position;
  if (length > reader.left) reader.malformed("the keys of an object are cut off");
  const slot = length > longestRemembered ? -1 : reader.hash(start, length) & (remembered - 1);
  const known = received[slot];
  if (known !== undefined && known.keys.length === count && reader.isNext(known.block, length)) {
    reader.position = start + length;
    return known.keys;
  }
  const keys: string[] = [];
  for (let i = 0; i < count; i++) {
    const key = readText();
    if (key === "__proto__") reader.malformed('a shape has the key "__proto__"');
    keys.push(key);
  }
  if (reader.position !== start + length) reader.malformed("the keys of an object have another length than it says");
  if (slot >= 0) {
    reader.position = start;
    received[slot] = { keys, block: new Uint8Array(reader.bytes(length)) };
  }
  return keys;
}
