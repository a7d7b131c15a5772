/**
 * Many values as one block of bytes: what most chunks hold, numbers or nothing at all, costs next to nothing.
 *
 * Runs in: both.
 * Guarantees: what comes out is what went in, -0 and NaN included.
 */
import { MalformedMessageError } from "../base/errors.ts";
import { decode, decodeSync, needsModules, type EncodeOptions } from "../wire/codec.ts";
import { encodeParts, fetchLarge, type EncodedParts } from "./large-parts.ts";

export const packing = { undefined: 0, numbers: 1, values: 2 } as const;

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
  if (typeof first === "number" && areNumbers(values)) {
    const doubles = new Float64Array(values.length);
    for (let i = 0; i < values.length; i++) doubles[i] = values[i] as number;
    return { form: packing.numbers, bytes: new Uint8Array(doubles.buffer), keepAlive: [], large: [] };
  }
  return { form: packing.values, ...encodeParts(values, options) };
}

function areNumbers(values: readonly unknown[]): boolean {
  for (let i = 0; i < values.length; i++) if (typeof values[i] !== "number") return false;
  return true;
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
    case packing.numbers: {
      const doubles = new Float64Array(count);
      new Uint8Array(doubles.buffer).set(bytes.subarray(0, count * 8));
      return Array.from(doubles);
    }
    case packing.values:
      if (needsModules(bytes)) return decode(bytes.slice(), fetchLarge).then((values) => checked(values, count));
      return checked(decodeSync(bytes, fetchLarge), count);
    default:
      throw new MalformedMessageError(`Cannot read a pool's message: no block of values has the form ${form}`);
  }
}

function checked(values: unknown, count: number): readonly unknown[] {
  if (Array.isArray(values) && values.length === count) return values;
  throw new MalformedMessageError(
    `Cannot read a pool's message: a block does not hold the ${count} values it announces`,
  );
}
