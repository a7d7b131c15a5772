/** What the leak check takes for this file's own: two runs of the suite on one machine must not fail each other. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { familyNamePrefix } from "#src/host/family-names.js";
import { markOf } from "#src/host/process-facts.js";
import { ownNames } from "./leaks.ts";
import { gone, startNode } from "./programs.ts";

test("names of this process are its own, and so is what a test gives with its pid in it", () => {
  const names = [`${familyNamePrefix(process.pid)}1`, `test-${process.pid}-0`, `test-list-${process.pid}`];
  assert.deepEqual(ownNames(names), names);
});

test("names of a program that this file has run are, once it has ended", async () => {
  const program = startNode(["-e", "setInterval(() => {}, 1000)"]);
  await once(program.child, "spawn");
  const name = `${familyNamePrefix(program.child.pid!)}1`;
  assert.deepEqual(ownNames([name]), []);
  program.child.kill("SIGKILL");
  await gone(program.child.pid!);
  assert.deepEqual(ownNames([name]), [name]);
});

test("names of other runs are not, whether their roots are dead or alive, nor are those of other programs", async () => {
  const program = startNode(["-e", ""]);
  await once(program.child, "spawn");
  const mark = markOf(program.child.pid!);
  await program.ended;
  const dead = { pid: mark.pid, startTime: mark.startTime! - 1 }; // Another's, that had the pid before.
  const others = [dead, process.ppid].map((root) => `${familyNamePrefix(root)}1`);
  const named = [`test-${process.ppid}-0`, `test-names-${process.ppid}-0`, "nmp-1-1-1-x", "sem.x", "pym-1", "anything"];
  assert.deepEqual(ownNames([...others, ...named]), []);
});
