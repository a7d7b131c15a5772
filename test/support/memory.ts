/** What tests of shared memory ask. */
import assert from "node:assert/strict";
import { fstatSync } from "node:fs";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { family } from "#src/memory/family.js";

export const mib: number = 2 ** 20;

/** What the family's memory takes of the machine's, in bytes. */
export function usedBytes(): number {
  return fstatSync(family().descriptor).blocks * 512;
}

/** For `assert.rejects` and `assert.throws`: an error of that code. */
export function code(wanted: string): (error: unknown) => true {
  return (error) => {
    assert.equal((error as { code?: string }).code, wanted, String(error));
    return true;
  };
}

/** Ranges that a process has sent are kept for a second, those that it has received until they are collected. */
export async function comesBackTo(bytes: number, within: number): Promise<void> {
  setFlagsFromString("--expose-gc");
  const gc = runInNewContext("gc") as () => void;
  const deadline = performance.now() + 10_000;
  for (;;) {
    const more = usedBytes() - bytes;
    if (more < within) return;
    assert.ok(performance.now() < deadline, `${(more / mib).toFixed(1)} MiB more than before`);
    gc();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
