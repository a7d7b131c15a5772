/** `mp doctor` says what this machine can do, and clears what nobody owns any more. */
import assert from "node:assert/strict";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { familyNamePrefix } from "#src/host/family-names.js";
import { gone, startNode } from "../support/programs.ts";
import { projectRoot } from "../support/project.ts";

const mp = join(projectRoot, "dist", "entry", "mp-main.js");

test("mp doctor names the addon, the start methods with the one chosen, and the processors", async () => {
  const { stdout, stderr, code } = await startNode([mp, "doctor"]).ended;
  assert.deepEqual([code, stderr], [0, ""]);
  assert.match(stdout, /^machine +Node v\d+/m);
  assert.match(stdout, /^native addon +\S/m);
  assert.match(stdout, /^start method forkserver +can/m);
  assert.match(stdout, /^start method spawn +can be used/m);
  assert.match(stdout, /chosen by default/);
  assert.match(stdout, /^processors +\d+/m);
});

test("without the addon it says so, says what to install, and spawn is chosen", async () => {
  const env = { ...process.env, NODE_MULTIPROCESSING_NO_ADDON: "1" };
  const { stdout, code } = await startNode([mp, "doctor"], { env }).ended;
  assert.equal(code, 0);
  assert.match(stdout, /native addon +missing: .*\n +do this: +install a C compiler/);
  assert.match(stdout, /start method spawn +can be used; chosen by default/);
});

test("it clears the names of families that have ended, and no others", async () => {
  const ended = startNode(["-e", "setInterval(() => {}, 1000)"]);
  const dead = join("/dev/shm", `${familyNamePrefix(ended.child.pid!)}test`);
  ended.child.kill("SIGKILL");
  await gone(ended.child.pid!);
  const mine = join("/dev/shm", `${familyNamePrefix(process.pid)}test`);
  const foreign = join("/dev/shm", `not-ours-${process.pid}`);
  for (const name of [dead, mine, foreign]) writeFileSync(name, "");
  const { stdout } = await startNode([mp, "doctor"]).ended;
  assert.match(stdout, /cleared \d+ abandoned/);
  assert.deepEqual([dead, mine, foreign].map(existsSync), [false, true, true]);
  const { unlinkSync } = await import("node:fs");
  for (const name of [mine, foreign]) unlinkSync(name);
});

test("an unknown command is an error that shows the usage", async () => {
  const { stderr, code } = await startNode([mp, "nonsense"]).ended;
  assert.equal(code, 2);
  assert.match(stderr, /no command "nonsense"[\s\S]*usage:/);
});
