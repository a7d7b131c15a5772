/**
 * A double as the 64 bits that it is, and back.
 *
 * Runs in: every process.
 * Why: what other processes change meanwhile is read and written by Atomics, which has no doubles; JavaScript promises a
 * whole BigInt64 then, and promises nothing of a plain access to a double or a BigInt64.
 */
const scratch = new Float64Array(1);
const scratchBits = new BigInt64Array(scratch.buffer);

export function bitsOf(float: number): bigint {
  scratch[0] = float;
  return scratchBits[0]!;
}

export function floatOf(bits: bigint): number {
  scratchBits[0] = bits;
  return scratch[0]!;
}
