/** What a pool does when nothing goes wrong: the contract, by each start method. */
import assert from "node:assert/strict";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { getEventListeners } from "node:events";
import { rmSync } from "node:fs";
import { test } from "node:test";
import { ClosedError, currentTask, Pool, TimeoutError, type WorkerEvent } from "#src/index.js";
import { leaveNothingBehind } from "../support/leaks.ts";
import { forEachStartMethod } from "../support/methods.ts";
import { poolsBy } from "../support/pools.ts";

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function* slowly<T>(items: Iterable<T>): AsyncGenerator<T> {
  for (const item of items) {
    await sleep(0);
    yield item;
  }
}

/** Which limits the workers that end meanwhile had reached, of those that had reached one; and how others ended, if not by 0. */
async function reasons(during: () => Promise<void>): Promise<unknown[]> {
  const heard: unknown[] = [];
  const listener = (event: unknown): void => {
    const { reason, exitCode, signalCode } = event as WorkerEvent;
    heard.push(reason ?? (exitCode === 0 ? undefined : (signalCode ?? exitCode)));
  };
  subscribe("node-multiprocessing:pool:worker:ended", listener);
  await during().finally(() => unsubscribe("node-multiprocessing:pool:worker:ended", listener));
  return heard.filter((reason) => reason !== undefined);
}

forEachStartMethod((_context, method) => {
  leaveNothingBehind();

  const withPool = poolsBy(method);

  test("submit, apply, map, starmap, imap and imapUnordered run any function, sync or async, and keep its results", () =>
    withPool(2, {}, async (pool) => {
      const factor = 3;
      assert.equal(await pool.submit((x: number) => x * factor, [7]), 21);
      assert.equal(await pool.submit(() => "no arguments"), "no arguments");
      assert.equal(await pool.apply(async (a: number, b: number) => a - b, [5, 3]), 2);
      assert.equal(await pool.submit((a: number, { b }: { b: number }) => a + b, [1], { kwargs: { b: 2 } }), 3);
      assert.equal(await pool.submit(Math.max, [1, 9, 3]), 9);
      assert.deepEqual(await pool.map((x: number) => ({ x }), [1, 2, 3]), [{ x: 1 }, { x: 2 }, { x: 3 }]);
      assert.deepEqual(await pool.map(async (text: string) => text.length, new Set(["a", "bb"])), [1, 2]);
      assert.deepEqual(
        await pool.starmap(
          (a: number, b: string) => b.repeat(a),
          [
            [2, "x"],
            [0, "y"],
          ],
        ),
        ["xx", ""],
      );
      assert.deepEqual(await pool.map((x: number) => x, slowly([1, 2, 3, 4])), [1, 2, 3, 4]);
      assert.deepEqual(await pool.map((x: number) => x, []), []);
      const ordered: number[] = [];
      for await (const x of pool.imap((n: number) => n * n, [1, 2, 3, 4, 5])) ordered.push(x);
      assert.deepEqual(ordered, [1, 4, 9, 16, 25]);
      const some: number[] = [];
      for await (const x of pool.imapUnordered((n: number) => n * n, slowly([1, 2, 3]))) some.push(x);
      assert.deepEqual(
        some.sort((a, b) => a - b),
        [1, 4, 9],
      );
    }));

  test("every kind of result keeps its value, in whatever chunk it travels", () =>
    withPool(2, {}, async (pool) => {
      const items = [
        0,
        -0,
        NaN,
        1.5,
        "text",
        "",
        null,
        undefined,
        true,
        10n,
        { a: [1] },
        [undefined],
        new Date(5),
        /x/g,
      ];
      for (const chunkSize of [1, 3, 100] as const) {
        assert.deepEqual(await pool.map((x: unknown) => x, items, { chunkSize }), items);
      }
      const many = Array.from({ length: 10_000 }, (_, n) => n);
      assert.deepEqual(
        await pool.map((x: number) => -x, many),
        many.map((x) => -x),
      );
      assert.deepEqual(
        await pool.map(() => {}, many),
        many.map(() => undefined),
      );
      assert.deepEqual(
        await pool.map((x: number) => (x % 2 === 0 ? x : String(x)), many),
        many.map((x) => (x % 2 === 0 ? x : String(x))),
      );
    }));

  test("large buffers come and go whole, in submit and in map; what a task changes in them, its caller does not see", async () => {
    const pool = new Pool(1, { startMethod: method });
    const sent = new Float64Array(200_000).fill(1.5);
    const change = (numbers: Float64Array): [Float64Array, number] => {
      const sum = numbers.reduce((total, n) => total + n, 0);
      return [numbers.fill(2), sum];
    };
    for (let round = 0; round < 5; round++) {
      const [numbers, sum] = await pool.submit(change, [sent]);
      assert.deepEqual([numbers.length, numbers[0], numbers.at(-1), sum], [200_000, 2, 2, 300_000]);
      assert.equal(sent[0], 1.5);
    }
    const mapped = await pool.map(change, [sent, sent.slice(), sent.slice()], { chunkSize: 2 });
    for (const [numbers, sum] of mapped) assert.deepEqual([numbers.at(-1), sum], [2, 300_000]);
    sent.fill(3);
    assert.equal(mapped[0]![0][0], 2);
    pool.close();
    await pool.join();
  });

  test("a task that is tried again has its large arguments as they were sent", async () => {
    const pool = new Pool(1, { startMethod: method, retries: 1 });
    const dieOnce = async (bytes: Uint8Array, mark: string): Promise<number> => {
      const { existsSync, writeFileSync } = await import("node:fs");
      const seen = bytes[0]!;
      bytes.fill(9);
      if (existsSync(mark)) return seen;
      writeFileSync(mark, "");
      process.kill(process.pid, "SIGKILL");
      return -1;
    };
    const mark = `/tmp/retry-${process.pid}-${method}`;
    assert.equal(await pool.submit(dieOnce, [new Uint8Array(200_000).fill(7), mark]), 7);
    rmSync(mark);
    pool.close();
    await pool.join();
  });

  test("a result is as it was when its task ended, though a later task of the chunk changes it", () =>
    withPool(1, {}, async (pool) => {
      const list: number[] = [];
      const grown = await pool.map((x: number) => (list.push(x), list), [1, 2, 3], { chunkSize: 3 });
      assert.deepEqual(grown, [[1], [1, 2], [1, 2, 3]]);
    }));

  test("what one call changes in what its function captured, no other call sees; a captured variable is sent as it is now", () =>
    withPool(1, {}, async (pool) => {
      const list = [0];
      let count = 1;
      const grow = (): number => list.push(1) + count++ * 10;
      assert.deepEqual(await Promise.all([pool.submit(grow), pool.submit(grow)]), [12, 12]);
      count = 2;
      list.push(5);
      assert.equal(await pool.submit(grow), 23);
      assert.deepEqual(list, [0, 5]);
      let later = 1;
      const first = pool.submit(() => later);
      later = 2;
      assert.deepEqual([await first, await pool.submit(() => later)], [1, 2]);
    }));

  test("a chunk of a fixed size stays together, and a worker gets more of them at once where they are short", () =>
    withPool(2, {}, async (pool) => {
      const work = (n: number): [pid: number, n: number] => {
        if (n === 501) for (const until = Date.now() + 200; Date.now() < until;); // Longer than those before let expect.
        return [process.pid, n];
      };
      const items = Array.from({ length: 2003 }, (_, n) => n);
      for (let round = 0; round < 3; round++) {
        const results = await pool.map(work, items, { chunkSize: 7 });
        assert.deepEqual(
          results.map(([, n]) => n),
          items,
        );
        for (let at = 0; at < items.length; at += 7) {
          assert.equal(new Set(results.slice(at, at + 7).map(([pid]) => pid)).size, 1, `items from ${at} on`);
        }
      }
    }));

  test("an initializer runs once in each worker, and what it returns is the task's state; worker and task have ids", () =>
    withPool(2, { initializer: async (a: number) => ({ sum: a + 1 }), initArgs: [41] }, async (pool) => {
      const seen = await pool.map(async () => {
        const { id, workerId, state, signal } = currentTask<{ sum: number; calls?: number }>()!;
        state.calls = (state.calls ?? 0) + 1;
        return { id, workerId, sum: state.sum, aborted: signal.aborted };
      }, [1, 2, 3, 4]);
      assert.deepEqual(new Set(seen.map(({ sum }) => sum)), new Set([42]));
      assert.equal(new Set(seen.map(({ id }) => id)).size, 4);
      assert.ok(seen.every(({ workerId }) => workerId === 1 || workerId === 2));
      assert.ok(seen.every(({ aborted }) => !aborted));
      assert.equal(currentTask(), null);
    }));

  test("a Task tells its id, state, times and worker", () =>
    withPool(1, {}, async (pool) => {
      const before = Date.now() - 1000;
      const first = pool.submit(() => sleep(20));
      const second = pool.submit(() => process.pid);
      assert.ok(second.id > first.id);
      assert.deepEqual(
        [second.state, second.startedAt, second.finishedAt, second.workerPid],
        ["queued", undefined, undefined, undefined],
      );
      assert.equal(await second, second.workerPid);
      assert.equal(second.state, "done");
      assert.ok(
        second.startedAt! > before && second.finishedAt! >= second.startedAt! && second.finishedAt! < Date.now() + 1000,
      );
      assert.equal(second.cancel(), false);
      assert.ok(first instanceof Promise && Object.getPrototypeOf(first.then(() => {})) === Promise.prototype);
      assert.equal(Promise.resolve(first), first, "await and Promise.all take it as it is");
    }));

  test("the higher priority goes first, the first come within one; maps of one priority share the workers", () =>
    withPool(1, {}, async (pool) => {
      const order: string[] = [];
      const note = (what: string) => (): void => void order.push(what);
      const gate = pool.submit(() => sleep(50));
      const all = [
        pool.submit(() => {}, [], { priority: -1 }).then(note("low")),
        pool.submit(() => {}, [], {}).then(note("first")),
        pool.submit(() => {}).then(note("second")),
        pool.map(() => {}, [1], { priority: 5 }).then(note("map")),
        pool.submit(() => {}, [], { priority: 9 }).then(note("high")),
      ];
      await gate;
      await Promise.all(all);
      assert.deepEqual(order, ["high", "map", "first", "second", "low"]);
    }));

  test("maxTasksPerChild counts items, not chunks, and a worker is replaced after them, and says so", async () => {
    const counts = new Map<number, number>();
    const told = await reasons(() =>
      withPool(1, { maxTasksPerChild: 4 }, async (pool) => {
        const pids = await pool.map(() => process.pid, Array.from({ length: 12 }), { chunkSize: 3 });
        for (const pid of pids) counts.set(pid, (counts.get(pid) ?? 0) + 1);
      }),
    );
    assert.deepEqual(
      [[...counts.values()], told],
      [
        [4, 4, 4],
        ["tasks", "tasks", "tasks"],
      ],
    );
  });

  test("a worker that uses more than maxMemoryPerChildBytes is replaced once its task is done, and says so", async () => {
    const told = await reasons(() =>
      withPool(1, { maxMemoryPerChildBytes: 250 * 2 ** 20 }, async (pool) => {
        const [lean] = await pool.map(() => process.pid, [0]);
        const hoard = (): number => {
          Object.assign(globalThis, { kept: Buffer.alloc(300 * 2 ** 20, 1) });
          return process.pid;
        };
        assert.equal(await pool.submit(hoard), lean);
        assert.notEqual(await pool.submit(() => process.pid), lean);
      }),
    );
    assert.deepEqual(told, ["memory"]);
  });

  test("under a maxMemoryPerChildBytes that no worker keeps to, each does a task all the same", () =>
    withPool(1, { maxMemoryPerChildBytes: 1 }, async (pool) => {
      const signal = AbortSignal.timeout(20_000);
      for (let n = 0; n < 3; n++) assert.equal(await pool.submit((x: number) => x, [n], { signal }), n);
    }));

  test("tasks and maps that share a signal have one listener on it, and none when they are done", () =>
    withPool(1, {}, async (pool) => {
      const { signal } = new AbortController();
      const same = (n: number): number => n;
      const tasks = Array.from({ length: 20 }, (_, n) => pool.submit(same, [n], { signal }));
      const map = pool.map(same, [20], { signal });
      assert.equal(getEventListeners(signal, "abort").length, 1);
      await Promise.all([...tasks, map]);
      assert.equal(getEventListeners(signal, "abort").length, 0);
    }));

  test("resize() changes the number of workers; idle ones end after idleTimeoutMs and come back when needed", async () => {
    await withPool(1, {}, async (pool) => {
      pool.resize(3);
      assert.equal(pool.size, 3);
      // Each of three tasks waits for the other two: they run at once, or never.
      const { mkdtempSync, readdirSync, rmSync, writeFileSync } = await import("node:fs");
      const folder = mkdtempSync("/tmp/resize-");
      const meet = async (name: string): Promise<number> => {
        writeFileSync(`${folder}/${name}`, "");
        while (readdirSync(folder).length < 3) await sleep(1);
        return process.pid;
      };
      const pids = await pool.map(meet, ["a", "b", "c"], { chunkSize: 1, timeoutMs: 15_000 });
      assert.equal(new Set(pids).size, 3);
      rmSync(folder, { recursive: true });
      pool.resize(1);
      assert.equal(pool.size, 1);
      assert.equal(await pool.submit(() => 1), 1);
    });
    await withPool(2, { idleTimeoutMs: 1 }, async (pool) => {
      const first = await pool.submit(() => process.pid);
      while (pool.statistics().workers.length > 0) await sleep(1);
      assert.notEqual(await pool.submit(() => process.pid), first);
    });
  });

  test("statistics() count what was done, and time it", () =>
    withPool(2, { name: "counted" }, async (pool) => {
      await pool.map((x: number) => x, [1, 2, 3]);
      await pool.submit(() => sleep(20));
      await assert.rejects(pool.submit(() => Promise.reject(new Error("no"))));
      const { name, done, failed, queued, running, cancelled, retried, workers, waitMs, runMs } = pool.statistics();
      assert.deepEqual(
        { name, done, failed, queued, running, cancelled, retried },
        { name: "counted", done: 4, failed: 1, queued: 0, running: 0, cancelled: 0, retried: 0 },
      );
      assert.equal(
        workers.reduce((sum, { tasksDone }) => sum + tasksDone, 0),
        5,
      );
      assert.ok(runMs.p99! >= 20 && waitMs.p50! >= 0 && runMs.p50! <= runMs.p99!);
      for (const { busyShare, restarts } of workers) assert.ok(busyShare >= 0 && busyShare <= 1 && restarts === 0);
    }));

  test("close() lets what is there finish and takes nothing more; join() is for afterwards, within its limits", async () => {
    const pool = new Pool(1, { startMethod: method });
    await assert.rejects(pool.join(), { code: "ERR_MP_INVALID_STATE" });
    const slow = pool.submit(() => sleep(100).then(() => "done"));
    pool.close();
    pool.close();
    await assert.rejects(
      pool.submit(() => 1),
      (error) => error instanceof ClosedError,
    );
    await assert.rejects(
      pool.map(() => 1, [1]),
      { code: "ERR_MP_CLOSED" },
    );
    await assert.rejects(pool.imap(() => 1, [1]).next(), { code: "ERR_MP_CLOSED" });
    await assert.rejects(pool.join({ timeoutMs: 1 }), (error) => error instanceof TimeoutError);
    assert.equal(slow.state === "queued" || slow.state === "running", true);
    await pool.join();
    assert.equal(await slow, "done");
    await pool[Symbol.asyncDispose]();
  });

  test("terminate() cancels all, ends busy loops, and resolves when the workers are gone", async () => {
    const pool = new Pool(2, { startMethod: method });
    const busy = pool.submit(() => {
      for (;;);
    });
    const waiting = pool.map(() => sleep(60_000), [1, 2, 3, 4, 5]);
    const unheard = pool.submit(() => 1); // Nobody listens: that is no unhandled rejection.
    await pool.submit(() => 1, [], { priority: 1 }).catch(() => {});
    const ended = pool.terminate();
    await assert.rejects(busy, { code: "ERR_MP_CANCELLED" });
    await assert.rejects(waiting, { code: "ERR_MP_CANCELLED" });
    await ended;
    assert.equal(unheard.state, "cancelled");
    assert.equal(pool.statistics().workers.length, 0);
  });

  test("preload is imported before the initializer; affinity binds each worker to its processors", async () => {
    const module = new URL("../modules/leaves-a-mark.js", import.meta.url);
    const mark = (): number | undefined => (globalThis as { importedBy?: number }).importedBy;
    await withPool(1, { preload: [module], initializer: mark }, async (pool) => {
      const [atFirst, pid] = await pool.submit(() => [currentTask()!.state, process.pid]);
      assert.equal(atFirst, pid);
    });
    if (method === "spawn") return; // The addon is there with the other method for certain.
    await withPool(2, { affinity: [0] }, async (pool) => {
      const { readFileSync } = await import("node:fs");
      const allowed = (): string => /Cpus_allowed_list:\s*(\S+)/.exec(readFileSync("/proc/self/status", "utf8"))![1]!;
      assert.deepEqual(await pool.map(allowed, [1, 2]), ["0", "0"]);
    });
  });
});
