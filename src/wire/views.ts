/**
 * The classes of views of binary data, by the number that stands for each in a message.
 *
 * Runs in: every process.
 */
import { typedArrayNames } from "../base/typed-arrays.ts";

export type ViewClass = new (buffer: ArrayBuffer, offset: number, length?: number) => ArrayBufferView;

/** The index goes on the wire. */
const names = ["DataView", "Buffer", ...typedArrayNames] as const;

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

/** Undefined where this Node has none of that name. */
export function viewClassNamed(name: string): ViewClass | undefined {
  return classes[(names as readonly string[]).indexOf(name)];
}
