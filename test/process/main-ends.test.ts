/**
 * However the main process ends, both generations below it end, in busy loops too, its exit code is right, and no file is
 * left in /dev/shm.
 */
import assert from "node:assert/strict";
import { clearAbandonedNames } from "#src/host/family-names.js";
import { allGone, forEachEnding } from "../support/tree.ts";

forEachEnding(
  (what) => `the main process ends, ${what}: nobody and nothing is left`,
  async (tree) => {
    const { ending, program, way } = tree;
    await tree.end(tree.main, [tree.middle, tree.sibling, ...tree.leaves]);
    await allGone(tree.servers);
    assert.equal(await tree.mainsExitCode(), ending.exitCode, program.stderr);
    // Who is killed clears nothing, and by spawn there is no server that would: the next family does.
    if (way.method === "spawn" && ending.exitCode < 0) clearAbandonedNames();
    await tree.namesGone();
  },
);
