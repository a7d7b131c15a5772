/**
 * Who this process is on the wire: what originates here comes home as its tag.
 *
 * Runs in: every process.
 */
import { randomBytes } from "node:crypto";

const idBytes = 8;

let id: string | undefined;

/** 16 hexadecimal digits, different in each process. */
export function wireId(): string {
  return (id ??= randomBytes(idBytes).toString("hex"));
}

/** A forked child is another process than the one whose memory it has. */
export function resetWireId(): void {
  id = undefined;
}
