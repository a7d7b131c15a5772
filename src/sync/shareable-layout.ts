/**
 * Where everything is in a ShareableList's segment, and reading and writing it there.
 *
 * Runs in: every process.
 * Source: the layout of CPython's `multiprocessing/shared_memory.py`.
 *
 *   int64 n | int64 offsets[n + 1] | slots | 8 characters format[n] | int8 reading[n]        native byte order
 */
import { invalidArgument, MalformedMessageError } from "../base/errors.ts";
import { shown } from "../base/options.ts";
import { bitsOf, floatOf } from "./float-bits.ts";
import { SharedMemory } from "./shared-memory.ts";
import {
  asBytes,
  asFormatSays,
  asNone,
  asText,
  booleanByte,
  booleanFormat,
  floatFormat,
  formatOf,
  intFormat,
  pack,
  readingOf,
  slotBytes,
  slotUnit,
  type Packed,
  type ShareableValue,
} from "./shareable-slots.ts";

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const latin1 = new TextDecoder("latin1");

/** Views of a list's bytes, with the places of its elements. */
interface Places {
  readonly bytes: Uint8Array;
  readonly ints: BigInt64Array;
  readonly length: number;
  /** In bytes from the segment's beginning: `length` + 1 of them. */
  readonly slots: readonly number[];
  readonly formats: number;
  readonly readings: number;
}

/** A list, and the segment where it is. */
export interface Laid extends Places {
  readonly shm: SharedMemory;
}

export function writeList(packed: readonly Packed[], name: string | undefined): Laid {
  const offsets = [0];
  for (const each of packed) offsets.push(offsets.at(-1)! + slotBytes(each));
  const size = (packed.length + 2) * 8 + offsets.at(-1)! + packed.length * 9;
  const shm = SharedMemory.createWith({ name, size }, (buffer) => {
    const ints = new BigInt64Array(buffer, 0, packed.length + 2);
    ints[0] = BigInt(packed.length);
    for (const [at, offset] of offsets.entries()) ints[1 + at] = BigInt(offset);
    const places = locate(buffer)!;
    for (const [index, each] of packed.entries()) put(places, index, each);
  });
  return readList(shm);
}

/** @throws {MalformedMessageError} when the segment, which is closed then, holds no list */
export function readList(shm: SharedMemory): Laid {
  const places = locate(shm.buffer);
  if (places !== undefined) return { shm, ...places };
  const { name } = shm;
  shm.close();
  throw new MalformedMessageError(`Cannot open the list "${name}": its bytes are no ShareableList's`);
}

function locate(buffer: ArrayBuffer): Places | undefined {
  const bytes = new Uint8Array(buffer);
  const words = Math.floor(bytes.length / 8);
  const ints = new BigInt64Array(buffer, 0, words);
  const length = Number(ints[0] ?? -1n);
  if (!Number.isSafeInteger(length) || length < 0 || (length + 2) * 8 + length * 9 > bytes.length) return undefined;
  const start = (length + 2) * 8;
  const slots = Array.from(ints.subarray(1, length + 2), (offset) => start + Number(offset));
  const inOrder = slots.every(
    (slot, at) => slot % slotUnit === 0 && (at === 0 ? slot === start : slot > slots[at - 1]!),
  );
  const formats = slots.at(-1)!;
  if (!inOrder || formats + length * 9 > bytes.length) return undefined;
  return {
    bytes,
    ints,
    length,
    slots,
    formats,
    readings: formats + length * 8,
  };
}

export function readFormat({ bytes, formats }: Places, index: number): string {
  const at = formats + index * 8;
  let end = at + 8;
  while (end > at && bytes[end - 1] === 0) end--;
  return latin1.decode(bytes.subarray(at, end));
}

export function readElement(laid: Laid, index: number): ShareableValue {
  const { bytes, ints, slots, readings } = laid;
  const slot = slots[index]!;
  const reading = bytes[readings + index]!;
  if (reading === asNone) return null;
  const format = readFormat(laid, index);
  if (reading === asFormatSays) {
    if (format === floatFormat) return floatOf(Atomics.load(ints, slot / 8));
    if (format === booleanFormat) return bytes[slot + booleanByte] !== 0;
    if (format === intFormat) {
      const value = Atomics.load(ints, slot / 8);
      const number = Number(value);
      return Number.isSafeInteger(number) ? number : value;
    }
  }
  const length = /^\d+s$/.test(format) ? Number.parseInt(format) : -1;
  if ((reading !== asText && reading !== asBytes) || length < 0 || length > slots[index + 1]! - slot) {
    throw new MalformedMessageError(
      `Element ${index} of the list "${laid.shm.name}" cannot be read: its format is ${shown(format)}, ${reading}`,
    );
  }
  let end = slot + length;
  while (end > slot && bytes[end - 1] === 0) end--; // What fills the slot; a zero at the end of bytes cannot be told from it.
  const content = bytes.slice(slot, end);
  return reading === asText ? decoder.decode(content) : content;
}

/** A number that is put where a float was stays a float; a bigint is an integer wherever it is put. */
export function replaceElement(call: string, laid: Laid, index: number, value: ShareableValue): void {
  const staysFloat = typeof value === "number" && readFormat(laid, index) === floatFormat;
  const packed: Packed = staysFloat ? { kind: "float", value } : pack(call, value);
  const room = laid.slots[index + 1]! - laid.slots[index]!;
  if (packed.kind === "bytes" && packed.value.length > room) {
    throw invalidArgument(
      `${call}: element ${index} has room for ${room} bytes, received ${packed.value.length}\n` +
        `  do this:  make the list with the longest value first, or a new list`,
    );
  }
  put(laid, index, packed);
}

/** Format and reading first, as Python does: who reads meanwhile may see the old bytes as the new kind, never beyond the slot. */
function put(places: Places, index: number, packed: Packed): void {
  const { bytes, ints, slots, formats, readings } = places;
  const slot = slots[index]!;
  const room = slots[index + 1]! - slot;
  const format = formatOf(packed, room);
  for (let at = 0; at < 8; at++) bytes[formats + index * 8 + at] = at < format.length ? format.charCodeAt(at) : 0;
  bytes[readings + index] = readingOf(packed);
  switch (packed.kind) {
    case "int":
      Atomics.store(ints, slot / 8, packed.value);
      return;
    case "float":
      Atomics.store(ints, slot / 8, bitsOf(packed.value));
      return;
    case "boolean":
      bytes[slot + booleanByte] = packed.value ? 1 : 0;
      return;
    case "bytes":
      bytes.set(packed.value, slot);
      bytes.fill(0, slot + packed.value.length, slot + room);
      return;
    case "none":
      return;
  }
}
