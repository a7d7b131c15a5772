/**
 * Arrays without holes, and those of nothing but numbers, which cross as their plain bytes.
 *
 * Runs in: every process.
 */
import { inspect } from "node:util";
import type { Reader } from "./reader.ts";
import { tag } from "./tags.ts";
import type { Writer } from "./writer.ts";

/** Up to here its keys are listed, above they are asked for. Measured: to list 10,000 takes 100 µs, to ask 0.7. */
const fewKeys = 64;
/** Shorter lists of numbers are written one by one. Measured in bench/codec.js. */
const fewNumbers = 8;
/** V8 makes a longer one as a dictionary when it is made at once. */
const longestMadeAtOnce = 2 ** 24;

/** Whether the array has neither holes nor properties of its own beside its elements. */
export function isDense(value: readonly unknown[]): boolean {
  const { length } = value;
  if (length < fewKeys) {
    const keys = Object.keys(value);
    return keys.length === length && (length === 0 || keys[length - 1] === String(length - 1));
  }
  for (let i = 0; i < length; i++) if (value[i] === undefined && !Object.hasOwn(value, i)) return false;
  return hasElementsOnly(value);
}

/**
 * No function of the language lists the keys of an array without the indices; Node's own `inspect` does, and shows what
 * it finds. Where it should show another text some day, the answer is found the slow way.
 */
function hasElementsOnly(value: readonly unknown[]): boolean {
  const shown = inspect(value, { maxArrayLength: 0, depth: 0, customInspect: false, compact: 3, colors: false });
  if (shown === `[ ... ${value.length} more items ]`) return true;
  return Object.keys(value).length === value.length;
}

/** Writes a dense array of numbers in its short form, if it is one; else nothing, and answers false. */
export function writeNumbers(value: readonly unknown[], writer: Writer): boolean {
  const { length } = value;
  if (length < fewNumbers) return false;
  let least = 0;
  let most = 0;
  let whole = true;
  for (let i = 0; i < length; i++) {
    const n = value[i];
    if (typeof n !== "number") return false;
    if (!whole) continue;
    if ((n | 0) !== n || (n === 0 && Object.is(n, -0))) whole = false;
    else if (n < least) least = n;
    else if (n > most) most = n;
  }
  const numbers = value as readonly number[];
  if (whole) writeIntegers(numbers, bytesOf(least, most), writer);
  else writeDoubles(numbers, writer);
  return true;
}

type Width = 1 | 2 | 4;

function bytesOf(least: number, most: number): Width {
  if (least >= -128 && most <= 127) return 1;
  return least >= -32_768 && most <= 32_767 ? 2 : 4;
}

function writeIntegers(numbers: readonly number[], width: Width, writer: Writer): void {
  const { length } = numbers;
  writer.byte(tag.integers);
  writer.uint(length);
  writer.byte(width);
  const { view, at } = writer.room(length * width);
  if (width === 1) for (let i = 0; i < length; i++) view.setInt8(at + i, numbers[i]!);
  else if (width === 2) for (let i = 0; i < length; i++) view.setInt16(at + 2 * i, numbers[i]!, true);
  else for (let i = 0; i < length; i++) view.setInt32(at + 4 * i, numbers[i]!, true);
}

function writeDoubles(numbers: readonly number[], writer: Writer): void {
  const { length } = numbers;
  writer.byte(tag.doubles);
  writer.uint(length);
  const { view, at } = writer.room(length * 8);
  for (let i = 0; i < length; i++) view.setFloat64(at + 8 * i, numbers[i]!, true);
}

export function readIntegers(shell: unknown[], reader: Reader): unknown[] {
  const length = reader.count();
  const width = reader.byte();
  if (width !== 1 && width !== 2 && width !== 4) return reader.malformed(`no whole number has ${width} bytes here`);
  const at = reader.skip(length * width);
  const { view } = reader;
  makeRoom(shell, length);
  if (width === 1) for (let i = 0; i < length; i++) shell[i] = view.getInt8(at + i);
  else if (width === 2) for (let i = 0; i < length; i++) shell[i] = view.getInt16(at + 2 * i, true);
  else for (let i = 0; i < length; i++) shell[i] = view.getInt32(at + 4 * i, true);
  return shell;
}

export function readDoubles(shell: unknown[], reader: Reader): unknown[] {
  const length = reader.count(8);
  const at = reader.skip(length * 8);
  const { view } = reader;
  makeRoom(shell, length);
  for (let i = 0; i < length; i++) shell[i] = view.getFloat64(at + 8 * i, true);
  return shell;
}

/** Measured: to set the length first takes half the time of pushing. */
function makeRoom(shell: unknown[], length: number): void {
  if (length <= longestMadeAtOnce) shell.length = length;
}
