/** Workers that die at awkward moments: before anybody knows, while they tell a result, beside a task, with pools of their own. */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { test } from "node:test";
import { UnserializableError, WorkerExitedError } from "#src/index.js";
import { addonOrUndefined } from "#src/host/addon.js";
import { leaveNothingBehind } from "../support/leaks.ts";
import { comesBackTo, mib, usedBytes } from "../support/memory.ts";
import { forEachStartMethod } from "../support/methods.ts";
import { poolsBy } from "../support/pools.ts";
import { gone, startProgram } from "../support/programs.ts";

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function unexpected(): never {
  assert.fail("it was to reject");
}

type Collected = AggregateError & { readonly indexes: number[]; readonly results: unknown[] };

forEachStartMethod((_context, method) => {
  leaveNothingBehind();

  const withPool = poolsBy(method);

  test("a task that is given to a worker whose death nobody has seen yet is run by the next one, at nobody's expense", () =>
    withPool(1, {}, async (pool) => {
      for (let round = 0; round < 5; round++) {
        const pid = await pool.submit(() => process.pid);
        process.kill(pid, "SIGKILL");
        const next = [pool.submit(() => process.pid), pool.map((x: number) => x + 1, [1, 2, 3])] as const;
        assert.notEqual(await next[0], pid);
        assert.deepEqual(await next[1], [2, 3, 4]);
      }
      const { failed, retried } = pool.statistics();
      assert.deepEqual([failed, retried], [0, 0]);
    }));

  test("a worker that dies in the middle of a result of 50 MB costs that task alone, and the task is not run again", () =>
    withPool(1, {}, async (pool) => {
      const folder = mkdtempSync("/tmp/half-sent-");
      const die = async (x: number): Promise<unknown> => {
        if (x !== 1) return x;
        const fs = await import("node:fs");
        fs.writeFileSync(`${folder}/${fs.readdirSync(folder).length}`, "");
        const half = new Uint8Array(25 * 2 ** 20).fill(7);
        // Read when the first half is written: no other moment is as surely in the middle.
        const between = {
          get dead(): never {
            process.kill(process.pid, "SIGKILL");
            for (;;);
          },
        };
        return [half, between, half.slice()];
      };
      const isOfTheDead = (error: unknown): boolean =>
        error instanceof WorkerExitedError && error.signalCode === "SIGKILL" && error.taskId !== undefined;
      await pool.submit(die, [0]);
      const before = addonOrUndefined() === undefined ? undefined : usedBytes();
      const around = [pool.submit(die, [0]), pool.submit(die, [1]), pool.submit(die, [2])];
      await assert.rejects(around[1]!, isOfTheDead);
      assert.deepEqual([await around[0], await around[2]], [0, 2]);
      // Nor which of a batch: where the three were handed over together, each is tried again by itself.
      const alone = readdirSync(folder).length;
      assert.ok(alone === 1 || (before === undefined && alone === 2), `${alone} runs`);
      const { errors, indexes, results } = await pool
        .map(die, [0, 1, 2, 3], { chunkSize: 4, onError: "collect" })
        .then(unexpected, (error: unknown) => error as Collected);
      assert.ok(isOfTheDead(errors[0]));
      assert.deepEqual([indexes, results[0], results[2], results[3]], [[1], 0, 2, 3]);
      // Without shared memory nobody knows which of a chunk it was, before each has been tried alone.
      assert.equal(readdirSync(folder).length - alone, before === undefined ? 2 : 1);
      rmSync(folder, { recursive: true });
      if (before !== undefined) await comesBackTo(before, 5 * mib);
    }));

  test("an uncaught error, and a rejection that nobody handles, beside a task cost that task, and are its error's cause", () =>
    withPool(1, {}, async (pool) => {
      const beside = (x: number): Promise<number> => {
        if (x === 1)
          setTimeout(() => {
            throw new RangeError("beside");
          });
        if (x === 2) void Promise.reject(new RangeError("beside"));
        return x === 0 ? Promise.resolve(x) : new Promise(() => setInterval(() => {}, 1000));
      };
      const tasks = [0, 1, 2, 0].map((x) => pool.submit(beside, [x]));
      const outcomes = await Promise.allSettled(tasks);
      for (const [n, outcome] of outcomes.entries()) {
        if (n % 3 === 0) assert.deepEqual(outcome, { status: "fulfilled", value: 0 });
        else {
          const { reason } = outcome as { reason: WorkerExitedError };
          assert.ok(reason instanceof WorkerExitedError, String(reason));
          assert.deepEqual([reason.exitCode, reason.taskId], [1, tasks[n]!.id]);
          assert.equal((reason.cause as Error).message, "beside");
        }
      }
    }));

  test("whatever a task throws arrives, described where it cannot be copied; so does why a result could not", () =>
    withPool(1, {}, async (pool) => {
      const hostile = (what: number): unknown => {
        const opaque: Record<string, () => unknown> = {
          get: () => {
            throw new TypeError("not to be looked at");
          },
        };
        const error = new RangeError("own");
        if (what === 0) throw undefined;
        if (what === 1) throw Symbol("own");
        if (what === 2) throw new Proxy({}, opaque);
        if (what === 3) throw Object.defineProperty(error, "message", opaque);
        if (what === 4) throw Object.defineProperty(error, "stack", opaque);
        if (what === 5) throw new WeakMap();
        if (what === 6) return Object.defineProperty({}, "x", { ...opaque, enumerable: true });
        if (what === 7) return new Proxy({}, {});
        return what;
      };
      const { errors, indexes, results } = await pool
        .map(hostile, [0, 1, 2, 3, 4, 5, 6, 7, 8], { chunkSize: 9, onError: "collect" })
        .then(unexpected, (error: unknown) => error as Collected);
      assert.deepEqual([indexes, results[8]], [[0, 1, 2, 3, 4, 5, 6, 7], 8]);
      assert.equal(errors[0], undefined);
      for (const error of errors.slice(1, 6)) assert.equal((error as { code?: string }).code, "ERR_MP_REMOTE");
      for (const error of errors.slice(6)) assert.ok(error instanceof UnserializableError, String(error));
      for (const [what, error] of errors.entries()) {
        const alone = await pool.submit(hostile, [what]).then(unexpected, (caught: unknown) => caught);
        assert.equal((alone as Error | undefined)?.name, (error as Error | undefined)?.name);
      }
    }));

  test("a worker that is killed takes the pools in its tasks with it, to the last", () =>
    withPool(1, { cancelGraceMs: 10 }, async (pool) => {
      const folder = mkdtempSync("/tmp/nested-");
      const deep = async (depth: number): Promise<void> => {
        const { writeFileSync } = await import("node:fs");
        writeFileSync(`${folder}/${process.pid}`, "");
        if (depth === 0) for (;;);
        const { Pool: Inner } = await import("#src/index.js");
        await new Inner(1).submit(deep, [depth - 1]);
      };
      const task = pool.submit(deep, [2]);
      while (readdirSync(folder).length < 3) await sleep(5);
      const pids = readdirSync(folder).map(Number);
      process.kill(task.workerPid!, "SIGKILL");
      await assert.rejects(task, WorkerExitedError);
      for (const pid of pids) await gone(pid);
      assert.equal(await pool.submit(() => 1), 1);
      rmSync(folder, { recursive: true });
    }));

  test("Ctrl-C that the program handles is the program's: its workers go on, and the tasks end as if nothing had been", async () => {
    const program = startProgram("pool-goes-on", [method], { detached: true });
    const pids = (await program.tells("worker", 2)).map(Number);
    process.kill(-program.child.pid!, "SIGINT"); // The whole group, as a terminal does.
    const { code, stderr } = await program.ended;
    assert.deepEqual([code, stderr], [0, ""]);
    assert.deepEqual([program.told("heard"), program.told("results")], [["SIGINT"], ["10,20"]]);
    assert.equal(new Set(pids).size, 2);
    for (const pid of pids) await gone(pid);
  });
});
