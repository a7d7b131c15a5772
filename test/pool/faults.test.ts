/** What dies in a pool, and what it costs: the task concerned, and no other. Real kills, by each start method. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Pool, UnserializableError, WorkerExitedError } from "#src/index.js";
import { addonOrUndefined } from "#src/host/addon.js";
import { soundHere } from "../support/faulty-modules.ts";
import { leaveNothingBehind } from "../support/leaks.ts";
import { forEachStartMethod } from "../support/methods.ts";
import { poolsBy } from "../support/pools.ts";
import { gone, startProgram } from "../support/programs.ts";

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function exited(expected: Partial<WorkerExitedError>): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof WorkerExitedError, String(error));
    assert.equal(error.code, "ERR_MP_WORKER_EXITED");
    for (const [key, value] of Object.entries(expected))
      assert.equal(error[key as keyof WorkerExitedError], value, key);
    return true;
  };
}

forEachStartMethod((_context, method) => {
  leaveNothingBehind();

  const withPool = poolsBy(method);

  test("a worker that is killed while idle is replaced, and costs nothing", () =>
    withPool(1, {}, async (pool) => {
      const first = await pool.submit(() => process.pid);
      process.kill(first, "SIGKILL");
      await gone(first);
      while (pool.statistics().workers[0]?.pid === first) await sleep(1);
      assert.notEqual(await pool.submit(() => process.pid), first);
      assert.equal(pool.statistics().failed, 0);
    }));

  test("a worker that is killed while it runs a task: that task rejects and says by what, the others go on", () =>
    withPool(2, {}, async (pool) => {
      const stuck = pool.submit(() => {
        for (;;);
      });
      while (stuck.workerPid === undefined) await sleep(1);
      const items = Array.from({ length: 1000 }, (_, n) => n);
      const others = pool.map((x: number) => x, items);
      process.kill(stuck.workerPid, "SIGKILL");
      await assert.rejects(
        stuck,
        exited({ exitCode: -9, signalCode: "SIGKILL", taskId: stuck.id, pid: stuck.workerPid }),
      );
      assert.deepEqual(await others, items);
      assert.deepEqual([pool.statistics().failed, pool.statistics().retried], [1, 0]);
      assert.equal(await pool.submit(() => "goes on"), "goes on");
    }));

  test("process.exit() in a task costs that task; what was done before is not lost, and the rest is done", () =>
    withPool(1, {}, async (pool) => {
      await assert.rejects(
        pool.submit(() => process.exit(3)),
        exited({ exitCode: 3, signalCode: null }),
      );
      const outcomes = await pool
        .map((x: number) => (x === 5 ? process.exit(7) : x * 2), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], {
          chunkSize: 10,
          onError: "collect",
        })
        .catch((error: unknown) => error as AggregateError & { indexes: number[]; results: number[] });
      assert.ok(outcomes instanceof AggregateError);
      assert.deepEqual(outcomes.indexes, [5]);
      exited({ exitCode: 7 })(outcomes.errors[0]);
      assert.deepEqual(
        [...outcomes.results.slice(0, 5), ...outcomes.results.slice(6)],
        [0, 2, 4, 6, 8, 12, 14, 16, 18],
      );
    }));

  test("what was done in the last millisecond before process.exit() is told, and not done again", () =>
    withPool(1, {}, async (pool) => {
      const { mkdtempSync, readFileSync, rmSync } = await import("node:fs");
      const folder = mkdtempSync("/tmp/exits-");
      const items = Array.from({ length: 1000 }, (_, n) => n);
      const work = (n: number): number => {
        const kept = globalThis as { ran?: number[] };
        (kept.ran ??= []).push(n);
        if (n === 900 || n === 999) {
          process.getBuiltinModule("node:fs").writeFileSync(`${folder}/${n}`, kept.ran.join());
          if (n === 900) process.exit(7);
        }
        return n;
      };
      const { indexes } = (await pool
        .map(work, items, { chunkSize: items.length, onError: "collect" })
        .catch((error: unknown) => error)) as { indexes: number[] };
      assert.deepEqual(indexes, [900]);
      const ran = ["900", "999"].flatMap((name) => readFileSync(`${folder}/${name}`, "utf8").split(",").map(Number));
      assert.deepEqual(ran, items);
      rmSync(folder, { recursive: true });
    }));

  test("a worker that is killed while it sends a result of 50 MB costs that task alone", () =>
    withPool(1, {}, async (pool) => {
      const large = pool.submit(() => {
        setImmediate(() => {
          // The result is half sent by now, or as good as sent: whichever, nothing hangs and nothing is torn.
          process.kill(process.pid, "SIGKILL");
        });
        return Buffer.alloc(50 * 2 ** 20, 7);
      });
      await large.then(
        (bytes) => assert.ok(bytes.length === 50 * 2 ** 20 && bytes.every((byte) => byte === 7)),
        exited({ signalCode: "SIGKILL" }),
      );
      assert.equal(await pool.submit(() => "next"), "next");
    }));

  test("a worker that is killed from outside while it sends 200 MB costs that task alone", () =>
    withPool(1, {}, async (pool) => {
      const killed = pool.submit(() => Buffer.alloc(200 * 2 ** 20, 7));
      while (killed.workerPid === undefined) await sleep(0);
      await sleep(60); // It is sending by then, and cannot be done.
      process.kill(killed.workerPid, "SIGKILL");
      await killed.then((bytes) => assert.equal(bytes.length, 200 * 2 ** 20), exited({ signalCode: "SIGKILL" }));
      assert.equal(await pool.submit(() => "next"), "next");
    }));

  test("an error that cannot be copied arrives described; a result that cannot be copied is a typed error of its task", () =>
    withPool(1, {}, async (pool) => {
      const strange = pool.submit(() => {
        throw Object.assign(new RangeError("out of range"), { handle: new Promise(() => {}), code: "E_STRANGE" });
      });
      await assert.rejects(strange, { name: "RangeError", message: "out of range", code: "ERR_MP_REMOTE" });
      await assert.rejects(
        pool.submit(() => new WeakMap()),
        (error) => error instanceof UnserializableError,
      );
      const mixed = await pool
        .map((x: number) => (x === 1 ? new WeakMap() : x === 3 ? Symbol("own") : x), [0, 1, 2, 3, 4], {
          chunkSize: 5,
          onError: "collect",
        })
        .catch((error: unknown) => error as AggregateError & { indexes: number[]; results: unknown[] });
      assert.ok(mixed instanceof AggregateError);
      assert.deepEqual(mixed.indexes, [1, 3]);
      assert.deepEqual([mixed.results[0], mixed.results[2], mixed.results[4]], [0, 2, 4]);
      assert.ok(mixed.errors.every((error) => error instanceof UnserializableError));
    }));

  test("an error keeps its class, its fields, its cause and both stacks", () =>
    withPool(1, {}, async (pool) => {
      class OwnError extends Error {
        readonly detail = 5;
      }
      function failHere(): never {
        throw Object.assign(new OwnError("mine", { cause: new TypeError("why") }), { extra: [1] });
      }
      const error = await pool.submit(failHere).catch((caught: unknown) => caught as OwnError & { extra: number[] });
      assert.ok(error instanceof OwnError && error.cause instanceof TypeError);
      assert.deepEqual([error.detail, error.extra, error.message], [5, [1], "mine"]);
      assert.match(error.stack!, /failHere[\s\S]*task \d+ in worker 1 \(pid \d+\)[\s\S]*faults\.test/);
      const mapped = await pool.map(failHere, [1]).catch((caught: unknown) => caught as OwnError);
      assert.match((mapped as OwnError).stack!, /failHere[\s\S]*Pool\.map\(\)[\s\S]*faults\.test/);
      // Of thousands in one turn the last one, too, says where; another function's says its own place.
      const burst = Array.from({ length: 3000 }, () => pool.submit(failHere));
      const other = pool.submit(() => failHere());
      const stacks = (await Promise.allSettled([...burst, other])).map(
        (end) => (end as { reason: Error }).reason.stack!,
      );
      const place = (stack: string): string | undefined =>
        /which was submitted ---[\s\S]*?(faults\.test[^)]*)/.exec(stack)?.[1];
      assert.equal(new Set(stacks.slice(0, -1).map(place)).size, 1);
      assert.ok(place(stacks[2999]!) !== undefined && place(stacks[3000]!) !== place(stacks[0]!));
    }));

  test("what cannot be sent rejects its own task, and names it", () =>
    withPool(1, {}, async (pool) => {
      const own = new WeakMap();
      const refused = { code: "ERR_MP_UNSERIALIZABLE", message: /own/ };
      await assert.rejects(
        pool.submit(() => own),
        refused,
      );
      await assert.rejects(
        pool.map(() => own, [1]),
        refused,
      );
      await assert.rejects(pool.imap(() => own, [1]).next(), refused);
      await assert.rejects(
        pool.submit((x: unknown) => x, [own]),
        { code: "ERR_MP_UNSERIALIZABLE" },
      );
      const some = await pool
        .map((x: unknown) => x, [1, own, 3], { chunkSize: 3, onError: "collect" })
        .catch((error: unknown) => error as AggregateError & { indexes: number[]; results: unknown[] });
      assert.deepEqual((some as { indexes: number[] }).indexes, [1]);
      assert.deepEqual(
        [
          (some as unknown[] & { results: unknown[] }).results[0],
          (some as unknown[] & { results: unknown[] }).results[2],
        ],
        [1, 3],
      );
    }));

  test("a module that ends its worker when it is imported costs the tasks that need it, in submit and in a chunk; a value likewise", async () => {
    const [exits, kills] = [await soundHere("exit"), await soundHere("kill")];
    await withPool(1, {}, async (pool) => {
      for (const faulty of [exits, kills]) {
        const how = faulty === exits ? { exitCode: 7 } : { signalCode: "SIGKILL" as const };
        await assert.rejects(pool.submit(faulty), exited(how));
        await assert.rejects(pool.map(faulty, [1, 2, 3], { chunkSize: 3 }), exited(how));
        const mixed = await pool
          .map((value: unknown) => typeof value, [1, faulty, 3], { chunkSize: 3, onError: "collect" })
          .catch((error: unknown) => error as AggregateError & { indexes: number[]; results: unknown[] });
        assert.ok(mixed instanceof AggregateError);
        exited(how)(mixed.errors.at(-1));
        if (addonOrUndefined() === undefined) continue; // Nobody sees there at which of them it was.
        assert.deepEqual(mixed.indexes, [1]);
        assert.deepEqual([mixed.results[0], mixed.results[2]], ["number", "number"]);
      }
      assert.equal(await pool.submit(() => "goes on"), "goes on");
    });
  });

  test("retries try a task again whose worker died, and no more often", () =>
    withPool(2, { retries: 2 }, async (pool) => {
      const { mkdtempSync, readdirSync, rmSync } = await import("node:fs");
      const folder = mkdtempSync("/tmp/retries-");
      const dieTwice = async (): Promise<number> => {
        const fs = await import("node:fs");
        const tries = fs.readdirSync(folder).length;
        fs.writeFileSync(`${folder}/${tries}`, "");
        if (tries < 2) process.kill(process.pid, "SIGKILL");
        return tries;
      };
      assert.equal(await pool.submit(dieTwice), 2);
      assert.equal(readdirSync(folder).length, 3);
      assert.equal(pool.statistics().retried, 2);
      await assert.rejects(
        pool.submit(() => process.exit(1)),
        exited({ exitCode: 1 }),
      );
      assert.equal(pool.statistics().retried, 4);
      rmSync(folder, { recursive: true });
    }));

  test("30 tasks that each end their worker, among others: each rejects, the others are done", () =>
    withPool(2, {}, async (pool) => {
      const tasks = Array.from({ length: 60 }, (_, n) =>
        pool.submit((x: number) => (x % 2 === 0 ? process.exit(9) : x), [n]),
      );
      const outcomes = await Promise.allSettled(tasks);
      for (const [n, outcome] of outcomes.entries()) {
        if (n % 2 === 1) assert.deepEqual(outcome, { status: "fulfilled", value: n });
        else exited({ exitCode: 9, taskId: tasks[n]!.id })((outcome as PromiseRejectedResult).reason);
      }
    }));

  test("an initializer that throws fails the pool after three tries, with its error, and later tasks too", async () => {
    const pool = new Pool(2, {
      startMethod: method,
      initializer: () => {
        throw new RangeError("no such table");
      },
    });
    await assert.rejects(
      pool.submit(() => 1),
      { name: "RangeError", message: "no such table" },
    );
    await assert.rejects(
      pool.map(() => 1, [1, 2]),
      { message: "no such table" },
    );
    pool.close();
    await pool.join({ timeoutMs: 10_000 });
  });

  test("a worker killed in its initializer is replaced; an initializer that always ends its worker fails the pool", async () => {
    const { mkdtempSync, rmSync } = await import("node:fs");
    const folder = mkdtempSync("/tmp/initializer-");
    const dieOnce = async (): Promise<string> => {
      const fs = await import("node:fs");
      if (fs.readdirSync(folder).length === 0) {
        fs.writeFileSync(`${folder}/once`, "");
        process.kill(process.pid, "SIGKILL");
      }
      return "up";
    };
    await withPool(1, { initializer: dieOnce }, async (pool) => {
      assert.equal(await pool.submit(() => 5), 5);
    });
    rmSync(folder, { recursive: true });
    const pool = new Pool(1, { startMethod: method, initializer: () => process.exit(4) });
    await assert.rejects(
      pool.submit(() => 1),
      exited({ exitCode: 4 }),
    );
    pool.close();
    await pool.join({ timeoutMs: 10_000 });
  });

  test("a pool in a pool in a pool", () =>
    withPool(1, {}, async (pool) => {
      const deep = async (depth: number): Promise<number[]> => {
        const { Pool: Inner } = await import("#src/index.js");
        if (depth === 0) return [process.pid];
        const inner = new Inner(1);
        try {
          return [process.pid, ...(await inner.submit(deep, [depth - 1]))];
        } finally {
          inner.close();
          await inner.join();
        }
      };
      const pids = await pool.submit(deep, [2]);
      assert.equal(new Set([process.pid, ...pids]).size, 4);
      for (const pid of pids.slice(1)) await gone(pid);
    }));

  test("Ctrl-C in the middle: nothing is printed, the program ends by SIGINT, and so do all workers", async () => {
    const program = startProgram("pool-at-work", [method], { detached: true });
    const pids = (await program.tells("worker", 2)).map(Number);
    process.kill(-program.child.pid!, "SIGINT"); // The whole group, as a terminal does.
    const { signal, stderr } = await program.ended;
    assert.deepEqual([signal, stderr], ["SIGINT", ""]);
    for (const pid of pids) await gone(pid);
  });

  test("a program whose pool is idle, or half read, ends by itself; one with tasks waits for them", async () => {
    const { code, stdout, stderr } = await startProgram("pool-left-open", [method]).ended;
    assert.deepEqual([code, stdout, stderr], [0, "first 1\nslow done\n", ""]);
  });
});
