/**
 * Random names.
 *
 * Runs in: every process.
 * Why not `node:crypto` alone: to load it takes 3 ms, and 10 in a fork server, of whose options of V8 Node has nothing
 * compiled ahead; every program and every server would pay that for eight bytes.
 */
import { closeSync, openSync, readSync } from "node:fs";

/** Of `sizeBytes` bytes from the operating system, two digits each. */
export function randomHex(sizeBytes: number): string {
  return (fromDevice(sizeBytes) ?? process.getBuiltinModule("node:crypto").randomBytes(sizeBytes)).toString("hex");
}

/** Undefined where there is no such device, or no descriptor left to read it with. */
function fromDevice(sizeBytes: number): Buffer | undefined {
  let device: number;
  try {
    device = openSync("/dev/urandom", "r");
  } catch {
    return undefined;
  }
  try {
    const bytes = Buffer.alloc(sizeBytes);
    return readSync(device, bytes) === sizeBytes ? bytes : undefined;
  } finally {
    closeSync(device);
  }
}
