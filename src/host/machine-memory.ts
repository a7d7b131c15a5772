/**
 * How much memory a program can have at most here.
 *
 * Runs in: every process.
 * Why: Linux promises pages that it does not have and kills somebody when they are touched; what can never fit is
 * refused before that. What would fit if others used less cannot be told beforehand: page caches count as used.
 */
import { totalmem } from "node:os";

/** Bytes: what the machine has, or what the container may use. */
export function machineMemoryBytes(): number {
  const limit = process.constrainedMemory();
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}
