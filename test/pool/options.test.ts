/** What a pool refuses: by name, at once, and what it could not know before its workers are there. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Pool, ProcessPoolExecutor } from "#src/index.js";
import { addonOrUndefined } from "#src/host/addon.js";
import { leaveNothingBehind } from "../support/leaks.ts";

leaveNothingBehind();

test("options of the wrong kind are refused at the door, by name", async () => {
  const refused = { code: "ERR_MP_INVALID_ARGUMENT" };
  assert.throws(() => new Pool(0), refused);
  for (const count of [1.5, Infinity, 1e9]) assert.throws(() => new Pool(count), refused);
  assert.throws(() => new Pool(1, { retries: -1 }), refused);
  assert.throws(() => new Pool(1, { affinity: [] }), refused);
  assert.throws(() => new Pool(1, { unknown: 1 } as never), refused);
  const wrong: Record<string, readonly unknown[]> = {
    initializer: [5, "f", null],
    initArgs: [5, {}],
    maxTasksPerChild: [0, 1.5, NaN, "1"],
    maxMemoryPerChildBytes: [0, -1, "1"],
    startMethod: ["fork", 5, null],
    preload: ["x", [5], [""]],
    retries: [-1, 1.5, NaN],
    cancelGraceMs: [-1, NaN, "1"],
    idleTimeoutMs: [-1, NaN, "1"],
    affinity: [[], 1, [[]], [-1]],
    name: [5],
  };
  for (const [option, values] of Object.entries(wrong)) {
    for (const value of values) {
      const message = option === "startMethod" ? /start method/ : new RegExp(option);
      assert.throws(() => new Pool(1, { [option]: value }), { ...refused, message }, `${option}: ${String(value)}`);
      assert.throws(() => new ProcessPoolExecutor(1, { [option]: value }), { ...refused, message });
    }
  }
  const pool = new Pool(1);
  for (const size of [0, Infinity, "2" as never]) assert.throws(() => pool.resize(size), refused);
  await assert.rejects(pool.submit("no function" as unknown as () => void), refused);
  await assert.rejects(
    pool.submit(() => 1, 5 as never),
    refused,
  );
  await assert.rejects(
    pool.map(() => 1, 5 as never),
    refused,
  );
  await assert.rejects(
    pool.map(() => 1, [1], { chunkSize: 0 }),
    refused,
  );
  await assert.rejects(pool.imap(() => 1, [1], { buffer: 0 }).next(), refused);
  await assert.rejects(
    pool.map(() => 1, [1], { buffer: 1 } as never),
    refused,
  );
  await assert.rejects(pool.terminate({ force: "yes" } as never), refused);
  await assert.rejects(pool.terminate({ hard: true } as never), refused);
  await pool.terminate();
});

test("options of a call that are of the wrong kind reject it, by name, and run nothing", async () => {
  const pool = new Pool(1);
  const ofTask: Record<string, readonly unknown[]> = {
    timeoutMs: [-1, NaN, "1", null],
    signal: [5, {}],
    priority: [NaN, "1"],
  };
  const ofMap: Record<string, readonly unknown[]> = {
    ...ofTask,
    chunkSize: [0, 1.5, "all"],
    onError: ["ignore", true],
    progress: [5, null, { labl: "x" }, { label: 5 }, { total: -1 }, { stream: 5 }, { onProgress: 5 }],
  };
  const stop = (): void => process.exit(9); // Whoever runs it fails by another error.
  const calls: [options: Record<string, readonly unknown[]>, call: (options: never) => Promise<unknown>][] = [
    [{ ...ofTask, kwargs: [5, null, []] }, (options) => pool.submit(stop, [], options)],
    [{ ...ofTask, kwargs: [5, null, []] }, (options) => pool.apply(stop, [], options)],
    [ofMap, (options) => pool.map(stop, [1], options)],
    [ofMap, (options) => pool.starmap(stop, [[]], options)],
    [{ ...ofMap, buffer: [0, 1.5] }, (options) => pool.imap(stop, [1], options).next()],
    [{ ...ofMap, buffer: [0, 1.5] }, (options) => pool.imapUnordered(stop, [1], options).next()],
  ];
  for (const [options, call] of calls) {
    for (const [option, values] of Object.entries({ ...options, unknown: [1] })) {
      for (const value of values) {
        const refused = { code: "ERR_MP_INVALID_ARGUMENT", message: new RegExp(option) };
        await assert.rejects(call({ [option]: value } as never), refused, `${option}: ${String(value)}`);
      }
    }
  }
  const { done, failed, running, queued } = pool.statistics();
  assert.deepEqual([done, failed, running, queued], [0, 0, 0, 0]);
  await pool.terminate();
});

test("a pool and an executor that a function captures are refused, with what to do instead", async () => {
  const pool = new Pool(1);
  const executor = new ProcessPoolExecutor(1);
  const refused = {
    code: "ERR_MP_UNSERIALIZABLE",
    message: /workers belong to this process[\s\S]*inside the function/,
  };
  await assert.rejects(
    pool.submit(() => pool.size),
    refused,
  );
  await assert.rejects(
    pool.submit(() => executor.shutdown()),
    refused,
  );
  await pool.terminate();
  await executor.terminateWorkers();
});

test("processors that are not there fail the pool, by name", { skip: addonOrUndefined() === undefined }, async () => {
  const pool = new Pool(1, { affinity: [1000] });
  await assert.rejects(
    pool.submit(() => 1),
    { code: "ERR_MP_INVALID_ARGUMENT", message: /affinity.*1000/ },
  );
  await pool.terminate();
});
