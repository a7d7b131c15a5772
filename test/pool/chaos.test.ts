/** Workers killed at random while 100,000 tasks run: every result there, in order, once. Bounded in seconds. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Pool } from "#src/index.js";
import { leaveNothingBehind } from "../support/leaks.ts";
import { forEachStartMethod } from "../support/methods.ts";

forEachStartMethod((_context, method) => {
  leaveNothingBehind();

  test("100,000 tasks with retries while their workers are killed at random", { timeout: 120_000 }, async () => {
    const pool = new Pool(3, { startMethod: method, retries: 1000 });
    const items = Array.from({ length: 100_000 }, (_, n) => n);
    let kills = 0;
    let seed = 12_345; // The same each time; the moments are not.
    const random = (): number => (seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31) / 2 ** 31;
    let over = false;
    let doneAtKill = 0;
    const killer = (async (): Promise<void> => {
      while (!over) {
        await new Promise((resolve) => setTimeout(resolve, random() * (method === "spawn" ? 500 : 60)));
        const { workers, done } = pool.statistics();
        // On a busy machine hardly a worker comes up between two kills: the next one waits until they have done something.
        if (kills > 0 && done - doneAtKill < 500) continue;
        const { pid, state } = workers[Math.floor(random() * workers.length)] ?? {};
        if (pid === undefined || state === "ended") continue;
        try {
          process.kill(pid, "SIGKILL");
          kills++;
          doneAtKill = done;
        } catch (error) {
          assert.equal((error as NodeJS.ErrnoException).code, "ESRCH"); // It has ended meanwhile.
        }
      }
    })();
    const work = (n: number): number => {
      const until = performance.now() + (n % 1000 === 0 ? 2 : 0.005);
      while (performance.now() < until);
      return n * 2;
    };
    const mapped = pool.map(work, items);
    const submitted = Promise.all(items.slice(0, 2000).map((n) => pool.submit(work, [n])));
    const streamed: number[] = [];
    for await (const n of pool.imap(work, items.slice(0, 5000))) streamed.push(n);
    assert.deepEqual(
      await mapped,
      items.map((n) => n * 2),
    );
    assert.deepEqual(
      await submitted,
      items.slice(0, 2000).map((n) => n * 2),
    );
    assert.deepEqual(
      streamed,
      items.slice(0, 5000).map((n) => n * 2),
    );
    over = true;
    await killer;
    assert.ok(kills > 1, `${kills} kills`);
    pool.close();
    await pool.join({ timeoutMs: 20_000 });
  });
});
