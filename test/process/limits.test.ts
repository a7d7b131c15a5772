/** Time limits and aborts are real: they end a busy loop, and what refuses to end. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { TimeoutError } from "#src/index.js";
import { leaveNothingBehind } from "../support/leaks.ts";
import { forEachStartMethod } from "../support/methods.ts";

function stubborn(): never {
  process.on("SIGTERM", () => {});
  process.on("SIGINT", () => {});
  for (;;);
}

forEachStartMethod((context) => {
  leaveNothingBehind();

  test("past timeoutMs a busy loop is ended by SIGTERM", async () => {
    const process_ = new context.Process({
      target: () => {
        for (;;);
      },
      timeoutMs: 100,
    });
    await process_.start();
    await assert.rejects(process_.result, (error) => error instanceof TimeoutError && error.code === "ERR_MP_TIMEOUT");
    await process_.join();
    assert.equal(process_.exitCode, -15);
  });

  test("what does not heed SIGTERM is killed after killGraceMs", async () => {
    const process_ = new context.Process({ target: stubborn, timeoutMs: 300, killGraceMs: 50 });
    await process_.start();
    await assert.rejects(process_.result, { code: "ERR_MP_TIMEOUT" });
    await process_.join();
    assert.ok(process_.exitCode === -9 || process_.exitCode === -15, String(process_.exitCode));
  });

  test("a process that ends in time is not touched by its limit", async () => {
    const process_ = new context.Process({ target: () => "in time", timeoutMs: 60_000 });
    await process_.start();
    assert.equal(await process_.result, "in time");
    await process_.join();
    assert.equal(process_.exitCode, 0);
  });

  test("a signal that was aborted before start: nothing is started, and start and result reject with the reason", async () => {
    const reason = { mine: true };
    const process_ = new context.Process({ target: stubborn, signal: AbortSignal.abort(reason) });
    const { result } = process_;
    await assert.rejects(process_.start(), (error) => error === reason);
    await assert.rejects(result, (error) => error === reason);
    assert.equal(process_.pid, undefined);
  });

  test("an abort ends the process, and its result rejects with the reason, untouched", async () => {
    const controller = new AbortController();
    const process_ = new context.Process({
      target: () => {
        for (;;);
      },
      signal: controller.signal,
    });
    await process_.start();
    const reason = Object.freeze(new Error("no longer wanted"));
    const stack = reason.stack;
    controller.abort(reason);
    await assert.rejects(process_.result, (error) => error === reason);
    assert.equal(reason.stack, stack);
    await process_.join();
    assert.equal(process_.exitCode, -15);
  });

  test("an abort before the start prevents it", async () => {
    const reason = new Error("never");
    const process_ = new context.Process({ target: () => 1, signal: AbortSignal.abort(reason) });
    await assert.rejects(process_.start(), (error) => error === reason);
    assert.equal(process_.pid, undefined);
  });

  test("an abort during the start ends it as well", async () => {
    const controller = new AbortController();
    const process_ = new context.Process({ target: stubborn, signal: controller.signal, killGraceMs: 50 });
    const started = process_.start();
    controller.abort("at once");
    await started;
    await assert.rejects(process_.result, (error) => error === "at once");
    await process_.join();
  });
});
