/**
 * The classes of typed arrays that this Node has.
 *
 * Runs in: every process.
 */

/** Their places are what stands in messages and in shared memory: new ones are appended. */
export const typedArrayNames = [
  "Int8Array",
  "Uint8Array",
  "Uint8ClampedArray",
  "Int16Array",
  "Uint16Array",
  "Int32Array",
  "Uint32Array",
  "Float32Array",
  "Float64Array",
  "BigInt64Array",
  "BigUint64Array",
  "Float16Array", // Not before Node 24.
] as const;

/** In the same order; undefined where this Node has none of that name. */
export const typedArrays: readonly (typeof Uint8Array | undefined)[] = typedArrayNames.map((name) =>
  Reflect.get(globalThis, name),
);
