/**
 * Messages on the control channel between an owner and its child: a head of nine bytes, then the payload. Pure.
 *
 *   byte 0      1 … 8                     9 …
 *   kind        length, uint64 LE         payload
 *
 * Runs in: both.
 * Guarantees: a frame is delivered whole or not at all; bytes that are no frame give MalformedMessageError.
 */
import { MalformedMessageError } from "../base/errors.ts";

export type FrameKind =
  | "preparation"
  | "job"
  | "result"
  | "error"
  | "surroundings"
  | "exit"
  | "held"
  | "message"
  | "elsewhere";

const kinds: readonly FrameKind[] = [
  "preparation",
  "job",
  "result",
  "error",
  "surroundings",
  "exit",
  "held",
  "message",
  "elsewhere",
];
/** Not 0 and not ASCII, so that text which a child writes to the descriptor by mistake is noticed. */
const firstKindByte = 0xc1;
export const headBytes = 9;
/** No Buffer can be longer on any Node from 20 on (4 GiB on 20): a longer length is damage, not data. */
const longestPayload = 2 ** 32;

export interface Frame {
  readonly kind: FrameKind;
  readonly payload: Uint8Array;
}

export function frameHead(kind: FrameKind, payloadBytes: number): Buffer {
  const head = Buffer.alloc(headBytes);
  head[0] = firstKindByte + kinds.indexOf(kind);
  head.writeBigUInt64LE(BigInt(payloadBytes), 1);
  return head;
}

/** @throws {MalformedMessageError} when the bytes are not a head. */
export function parseHead(head: Buffer): { readonly kind: FrameKind; readonly payloadBytes: number } {
  const kind = kinds[head[0]! - firstKindByte];
  const payloadBytes = Number(head.readBigUInt64LE(1));
  if (kind === undefined || payloadBytes > longestPayload) {
    throw new MalformedMessageError(
      `Cannot read the control channel: its bytes are no message (they begin with ${head.toString("hex")})\n` +
        `  do this:  do not write to descriptor 3 of a child process; it belongs to the library`,
    );
  }
  return { kind, payloadBytes };
}

/** Puts frames together from chunks of any size; a large payload is copied once, into its place. */
export class FrameReader {
  readonly #head: Buffer = Buffer.alloc(headBytes);
  #headFilled = 0;
  #kind: FrameKind = "result";
  #payload: Buffer | undefined;
  #payloadFilled = 0;

  /** @throws {MalformedMessageError} */
  *push(chunk: Uint8Array): Generator<Frame> {
    let at = 0;
    while (at < chunk.length || this.#payload?.length === this.#payloadFilled) {
      if (this.#payload === undefined) {
        const step = Math.min(headBytes - this.#headFilled, chunk.length - at);
        this.#head.set(chunk.subarray(at, at + step), this.#headFilled);
        this.#headFilled += step;
        at += step;
        if (this.#headFilled < headBytes) return;
        const { kind, payloadBytes } = parseHead(this.#head);
        this.#kind = kind;
        this.#payload = Buffer.allocUnsafeSlow(payloadBytes);
        this.#payloadFilled = 0;
      } else {
        const step = Math.min(this.#payload.length - this.#payloadFilled, chunk.length - at);
        this.#payload.set(chunk.subarray(at, at + step), this.#payloadFilled);
        this.#payloadFilled += step;
        at += step;
        if (this.#payloadFilled < this.#payload.length) return;
        const payload = this.#payload;
        this.#payload = undefined;
        this.#headFilled = 0;
        yield { kind: this.#kind, payload };
      }
    }
  }
}
