/**
 * The classes of views of binary data, by the number that stands for each in a message.
 *
 * Runs in: every process.
 */
export type ViewClass = new (buffer: ArrayBuffer, offset: number, length?: number) => ArrayBufferView;

/** In a fixed order: the index goes on the wire. Float16Array is not there before Node 24. */
const names = [
  "DataView",
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
  "Buffer",
  "Float16Array",
] as const;

export const bufferView: number = names.indexOf("Buffer");

const prototypes = new Map<object, number>();
const classes: (ViewClass | undefined)[] = names.map((name, index) => {
  const found: unknown = Reflect.get(globalThis, name);
  if (typeof found !== "function") return undefined;
  prototypes.set(found.prototype as object, index);
  return found as unknown as ViewClass;
});

/** By its prototype; undefined for a subclass. */
export function viewNumber(prototype: object): number | undefined {
  return prototypes.get(prototype);
}

export function viewClass(
  number: number,
): { readonly name: string; readonly viewClass: ViewClass | undefined } | undefined {
  const name = names[number];
  return name === undefined ? undefined : { name, viewClass: classes[number] };
}
