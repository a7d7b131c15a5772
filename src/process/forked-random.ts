/**
 * Randomness in forked children: each draws its own numbers.
 *
 * Runs in: the fork server before it loads anything, and a forked child.
 * Why: V8's generator behind `Math.random()` and the pool behind `crypto.randomUUID()` are copied by fork(), so that
 * siblings would draw the same. V8 seeds its generator at its first use in a context, from the flag `--random-seed`
 * where that is set: so it must not be used before the fork, and the flag is set after it.
 */
import { setFlagsFromString } from "node:v8";

/** Node fills its pool for this many UUIDs at once (lib/internal/crypto/random.js): as many calls leave only new ones. */
const uuidsInPool = 128;
const seeds = 2n ** 31n - 2n;

/** While modules are preloaded they draw from the operating system; a reference that one keeps goes on doing so. */
export function keepRandomUnused(): () => void {
  const own = Math.random;
  Math.random = function random(): number {
    const { randomBytes } = process.getBuiltinModule("node:crypto");
    return Number(randomBytes(8).readBigUInt64LE() >> 11n) / 2 ** 53; // As many bits as a double holds.
  };
  return () => {
    Math.random = own;
  };
}

/** @param preloaded whether any code of the user's ran before the fork */
export function reseed({ preloaded }: { readonly preloaded: boolean }): void {
  // Different in each child: Math.random() promises no more.
  setFlagsFromString(`--random-seed=${1 + Number((process.hrtime.bigint() * BigInt(process.pid)) % seeds)}`);
  if (!preloaded) return;
  const { randomUUID } = process.getBuiltinModule("node:crypto");
  for (let i = 0; i < uuidsInPool; i++) randomUUID();
}
