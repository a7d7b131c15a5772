/** Many processes: nothing piles up, and no moment is a bad one to be killed at. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { StartMethod } from "#src/index.js";
import { leaveNothingBehind } from "../support/leaks.ts";
import { forEachStartMethod } from "../support/methods.ts";
import { gone, startProgram } from "../support/programs.ts";

forEachStartMethod((context, method) => {
  leaveNothingBehind();

  test("200 processes in a row leave no descriptor, no zombie and no listener", async () => {
    const listeners = (): number => process.eventNames().reduce((sum, name) => sum + process.listenerCount(name), 0);
    const before = listeners();
    for (let n = 0; n < 200; n += 4) {
      const four = [0, 1, 2, 3].map((m) => new context.Process({ target: (x: number) => x * x, args: [n + m] }));
      await Promise.all(four.map((process_) => process_.start()));
      assert.deepEqual(
        await Promise.all(four.map((process_) => process_.result)),
        [0, 1, 2, 3].map((m) => (n + m) ** 2),
      );
      await Promise.all(four.map((process_) => process_.join()));
    }
    assert.equal(listeners(), before);
  });

  test("killing the main process at random moments, 30 times, leaves no process behind", () => killedAtRandom(method));
});

describe('start method "spawn", without the addon', () => {
  leaveNothingBehind();

  test("killing the main process at random moments, 30 times, leaves no process behind", async () => {
    await killedAtRandom("spawn", { ...process.env, NODE_MULTIPROCESSING_NO_ADDON: "1" });
  });
});

async function killedAtRandom(method: StartMethod, env = process.env): Promise<void> {
  for (let round = 0; round < 30; round++) {
    const program = startProgram("restless", [method], { env });
    // From before the first child exists until long after the last one has started.
    await new Promise((resolve) => setTimeout(resolve, (round * 37) % 700));
    program.child.kill("SIGKILL");
    await program.ended; // stdout closes only when its last holder, a child too, has ended.
    for (const pid of program.told("pid")) await gone(Number(pid));
  }
}
