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
