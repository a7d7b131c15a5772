/**
 * Values into bytes and back: the one door of the codec.
 *
 * Runs in: every process.
 */
import { invalidState } from "../base/errors.ts";

export interface EncodeOptions {
  /** What the value is called in the paths of errors: "target", "args". */
  readonly root?: string;
  /** The receiver's wire id, where it is known. */
  readonly home?: string;
}

export interface Encoded {
  readonly bytes: Uint8Array;
  /** Originals that must stay alive until the receiver has answered. */
  readonly keepAlive: readonly object[];
}

/** @throws {UnserializableError} when something in it cannot be copied */
export function encode(_value: unknown, _options: EncodeOptions = {}): Encoded {
  throw invalidState("Cannot encode yet");
}

/** Rejects with MalformedMessageError, or with what importing a module threw. */
export async function decode(_bytes: Uint8Array): Promise<unknown> {
  throw invalidState("Cannot decode yet");
}

/** Undefined when it needs modules that are not loaded yet. */
export function decodeSync(_bytes: Uint8Array): { readonly value: unknown } | undefined {
  throw invalidState("Cannot decode yet");
}
