/** Time limits and cancellation: they end the task concerned, in a busy loop too, and no other. By each start method. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { test } from "node:test";
import { getStartMethod, TimeoutError } from "#src/index.js";
import { soundHere } from "../support/faulty-modules.ts";
import { leaveNothingBehind } from "../support/leaks.ts";
import { forEachStartMethod } from "../support/methods.ts";
import { poolsBy } from "../support/pools.ts";

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function busyFor(ms: number): number {
  for (const end = performance.now() + ms; performance.now() < end;);
  return ms;
}

forEachStartMethod((_context, method) => {
  leaveNothingBehind();

  const withPool = poolsBy(method);

  test("a task in a busy loop past its limit is stopped, and only that one: in submit, and in a chunk", () =>
    withPool(2, { cancelGraceMs: 20 }, async (pool) => {
      const work = (x: number): number => {
        if (x === 3) for (;;);
        return x;
      };
      const start = performance.now();
      const late = pool.submit(work, [3], { timeoutMs: 100 });
      await assert.rejects(
        late,
        (error) => error instanceof TimeoutError && error.taskId === late.id && error.pid === late.workerPid,
      );
      assert.ok(performance.now() - start >= 99);
      const mixed = await pool
        .map(work, [0, 1, 2, 3, 4, 5, 6], { chunkSize: 7, timeoutMs: 1000, onError: "collect" })
        .catch((error: unknown) => error as AggregateError & { indexes: number[]; results: number[] });
      assert.ok(mixed instanceof AggregateError && mixed.errors[0] instanceof TimeoutError);
      assert.deepEqual(mixed.indexes, [3]);
      assert.deepEqual([...mixed.results.slice(0, 3), ...mixed.results.slice(4)], [0, 1, 2, 4, 5, 6]);
    }));

  test("a time limit runs from when a task begins: not while its module is imported, nor while its neighbours run", async () => {
    const slow = await soundHere("slow");
    await withPool(1, { cancelGraceMs: 20 }, async (pool) => {
      assert.equal(await pool.submit(slow, [], { timeoutMs: 300 }), "sound");
    });
    await withPool(1, { cancelGraceMs: 20 }, async (pool) => {
      assert.deepEqual(await pool.map(slow, [1, 2], { chunkSize: 2, timeoutMs: 300 }), ["sound", "sound"]);
      const start = performance.now();
      const mixed = await pool
        .map(busyFor, [250, 250, 250, 250, 250, Infinity, 250], { chunkSize: 7, timeoutMs: 1000, onError: "collect" })
        .catch((error: unknown) => error as AggregateError & { indexes: number[]; results: number[] });
      assert.ok(mixed instanceof AggregateError && mixed.errors[0] instanceof TimeoutError);
      assert.deepEqual(mixed.indexes, [5], mixed.errors.join("\n"));
      assert.deepEqual([...mixed.results.slice(0, 5), mixed.results[6]], Array(6).fill(250));
      assert.ok(performance.now() - start >= 6 * 250 + 1000);
    });
  });

  test("a pool that is too busy to hear of its tasks ends none that kept to its limit, nor the one behind it", () =>
    withPool(1, { cancelGraceMs: 50 }, async (pool) => {
      const tasks = pool.map(busyFor, [200, 200, 200], { chunkSize: 3, timeoutMs: 400 });
      while (pool.statistics().workers[0]!.state !== "busy") await sleep(1);
      busyFor(1000);
      assert.deepEqual(await tasks, [200, 200, 200]);

      const until = async (ms: number): Promise<number> => {
        const { currentTask } = await import("#src/index.js");
        const { signal } = currentTask()!;
        if (ms === 0) return ms;
        if (ms < 0) await once(signal, "abort");
        else for (const end = performance.now() + ms; performance.now() < end;);
        return ms;
      };
      for (let n = 0; n < 50; n++) await pool.submit(until, [0]); // Known to be short: others are handed out ahead.
      const [polite, behind] = [pool.submit(until, [-1]), pool.submit(until, [300])];
      while (polite.state !== "running") await sleep(0);
      polite.cancel();
      await new Promise(setImmediate); // It is told.
      busyFor(200);
      await assert.rejects(polite, { code: "ERR_MP_CANCELLED" });
      assert.equal(await behind, 300);
      assert.equal(pool.statistics().workers[0]!.restarts, 0);
    }));

  const inOne = { skip: method === getStartMethod() ? false : "it takes 10 s" };
  test(
    "a task with a limit that is not even begun, since the one before has left a busy loop behind, ends too",
    inOne,
    () =>
      withPool(1, { cancelGraceMs: 20 }, async (pool) => {
        const folder = mkdtempSync("/tmp/leaves-");
        const leaves = pool.submit(() => {
          setTimeout(() => {
            process.getBuiltinModule("node:fs").writeFileSync(`${folder}/begun`, "");
            for (;;);
          });
          return "left";
        });
        assert.equal(await leaves, "left");
        while (!existsSync(`${folder}/begun`)) await sleep(1);
        rmSync(folder, { recursive: true });
        const late = pool.submit(() => 1, [], { timeoutMs: 100 });
        await assert.rejects(late, (error) => error instanceof TimeoutError && error.taskId === late.id);
        assert.equal(await pool.submit(() => 2), 2);
      }),
  );

  test("cancel() settles at once; the task has its signal and a grace, then its worker is replaced", () =>
    withPool(1, { cancelGraceMs: 1000 }, async (pool) => {
      const polite = pool.submit(async () => {
        const { currentTask } = await import("#src/index.js");
        const { signal } = currentTask()!;
        if (!signal.aborted) await once(signal, "abort");
        Object.assign(globalThis, { heard: (signal.reason as Error).message });
      });
      while (polite.state !== "running") await sleep(1);
      const pid = polite.workerPid;
      assert.equal(polite.cancel(new Error("enough")), true);
      assert.equal(polite.state, "cancelled");
      await assert.rejects(polite, { message: "enough" });
      const heard = await pool.submit(() => [process.pid, (globalThis as { heard?: string }).heard]);
      assert.deepEqual(heard, [pid, "enough"]); // The same worker: it let go in time.
      const controller = new AbortController();
      const deaf = pool.submit(
        () => {
          for (;;);
        },
        [],
        { signal: controller.signal },
      );
      while (deaf.state !== "running") await sleep(1);
      controller.abort("stop");
      await assert.rejects(deaf, (reason) => reason === "stop");
      assert.notEqual(await pool.submit(() => process.pid), pid);
    }));

  test("cancel() ends a busy loop also where its pool has not yet heard that the task before it is done", () =>
    withPool(1, { cancelGraceMs: 50 }, async (pool) => {
      const folder = mkdtempSync("/tmp/behind-");
      const work = (x: number): number => {
        if (x === 2) {
          process.getBuiltinModule("node:fs").writeFileSync(`${folder}/begun`, "");
          for (;;);
        }
        return x;
      };
      for (const alone of [true, false]) {
        for (let n = 0; n < 300; n++) await pool.submit(work, [0]); // Known to be short: they are handed out ahead.
        const [before, loop, after] = [1, 2, 3].map((x) => pool.submit(work, [x]));
        for (const each of [before, loop]) each!.catch(() => {});
        while (!existsSync(`${folder}/begun`)) await sleep(1);
        if (!alone) before!.cancel();
        loop!.cancel();
        await assert.rejects(loop!, { code: "ERR_MP_CANCELLED" });
        if (alone) assert.equal(await before, 1);
        else await Promise.allSettled([before]); // On a busy machine its answer has been told by then.
        assert.equal(await after, 3);
        rmSync(`${folder}/begun`);
      }
      rmSync(folder, { recursive: true });
    }));

  test("a task that is cancelled while it waits is never run", () =>
    withPool(1, {}, async (pool) => {
      const gate = pool.submit(() => sleep(50));
      const ran: Promise<unknown>[] = [];
      const waiting = Array.from({ length: 20 }, () => pool.submit(() => Object.assign(globalThis, { ran: true })));
      for (const task of waiting) task.cancel();
      await gate;
      await Promise.allSettled([...waiting, ...ran]);
      assert.equal(await pool.submit(() => (globalThis as { ran?: boolean }).ran), undefined);
      assert.equal(pool.statistics().cancelled, 20);
    }));

  test("map stops at the first error and cancels the rest, busy loops too", () =>
    withPool(2, { cancelGraceMs: 10 }, async (pool) => {
      let read = 0;
      function* items(): Generator<number> {
        for (;;) yield read++;
      }
      const work = async (x: number): Promise<number> => {
        if (x === 0) for (;;);
        await new Promise((resolve) => setTimeout(resolve, 50));
        throw new Error(`item ${x}`);
      };
      await assert.rejects(pool.map(work, items()), { message: /^item \d+$/ });
      assert.ok(read < 1000, `${read} items were read`);
      assert.equal(await pool.submit(() => 1), 1);
    }));
});
