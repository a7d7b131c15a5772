/** The pool's whole contract once more without the addon: over spawn and the control channel. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { projectRoot } from "../support/project.ts";
import { startNode } from "../support/programs.ts";

/** On a machine that does nothing else the longest takes 12 s. */
const longestMs = 150_000;

for (const name of ["contract", "deaths", "executor", "faults", "lazy", "limits"]) {
  test(`without the addon: ${name}`, { timeout: longestMs }, async ({ signal }) => {
    const env: NodeJS.ProcessEnv = { ...process.env, NODE_MULTIPROCESSING_NO_ADDON: "1" };
    delete env["NODE_TEST_CONTEXT"]; // It is a program of its own, whose tests are not this one's.
    const program = startNode([join(projectRoot, "build", "test", "pool", `${name}.test.js`)], { env });
    const kill = (): void => void program.child.kill("SIGKILL");
    signal.addEventListener("abort", kill, { once: true }); // Its workers end with it.
    const { code, stdout } = await program.ended;
    assert.equal(code, 0, stdout);
  });
}
