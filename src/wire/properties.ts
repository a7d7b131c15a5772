/**
 * Own properties with their attributes, accessors included.
 *
 * Runs in: both.
 */
import type { Decoder, Encoder } from "./kinds.ts";

const flag = { enumerable: 1, writable: 2, configurable: 4, accessor: 8 } as const;

export function writeProperties(owner: object, keys: readonly (string | symbol)[], encoder: Encoder): void {
  encoder.uint(keys.length);
  for (const key of keys) {
    const descriptor = Object.getOwnPropertyDescriptor(owner, key)!;
    const step =
      typeof key === "string" ? (/^[\w$]+$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`) : `[${String(key)}]`;
    encoder.value(key, step);
    const accessor = descriptor.get !== undefined || descriptor.set !== undefined;
    encoder.uint(
      (descriptor.enumerable === true ? flag.enumerable : 0) +
        (descriptor.writable === true ? flag.writable : 0) +
        (descriptor.configurable === true ? flag.configurable : 0) +
        (accessor ? flag.accessor : 0),
    );
    if (accessor) {
      encoder.value(descriptor.get, `${step} (its getter)`);
      encoder.value(descriptor.set, `${step} (its setter)`);
    } else encoder.value(descriptor.value, step);
  }
}

export function readProperties(owner: object, decoder: Decoder): void {
  const count = decoder.uint();
  for (let i = 0; i < count; i++) {
    const key = decoder.value();
    if (typeof key !== "string" && typeof key !== "symbol") decoder.malformed("the key of a property is no key");
    const flags = decoder.uint();
    const attributes = { enumerable: (flags & flag.enumerable) !== 0, configurable: (flags & flag.configurable) !== 0 };
    if ((flags & flag.accessor) !== 0) {
      const get = accessorPart(decoder);
      const set = accessorPart(decoder);
      Object.defineProperty(owner, key, { ...attributes, get, set } as PropertyDescriptor);
    } else {
      const writable = (flags & flag.writable) !== 0;
      Object.defineProperty(owner, key, { ...attributes, writable, value: decoder.value() });
    }
  }
}

function accessorPart(decoder: Decoder): (() => unknown) | undefined {
  const part = decoder.value();
  if (part !== undefined && typeof part !== "function") decoder.malformed("a getter or setter is no function");
  return part as (() => unknown) | undefined;
}

/** 0 extensible, 1 not extensible, 2 sealed, 3 frozen. */
export function integrityOf(owner: object): number {
  return Object.isExtensible(owner) ? 0 : Object.isFrozen(owner) ? 3 : Object.isSealed(owner) ? 2 : 1;
}

export function writeIntegrity(owner: object, encoder: Encoder): void {
  encoder.uint(integrityOf(owner));
}

export function readIntegrity(owner: object, decoder: Decoder): void {
  closeAfterwards(owner, decoder.uint(), decoder);
}

export function closeAfterwards(owner: object, level: number, decoder: Decoder): void {
  // Last of all: what contains it in a cycle may still have to set its properties.
  if (level > 0) {
    const change = level === 1 ? Object.preventExtensions : level === 2 ? Object.seal : Object.freeze;
    decoder.afterwards(() => change(owner));
  }
}
