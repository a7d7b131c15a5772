/** What tests of shared memory ask. */
import assert from "node:assert/strict";
import { fstatSync } from "node:fs";
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
