/**
 * One value of a ShareableList in its slot, byte for byte as Python's `struct` packs it.
 *
 * Runs in: every process.
 * Source: CPython's `multiprocessing/shared_memory.py`, whose lists these read and the other way round.
 *
 *   value           format    in its slot (a multiple of 8 bytes)    how it is read back
 *   whole number    q         a signed 64-bit integer                0: as the format says
 *   other number    d         a double                               0
 *   boolean         xxxxxxx?  the eighth byte                        0
 *   string          <n>s      UTF-8, zeros up to n bytes             1: text
 *   bytes           <n>s      the bytes, zeros up to n               2: bytes
 *   null            xxxxxx?x  nothing                                3: None
 */
import { isUint8Array } from "node:util/types";
import { invalidArgument } from "../base/errors.ts";
import { shown } from "../base/options.ts";

/** What a ShareableList can hold. */
export type ShareableValue = number | bigint | boolean | string | Uint8Array | null;

/** How a value is read back: the number that stands in the list for it. */
export const asFormatSays = 0;
export const asText = 1;
export const asBytes = 2;
export const asNone = 3;

export const slotUnit = 8;
export const intFormat = "q";
export const floatFormat = "d";
export const booleanFormat = "xxxxxxx?";
export const noneFormat = "xxxxxx?x";
/** In a slot: where a boolean is. */
export const booleanByte = 7;

/** A format has 8 characters at most. */
const longestSlotBytes = 9_999_999;
const encoder = new TextEncoder();
/** Half of a character outside the basic plane: there is no UTF-8 for it. */
const halfCharacter = /\p{Surrogate}/u;

/** What is to be written for a value. */
export type Packed =
  | { readonly kind: "int"; readonly value: bigint }
  | { readonly kind: "float"; readonly value: number }
  | { readonly kind: "boolean"; readonly value: boolean }
  | { readonly kind: "bytes"; readonly value: Uint8Array; readonly as: typeof asText | typeof asBytes }
  | { readonly kind: "none" };

/** @throws {MultiprocessingError} ERR_MP_INVALID_ARGUMENT when it is nothing that a list can hold */
export function pack(call: string, value: unknown): Packed {
  switch (typeof value) {
    case "number":
      // -0 and what no double tells from its neighbours are no integers.
      if (Number.isSafeInteger(value) && !Object.is(value, -0)) return { kind: "int", value: BigInt(value) };
      return { kind: "float", value };
    case "bigint":
      if (BigInt.asIntN(64, value) !== value) throw invalidArgument(`${call}: ${value} has more than 64 bits`);
      return { kind: "int", value };
    case "boolean":
      return { kind: "boolean", value };
    case "string":
      if (halfCharacter.test(value)) {
        throw invalidArgument(`${call}: the string has half a character (a lone surrogate); received ${shown(value)}`);
      }
      return { kind: "bytes", value: checked(call, encoder.encode(value)), as: asText };
    default:
      if (value === null) return { kind: "none" };
      if (isUint8Array(value)) return { kind: "bytes", value: checked(call, value), as: asBytes };
      throw invalidArgument(
        `${call}: an element must be a number, bigint, boolean, string, Uint8Array or null; received ${shown(value)}`,
      );
  }
}

function checked(call: string, bytes: Uint8Array): Uint8Array {
  if (bytes.at(-1) === 0) {
    throw invalidArgument(
      `${call}: a string or bytes must not end in a zero: it could not be told from the zeros that fill the slot\n` +
        `  do this:  append a byte that is none, or keep the length beside it`,
    );
  }
  if (bytes.length >= longestSlotBytes - slotUnit) {
    throw invalidArgument(
      `${call}: an element can have ${longestSlotBytes - slotUnit} bytes at most, received ${bytes.length}; use SharedMemory`,
    );
  }
  return bytes;
}

/** Bytes of the slot that a new list gives a value: text and bytes always have room for at least one more. */
export function slotBytes(packed: Packed): number {
  return packed.kind === "bytes" ? slotUnit * (Math.floor(packed.value.length / slotUnit) + 1) : slotUnit;
}

/** @param slot bytes that there are for it */
export function formatOf(packed: Packed, slot: number): string {
  switch (packed.kind) {
    case "int":
      return intFormat;
    case "float":
      return floatFormat;
    case "boolean":
      return booleanFormat;
    case "none":
      return noneFormat;
    case "bytes":
      return `${slot}s`;
  }
}

export function readingOf(packed: Packed): number {
  return packed.kind === "bytes" ? packed.as : packed.kind === "none" ? asNone : asFormatSays;
}
