/**
 * Encoding for messages of a pool: large buffers in it go into shared memory beside the message, for one copy each way.
 *
 * Runs in: both.
 * Guarantees: the buffers are held by whoever encoded until `letGoLarge`, and by each message with which their
 * `keepAlive` was sent.
 */
import { fetchBytes, putBytes, type Put } from "../channel/large-buffers.ts";
import { view } from "../memory/arena.ts";
import { family } from "../memory/family.ts";
import { holdToo, letGo, nameHandle } from "../memory/holdings.ts";
import { encode, type Encoded, type EncodeOptions } from "../wire/codec.ts";
import { hasRings } from "./worker-link.ts";

/** For `decode` and `decodeSync` of what was encoded here. */
export const fetchLarge: typeof fetchBytes = fetchBytes;

/** The same for arguments that another try may need: what the worker changes in a buffer, it changes in a copy. */
export function copyLarge(handle: number, length: number): ArrayBuffer | undefined {
  const holding = holdToo(handle);
  if (holding === undefined) return undefined;
  try {
    const { bytes } = view(handle);
    const copy = bytes.slice(0, length);
    family().addon.detach(bytes.buffer as ArrayBuffer);
    return copy.buffer as ArrayBuffer;
  } finally {
    letGo(holding);
  }
}

export interface EncodedParts extends Encoded {
  readonly large: readonly Put[];
}

const none: readonly Put[] = [];

/** Those of the value that is being encoded. */
let puts: Put[] = [];

function putAside(bytes: Uint8Array): number | undefined {
  if (!hasRings()) return undefined;
  const put = putBytes(bytes);
  nameHandle(put, put.handle); // So that the message holds it, as it does a lock.
  puts.push(put);
  return put.handle;
}

/** Made once for many values. */
export function partsOptions(options: EncodeOptions): EncodeOptions {
  return { ...options, aside: putAside };
}

/**
 * @param options by `partsOptions`
 * @throws {UnserializableError}
 */
export function encodeParts(value: unknown, options: EncodeOptions): EncodedParts {
  const outer = puts; // A getter of the user's may submit something, too.
  puts = [];
  try {
    const { bytes, keepAlive } = encode(value, options);
    return puts.length === 0
      ? { bytes, keepAlive, large: none }
      : { bytes, keepAlive: [...keepAlive, ...puts], large: puts };
  } catch (error) {
    letGoLarge(puts);
    throw error;
  } finally {
    puts = outer;
  }
}

const argumentsOptions: EncodeOptions = partsOptions({ root: "the arguments" });

/** @throws {UnserializableError} */
export function encodeArguments(args: readonly unknown[]): EncodedParts {
  return encodeParts(args, argumentsOptions);
}

export function letGoLarge(large: readonly Put[]): void {
  for (const { holding } of large) letGo(holding);
}
