/** Without the addon everything of Process works by spawn. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { startProgram } from "../support/programs.ts";

test("without the addon, spawn is the method, and a busy child ends with its killed owner all the same", async () => {
  const env = { ...process.env, NODE_MULTIPROCESSING_NO_ADDON: "1" };
  const program = startProgram("family", ["spawn", "busy", "2", "wait"], { env });
  const pids = (await program.tells("running", 2)).map(Number);
  const { gone } = await import("../support/programs.ts");
  program.child.kill("SIGKILL");
  await program.ended;
  for (const pid of pids) await gone(pid);
  assert.equal(pids.length, 2);
});
