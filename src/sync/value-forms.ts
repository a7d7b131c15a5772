/**
 * The kinds of SharedValue: what each may be, and how it is kept.
 *
 * Runs in: every process.
 */
import { invalidArgument } from "../base/errors.ts";
import { shown } from "../base/options.ts";
import { bitsOf, floatOf } from "./float-bits.ts";

/** What a SharedValue can be: integers of 32 or 64 bits, a double, a boolean. */
export type SharedValueKind = "int32" | "uint32" | "int64" | "float64" | "bool";
export type IntegerKind = "int32" | "uint32" | "int64";

/** What a value of a kind is in JavaScript. */
export type ValueOf<K extends SharedValueKind> = K extends "int64" ? bigint : K extends "bool" ? boolean : number;

/**
 * `Int32Array` stands for any array that Atomics takes, and `number` for what is in it: the operations are the same for
 * all, and the types say nothing that the kind does not.
 */
export interface Form {
  readonly kind: SharedValueKind;
  /** For messages. */
  readonly expected: string;
  /** Always false where there are no integers. */
  readonly isInteger: (value: unknown) => boolean;
  /** Every 32-bit integer from here on is one of the kind; Infinity: none. */
  readonly quickFrom: number;
  readonly isValue: (value: unknown) => boolean;
  readonly zero: unknown;
  /** A view of the words in which Atomics works for this kind. */
  readonly cells: (words: Int32Array, word: number) => { readonly cells: Int32Array; readonly at: number };
  readonly read: (cell: number) => unknown;
  readonly write: (value: unknown) => number;
}

const least64 = -(2n ** 63n);
const most64 = 2n ** 63n - 1n;
const itself = (value: unknown): never => value as never;
const never = (): boolean => false;
const isInt32 = (value: unknown): boolean => typeof value === "number" && (value | 0) === value;
const isUint32 = (value: unknown): boolean => typeof value === "number" && value >>> 0 === value;
const isInt64 = (value: unknown): boolean => typeof value === "bigint" && value >= least64 && value <= most64;

function inWords(words: Int32Array, word: number): { cells: Int32Array; at: number } {
  return { cells: words, at: word };
}

/** One view for all values of a process: each of its own would cost more than what is in it. */
const views = new WeakMap<ArrayBufferLike, { readonly unsigned: Uint32Array; readonly long: BigInt64Array }>();

function viewsOf({ buffer }: Int32Array): { readonly unsigned: Uint32Array; readonly long: BigInt64Array } {
  let made = views.get(buffer);
  if (made === undefined) {
    made = { unsigned: new Uint32Array(buffer), long: new BigInt64Array(buffer) };
    views.set(buffer, made);
  }
  return made;
}

function inLongs(words: Int32Array, word: number): { cells: Int32Array; at: number } {
  return { cells: viewsOf(words).long as never, at: word / 2 };
}

/** Their places are what is written in shared memory: new ones are appended. */
export const forms: readonly Form[] = [
  {
    kind: "int32",
    expected: "a whole number from -2^31 to 2^31-1",
    isInteger: isInt32,
    quickFrom: -(2 ** 31),
    isValue: isInt32,
    zero: 0,
    cells: inWords,
    read: itself,
    write: itself,
  },
  {
    kind: "uint32",
    expected: "a whole number from 0 to 2^32-1",
    isInteger: isUint32,
    quickFrom: 0,
    isValue: isUint32,
    zero: 0,
    cells: (words, word) => ({ cells: viewsOf(words).unsigned as never, at: word }),
    read: itself,
    write: itself,
  },
  {
    kind: "int64",
    expected: "a bigint from -2^63 to 2^63-1",
    isInteger: isInt64,
    quickFrom: Infinity,
    isValue: isInt64,
    zero: 0n,
    cells: inLongs,
    read: itself,
    write: itself,
  },
  {
    kind: "float64",
    expected: "a number",
    isInteger: never,
    quickFrom: Infinity,
    isValue: (value) => typeof value === "number",
    zero: 0,
    cells: inLongs,
    read: (bits) => floatOf(bits as never),
    write: (value) => bitsOf(value as number) as never,
  },
  {
    kind: "bool",
    expected: "true or false",
    isInteger: never,
    quickFrom: Infinity,
    isValue: (value) => typeof value === "boolean",
    zero: false,
    cells: inWords,
    read: (cell) => cell !== 0,
    write: (value) => (value === true ? 1 : 0),
  },
];

/** @param number as it stands in shared memory */
export function formNumbered(number: number): Form {
  return forms[number]!;
}

/** @throws {MultiprocessingError} ERR_MP_INVALID_ARGUMENT */
export function checkKind(call: string, kind: unknown): Form {
  const form = forms.find((each) => each.kind === kind);
  if (form !== undefined) return form;
  const kinds = forms.map((each) => `"${each.kind}"`).join(", ");
  throw invalidArgument(`${call}: the kind must be one of ${kinds}; received ${shown(kind)}`);
}

/** @throws {MultiprocessingError} ERR_MP_INVALID_ARGUMENT */
export function checkInitial(call: string, form: Form, initial: unknown): unknown {
  if (initial === undefined) return form.zero;
  checkValue(call, form, initial);
  return initial;
}

/** @throws {MultiprocessingError} ERR_MP_INVALID_ARGUMENT */
export function checkValue(call: string, form: Form, value: unknown): void {
  if (form.isValue(value)) return;
  throw invalidArgument(`${call}: ${form.kind} is ${form.expected}; received ${shown(value)}`);
}

/** What an operation on integers was given is none, or the kind has no such operations. */
export function refuseInteger(call: string, form: Form, value: unknown): never {
  checkValue(call, form, value);
  throw invalidArgument(
    `${call}: ${form.kind} has no such operation; integers have\n  do this:  use "await value.update(change)"`,
  );
}
