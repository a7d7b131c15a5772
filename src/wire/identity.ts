/**
 * Who this process is on the wire: what originates here comes home as its tag.
 *
 * Runs in: every process.
 */
import { randomHex } from "../host/random.ts";

const idBytes = 8;

let id: string | undefined;

/** 16 hexadecimal digits, different in each process. */
export function wireId(): string {
  return (id ??= randomHex(idBytes));
}

/** A forked child is another process than the one whose memory it has. */
export function resetWireId(): void {
  id = undefined;
}
