/** Python's rules of use, as errors that say what to do; and what happens to bad input at the door. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Process, type ProcessOptions } from "#src/index.js";
import { leaveNothingBehind } from "../support/leaks.ts";
import { forEachStartMethod } from "../support/methods.ts";

const forever = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 60_000));

test("options of the wrong kind are refused when the Process is made", () => {
  const wrong: Record<string, unknown>[] = [
    { group: "workers" },
    { target: 5 },
    { target: () => 1, args: "abc" },
    { target: () => 1, kwargs: [1] },
    { target: () => 1, name: 3 },
    { target: () => 1, daemon: "yes" },
    { target: () => 1, detached: 1 },
    { target: () => 1, signal: {} },
    { target: () => 1, timeoutMs: "5s" },
    { target: () => 1, timeoutMs: Number.NaN },
    { target: () => 1, timeoutMs: -1 },
    { target: () => 1, killGraceMs: -1 },
    { target: () => 1, killGraceMs: null },
    { target: () => 1, stdio: "tty" },
    { target: () => 1, env: "A=1" },
    { target: () => 1, cwd: 5 },
    { target: () => 1, execArgv: "--max-old-space-size=50" },
    { target: () => 1, arguments: [1] },
  ];
  for (const options of wrong) {
    assert.throws(() => new Process(options as ProcessOptions), { code: "ERR_MP_INVALID_ARGUMENT" });
  }
  assert.throws(() => new Process(5 as never), { code: "ERR_MP_INVALID_ARGUMENT" });
  assert.doesNotThrow(() => new Process({ group: null }));
});

forEachStartMethod((context) => {
  leaveNothingBehind();

  test("before start: join rejects; interrupt, terminate and kill throw; nothing is known yet", async () => {
    const process_ = new context.Process({ target: forever });
    await assert.rejects(process_.join(), { code: "ERR_MP_INVALID_STATE" });
    assert.throws(() => process_.interrupt(), { code: "ERR_MP_INVALID_STATE" });
    assert.throws(() => process_.terminate(), { code: "ERR_MP_INVALID_STATE" });
    assert.throws(() => process_.kill(), { code: "ERR_MP_INVALID_STATE" });
    assert.equal(process_.isAlive(), false);
    assert.deepEqual([process_.pid, process_.exitCode, process_.signalCode], [undefined, null, null]);
  });

  test("started twice, closed while running, daemon set too late: errors; the process is none the worse", async () => {
    const process_ = new context.Process({ target: forever });
    const starting = process_.start();
    await assert.rejects(process_.start(), { code: "ERR_MP_INVALID_STATE" });
    assert.throws(() => process_.close(), { code: "ERR_MP_INVALID_STATE" });
    await starting;
    await assert.rejects(process_.start(), { code: "ERR_MP_INVALID_STATE" });
    assert.throws(() => process_.close(), { code: "ERR_MP_INVALID_STATE" });
    assert.throws(
      () => {
        process_.daemon = true;
      },
      { code: "ERR_MP_INVALID_STATE" },
    );
    assert.equal(process_.isAlive(), true);
    process_.kill();
    await process_.join();
    await assert.rejects(process_.start(), { code: "ERR_MP_INVALID_STATE" });
  });

  test("after close nearly everything throws, and close does not", async () => {
    const process_ = new context.Process({ target: () => 1 });
    await process_.start();
    await process_.join();
    process_.close();
    process_.close();
    const closed = { code: "ERR_MP_CLOSED" };
    await assert.rejects(process_.start(), closed);
    await assert.rejects(process_.join(), closed);
    for (const call of ["interrupt", "terminate", "kill", "isAlive"] as const) {
      assert.throws(() => process_[call](), closed);
    }
    for (const property of ["pid", "exitCode", "signalCode", "sentinel"] as const) {
      assert.throws(() => process_[property], closed);
    }
    assert.equal(typeof process_.name, "string");
  });

  test("a wait with bad options rejects, it does not throw", async () => {
    const process_ = new context.Process({ target: () => 1 });
    await process_.start();
    const bad = process_.join({ timeout: 5 } as never);
    await assert.rejects(bad, { code: "ERR_MP_INVALID_ARGUMENT" });
    await assert.rejects(process_.join({ timeoutMs: Number.NaN }), { code: "ERR_MP_INVALID_ARGUMENT" });
    await process_.join();
  });

  test("a start that fails leaves the object as it was", async () => {
    const process_ = new context.Process({ target: () => 1, cwd: "/there/is/no/such/folder" });
    const result = process_.result;
    await assert.rejects(process_.start(), { code: "ERR_MP_PROCESS_START" });
    await assert.rejects(result, { code: "ERR_MP_PROCESS_START" });
    assert.equal(process_.isAlive(), false);
    await assert.rejects(process_.join(), { code: "ERR_MP_INVALID_STATE" });
    await assert.rejects(process_.start(), { code: "ERR_MP_PROCESS_START" });
    process_.close();
  });

  test("a process that another process made can be looked at, not directed", async () => {
    const other = new context.Process({ target: forever, name: "other" });
    await other.start();
    const looker = new context.Process({
      target: async () => {
        const codes: unknown[] = [other.name, other.pid];
        for (const call of [() => other.kill(), () => other.join(), () => other.start(), () => other.result]) {
          try {
            await call();
            codes.push("no error");
          } catch (error) {
            codes.push((error as { code?: string }).code);
          }
        }
        return codes;
      },
    });
    await looker.start();
    const told = await looker.result;
    const denied = "ERR_MP_INVALID_STATE";
    assert.deepEqual(told, ["other", other.pid, denied, denied, denied, denied]);
    await looker.join();
    other.kill();
    await other.join();
  });

  test("a process can find itself in what its target captures, and cannot join itself", async () => {
    const self: Process<() => Promise<unknown>> = new context.Process({
      target: async () => [
        self.name,
        self.pid === process.pid,
        self.isAlive(),
        await self.join().catch((error: unknown) => (error as { code: string }).code),
      ],
      name: "self",
    });
    await self.start();
    assert.deepEqual(await self.result, ["self", true, true, "ERR_MP_INVALID_STATE"]);
    await self.join();
  });
});
