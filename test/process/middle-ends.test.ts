/**
 * However a process ends that has an owner and children, its children end, in busy loops too; all others go on, and all exit
 * codes are right.
 */
import assert from "node:assert/strict";
import { allGone, forEachEnding } from "../support/tree.ts";

forEachEnding(
  (what) => `a middle process ends, ${what}: those below it end, all others go on`,
  async (tree) => {
    const { ending, middle, program, servers, sibling } = tree;
    await tree.end(middle, tree.leaves);
    assert.equal(await tree.exitCodeOf(middle), ending.exitCode, program.stderr);
    process.kill(sibling, "SIGUSR2"); // It answers: so it runs.
    assert.equal(await tree.exitCodeOf(sibling), 5);
    assert.equal(await tree.mainsExitCode(), 0, program.stderr);
    await allGone(servers);
    await tree.namesGone();
  },
);
