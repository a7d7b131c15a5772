/**
 * Many values as one block of bytes: what most chunks hold, numbers or nothing at all, costs next to nothing.
 *
 * Runs in: both.
 * Guarantees: what comes out is what went in, -0 and NaN included.
 */
import { MalformedMessageError } from "../base/errors.ts";
import { decode, decodeSync, needsModules, type EncodeOptions } from "../wire/codec.ts";
import { encodeParts, fetchLarge, type EncodedParts } from "./large-parts.ts";

export const packing = { undefined: 0, numbers: 1, values: 2, integers: 3 } as const;

export interface Packed extends EncodedParts {
  readonly form: number;
}

const nothing = new Uint8Array(0);

/** What has a length and is read one by one: numbers stay in the typed array in which they came, which saves a list of them. */
export type Values = ArrayLike<unknown>;

/**
 * @param options by `partsOptions`
 * @throws {UnserializableError} when one of the values cannot be copied: then none is packed
 */
export function pack(values: readonly unknown[], options: EncodeOptions): Packed {
  const first = values[0];
  if (first === undefined && values.every((value) => value === undefined)) {
    return { form: packing.undefined, bytes: nothing, keepAlive: [], large: [] };
  }
  const numbers = typeof first === "number" ? (integersOf(values) ?? numbersOf(values)) : undefined;
  if (numbers === undefined) return { form: packing.values, ...encodeParts(values, options) };
  const form = numbers instanceof Int32Array ? packing.integers : packing.numbers;
  return { form, bytes: new Uint8Array(numbers.buffer), keepAlive: [], large: [] };
}

/** Undefined where one is something else. Small integers are half as large on their way. */
function integersOf(values: readonly unknown[]): Int32Array | undefined {
  const integers = new Int32Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (typeof value !== "number" || (value | 0) !== value || Object.is(value, -0)) return undefined;
    integers[i] = value;
  }
  return integers;
}

function numbersOf(values: readonly unknown[]): Float64Array | undefined {
  const numbers = new Float64Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (typeof value !== "number") return undefined;
    numbers[i] = value;
  }
  return numbers;
}

/** The values, or a promise of them where modules have to be imported first. */
export function unpack(form: number, count: number, bytes: Uint8Array): Values | Promise<Values> {
  switch (form) {
    case packing.undefined:
      return Array.from<undefined>({ length: count }).fill(undefined);
    case packing.numbers:
      return filled(new Float64Array(count), bytes);
    case packing.integers:
      return filled(new Int32Array(count), bytes);
    case packing.values:
      if (needsModules(bytes)) return decode(bytes.slice(), fetchLarge).then((values) => checked(values, count));
      return checked(decodeSync(bytes, fetchLarge), count);
    default:
      throw new MalformedMessageError(`Cannot read a pool's message: no block of values has the form ${form}`);
  }
}

/** The message's own bytes are gone soon, and rarely lie where numbers may. */
function filled(numbers: Float64Array | Int32Array, bytes: Uint8Array): Values {
  new Uint8Array(numbers.buffer).set(bytes.subarray(0, numbers.byteLength));
  return numbers;
}

function checked(values: unknown, count: number): readonly unknown[] {
  if (Array.isArray(values) && values.length === count) return values;
  throw new MalformedMessageError(
    `Cannot read a pool's message: a block does not hold the ${count} values it announces`,
  );
}
