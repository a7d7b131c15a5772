/**
 * How objects of synchronisation cross: by the handle of their range.
 *
 * Runs in: every process.
 * Guarantees: a process has one object for each range, however often it is sent there.
 */
import type { Range } from "../memory/arena.ts";
import { handleOf, sharedObject } from "../memory/holdings.ts";
import "../wire/standard-kinds.ts"; // The last kind registered is asked first.
import { registerKind, type Decoder, type Encoder } from "../wire/kinds.ts";

/** What a class has beside its range. */
export interface Extras<T> {
  write(object: T, encoder: Encoder): void;
  read(object: T, decoder: Decoder): void;
}

/** @param make an object for a range that exists already */
export function registerShared<T extends object>(
  name: string,
  itsClass: abstract new (...args: never[]) => T,
  make: (range: Range) => T,
  extras?: Extras<T>,
): void {
  registerKind({
    name,
    matches: (value): value is T => value instanceof itsClass && handleOf(value) !== undefined,
    encode(object: T, encoder: Encoder): void {
      encoder.keep.push(object); // It holds the range until the receiver does.
      encoder.uint(handleOf(object)!);
      extras?.write(object, encoder);
    },
    decode(decoder: Decoder): T {
      const object = decoder.adopt(sharedObject(decoder.uint(), make));
      extras?.read(object, decoder);
      return object;
    },
  });
}
