/** The pool in the words of `concurrent.futures`: what it adds to a Pool's contract, by each start method. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ProcessPoolExecutor } from "#src/index.js";
import { leaveNothingBehind } from "../support/leaks.ts";
import { forEachStartMethod } from "../support/methods.ts";

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function* slowly<T>(items: Iterable<T>): AsyncGenerator<T> {
  for (const item of items) {
    await sleep(0);
    yield item;
  }
}

forEachStartMethod((_context, method) => {
  leaveNothingBehind();

  test("submit, map of several iterables, shutdown", async () => {
    const executor = new ProcessPoolExecutor(2, { startMethod: method });
    assert.equal(await executor.submit((a: number, b: number) => a ** b, 2, 10), 1024);
    const rows: string[] = [];
    for await (const row of executor.map((a: number, b: string) => a + b, [1, 2, 3], slowly(["a", "b"])))
      rows.push(row);
    assert.deepEqual(rows, ["1a", "2b"]);
    const running = executor.submit(() => sleep(100).then(() => 1));
    while (running.state !== "running") await sleep(1);
    const others = Array.from({ length: 5 }, () => executor.submit(() => sleep(100)));
    await executor.shutdown({ cancelFutures: true });
    assert.equal(await running, 1);
    const states = others.map(({ state }) => state);
    assert.equal(states.filter((state) => state === "cancelled").length >= 4, true, String(states));
    await Promise.allSettled(others);
    await assert.rejects(
      executor.submit(() => 1),
      { code: "ERR_MP_CLOSED" },
    );
    const other = new ProcessPoolExecutor(1, { startMethod: method });
    const stuck = other.submit(() => {
      for (;;);
    });
    await other.killWorkers();
    await assert.rejects(stuck, { code: "ERR_MP_CANCELLED" });
  });

  test("shutdown without waiting lets what is there finish; terminateWorkers() ends busy loops", async () => {
    const executor = new ProcessPoolExecutor(1, { startMethod: method });
    const slow = executor.submit(() => sleep(100).then(() => "done"));
    await executor.shutdown({ wait: false });
    assert.equal(slow.finishedAt, undefined);
    assert.equal(await slow, "done");
    await executor.shutdown();
    const other = new ProcessPoolExecutor(1, { startMethod: method });
    const stuck = other.submit(() => {
      for (;;);
    });
    while (stuck.state !== "running") await sleep(1);
    const ended = other.terminateWorkers();
    await assert.rejects(stuck, { code: "ERR_MP_CANCELLED" });
    await ended;
  });
});
