/** Preloaded by fork servers: data that is there at once, and randomness that was used before the fork. */
import { randomUUID } from "node:crypto";

export const table: { readonly loadedBy: number; readonly rows: readonly number[] } = {
  loadedBy: process.pid,
  rows: Array.from({ length: 100_000 }, (_, n) => n),
};
export const early: readonly [number, string] = [Math.random(), randomUUID()];
