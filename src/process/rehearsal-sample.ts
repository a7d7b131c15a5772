/**
 * A function by value, for the rehearsal of those who will get such: the server itself does not load what takes functions
 * to pieces.
 *
 * Runs in: the owner.
 */
import { encode } from "../wire/codec.ts";
import { hasInspected } from "../wire/inspection.ts";

/** A sixth of what the packet can hold. Arbitrary. */
const mostBytes = 32_768;

/** In base64. Undefined in a program that has sent no function by value so far: making one would cost it milliseconds. */
export function sampleFunction(): string | undefined {
  if (!hasInspected()) return undefined;
  const captured = { number: 1 };
  const sample = (): number => captured.number;
  const { bytes } = encode(sample);
  // Where source maps are on, the map of the file that this stands in comes along: more than a packet holds.
  return bytes.length > mostBytes ? undefined : Buffer.from(bytes).toString("base64");
}
