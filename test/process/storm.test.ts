/** Kills at random, seeded: of the root, the server, middle and leaf processes. Nothing is left, and exit codes are right. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Event, getAllStartMethods, getContext } from "#src/index.js";
import { forkServersOf } from "../support/fork-servers.ts";
import { leaveNothingBehind } from "../support/leaks.ts";
import { mib, usedBytes } from "../support/memory.ts";
import { gone, startProgram } from "../support/programs.ts";

const skip = !getAllStartMethods().includes("forkserver");
/** The same storm in each run; a failure names its round. */
const seed = 20_261;
/** The long form: `MP_STORM_ROUNDS=100 npm test -- storm`. */
const rounds = Number(process.env["MP_STORM_ROUNDS"] ?? 25);

function randomNumbers(start: number): () => number {
  let state = start;
  // Park and Miller's minimal standard generator.
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
}

test("a thousand processes in a row leave descriptors, zombies and memory as they were", { skip }, async (t) => {
  leaveNothingBehind();
  await t.test("one after the other", async () => {
    const { Process } = getContext("forkserver");
    const one = async (): Promise<void> => {
      const child = new Process({ target: () => 1 });
      await child.start();
      await child.join();
      assert.equal(child.exitCode, 0);
    };
    for (let i = 0; i < 200; i++) await one();
    const before = process.memoryUsage().rss;
    for (let i = 0; i < 800; i++) await one();
    const grownMiB = (process.memoryUsage().rss - before) / 2 ** 20;
    assert.ok(grownMiB < 40, `${grownMiB} MiB`);
  });
});

test("a thousand processes that have waited leave the family's memory as it was", { skip }, async (t) => {
  leaveNothingBehind();
  await t.test("four at a time", async () => {
    const { Process } = getContext("forkserver");
    const never = new Event();
    const four = async (): Promise<void> => {
      const children = [0, 1, 2, 3].map(() => new Process({ target: () => never.wait({ timeoutMs: 1 }) }));
      await Promise.all(children.map((child) => child.start()));
      for (const child of children) assert.equal(await child.result, false);
      await Promise.all(children.map((child) => child.join()));
    };
    for (let i = 0; i < 300; i += 4) await four();
    const before = usedBytes();
    for (let i = 0; i < 700; i += 4) await four();
    // A page for each of them would be 2.7 MiB.
    assert.ok(usedBytes() - before < mib, `${(usedBytes() - before) / mib} MiB`);
  });
});

test("kills of root, server, middle and leaf at random moments leave no process", { skip }, async () => {
  const random = randomNumbers(seed);
  for (let round = 0; round < rounds; round++) {
    const program = startProgram("three-generations", ["forkserver"]);
    const [middle] = (await program.tells("middle")).map(Number);
    const leaves = (await program.tells("leaf", 2)).map(Number);
    const servers = forkServersOf(program.child.pid!);
    const everybody = [program.child.pid!, ...servers, middle!, ...leaves];
    const victims = everybody.filter(() => random() < 0.4);
    for (const victim of victims) {
      try {
        process.kill(victim, "SIGKILL");
      } catch (error) {
        assert.equal((error as NodeJS.ErrnoException).code, "ESRCH"); // A kill before it has ended this one too.
      }
    }
    if (!victims.includes(program.child.pid!)) {
      // What was not hit goes on; the middle's end is what the root waits for.
      if (!victims.includes(middle!)) process.kill(middle!, "SIGKILL");
      assert.deepEqual(await program.tells("exit-code"), ["-9"], `round ${round}`);
    }
    await program.ended;
    for (const pid of everybody) await gone(pid);
  }
});
