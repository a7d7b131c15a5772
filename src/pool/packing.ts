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

/**
 * @param options by `partsOptions`
 * @throws {UnserializableError} when one of the values cannot be copied: then none is packed
 */
export function pack(values: readonly unknown[], options: EncodeOptions): Packed {
  const first = values[0];
  if (first === undefined && values.every((value) => value === undefined)) {
    return { form: packing.undefined, bytes: nothing, keepAlive: [], large: [] };
  }
  const form = typeof first === "number" ? numericForm(values) : packing.values;
  if (form === packing.values) return { form, ...encodeParts(values, options) };
  const numbers = form === packing.integers ? new Int32Array(values.length) : new Float64Array(values.length);
  for (let i = 0; i < values.length; i++) numbers[i] = values[i] as number;
  return { form, bytes: new Uint8Array(numbers.buffer), keepAlive: [], large: [] };
}

/** Small integers stay small integers on the other side: V8 keeps arrays of them in half the memory. */
function numericForm(values: readonly unknown[]): number {
  let form: number = packing.integers;
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (typeof value !== "number") return packing.values;
    if (value !== (value | 0) || Object.is(value, -0)) form = packing.numbers;
  }
  return form;
}

/** The values, or a promise of them where modules have to be imported first. */
export function unpack(
  form: number,
  count: number,
  bytes: Uint8Array,
): readonly unknown[] | Promise<readonly unknown[]> {
  switch (form) {
    case packing.undefined:
      return Array.from<undefined>({ length: count }).fill(undefined);
    case packing.numbers:
      return listOf(new Float64Array(count), bytes);
    case packing.integers:
      return listOf(new Int32Array(count), bytes);
    case packing.values:
      if (needsModules(bytes)) return decode(bytes.slice(), fetchLarge).then((values) => checked(values, count));
      return checked(decodeSync(bytes, fetchLarge), count);
    default:
      throw new MalformedMessageError(`Cannot read a pool's message: no block of values has the form ${form}`);
  }
}

/** A loop: `Array.from` takes ten times as long. */
function listOf(numbers: Float64Array | Int32Array, bytes: Uint8Array): number[] {
  new Uint8Array(numbers.buffer).set(bytes.subarray(0, numbers.byteLength));
  const list: number[] = [];
  for (let i = 0; i < numbers.length; i++) list.push(numbers[i]!);
  return list;
}

function checked(values: unknown, count: number): readonly unknown[] {
  if (Array.isArray(values) && values.length === count) return values;
  throw new MalformedMessageError(
    `Cannot read a pool's message: a block does not hold the ${count} values it announces`,
  );
}
