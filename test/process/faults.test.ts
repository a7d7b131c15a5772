/**
 * The fault grid: {exit, throw, reject, SIGKILL, busy loop past timeoutMs, unserializable} × {while decoding, in the
 * target, while returning the result}. Each square gives one typed error, and nothing hangs or stays.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { join } from "node:path";
import type { Process } from "#src/index.js";
import { leaveNothingBehind } from "../support/leaks.ts";
import { forEachStartMethod } from "../support/methods.ts";
import { projectRoot } from "../support/project.ts";

type Fault = "exit" | "throw" | "reject" | "kill" | "loop";

/** Enough for a child to get to the fault on a slow machine, too short to be a nuisance. */
const timeoutMs = 3000;

async function commit(fault: Fault): Promise<never> {
  switch (fault) {
    case "exit":
      return process.exit(7);
    case "throw":
      throw new RangeError("thrown");
    case "reject":
      return Promise.reject(new RangeError("rejected"));
    case "kill":
      process.kill(process.pid, "SIGKILL");
      for (;;);
    case "loop":
      for (;;);
  }
}

/** Exported: so that a test program can name it; by value it would not be decoded by importing a module. */
const faultyModule = (fault: Fault): string =>
  pathToFileURL(join(projectRoot, "build", "test", "programs", `faulty-module.js`)).href + `?${fault}`;

const expected: Record<Fault, { error: Record<string, unknown>; exitCode: number }> = {
  exit: { error: { code: "ERR_MP_PROCESS_EXITED", exitCode: 7, signalCode: null }, exitCode: 7 },
  throw: { error: { name: "RangeError", message: "thrown" }, exitCode: 1 },
  reject: { error: { name: "RangeError", message: "rejected" }, exitCode: 1 },
  kill: { error: { code: "ERR_MP_PROCESS_EXITED", exitCode: -9, signalCode: "SIGKILL" }, exitCode: -9 },
  loop: { error: { code: "ERR_MP_TIMEOUT" }, exitCode: -15 },
};

async function check(process_: Process, fault: Fault): Promise<void> {
  await process_.start();
  await assert.rejects(process_.result, expected[fault].error);
  assert.equal(await process_.join(), true);
  assert.equal(process_.exitCode, expected[fault].exitCode);
}

forEachStartMethod((context, method) => {
  leaveNothingBehind();

  for (const fault of ["exit", "throw", "reject", "kill", "loop"] as const) {
    test(`${fault} while decoding`, async () => {
      // A function of a module is taken by reference: importing the module, again in the child, is what goes wrong.
      process.env["FAULTY_MODULE_IS_SOUND"] = "1";
      const { work } = (await import(faultyModule(fault))) as { work: () => string };
      delete process.env["FAULTY_MODULE_IS_SOUND"];
      await check(new context.Process({ target: work, timeoutMs, stdio: "ignore" }) as Process, fault);
    });

    test(`${fault} in the target`, async () => {
      await check(new context.Process({ target: commit, args: [fault], timeoutMs, stdio: "ignore" }) as Process, fault);
    });

    test(`${fault} while returning the result`, async () => {
      const process_ = new context.Process({
        target: (): object => ({
          get value(): string {
            switch (fault) {
              case "exit":
                return process.exit(7);
              case "kill":
                process.kill(process.pid, "SIGKILL");
                for (;;);
              case "loop":
                for (;;);
              default:
                throw new RangeError(fault);
            }
          },
        }),
        timeoutMs,
        stdio: "ignore",
      }) as Process;
      if (fault !== "throw" && fault !== "reject") return check(process_, fault);
      await process_.start();
      await assert.rejects(process_.result, { code: "ERR_MP_UNSERIALIZABLE" });
      await process_.join();
      assert.equal(process_.exitCode, 0);
    });
  }

  test("unserializable while starting: start rejects, and nothing is started", async () => {
    const socketLike = new WeakMap();
    const process_ = new context.Process({ target: () => socketLike, name: "resize-1" });
    await assert.rejects(process_.start(), (error: Error & { code?: string }) => {
      assert.equal(error.code, "ERR_MP_UNSERIALIZABLE");
      assert.match(error.message, /socketLike/);
      assert.match(error.message, /resize-1/);
      return true;
    });
    assert.equal(process_.pid, undefined);
  });

  test("unserializable in the arguments names their path", async () => {
    const process_ = new context.Process({
      target: (value: unknown) => value,
      args: [{ list: [1, new Promise(() => {})] }],
    });
    await assert.rejects(process_.start(), (error: Error) => /\[0\]\.list\[1\]/.test(error.message));
  });

  test("an unserializable result rejects with UnserializableError, and the exit code is 0", async () => {
    const process_ = new context.Process({ target: () => ({ inner: new WeakSet() }) });
    await process_.start();
    await assert.rejects(process_.result, (error: Error & { code?: string }) => {
      assert.equal(error.code, "ERR_MP_UNSERIALIZABLE");
      assert.match(error.message, /inner/);
      return true;
    });
    await process_.join();
    assert.equal(process_.exitCode, 0);
  });

  test("an unserializable error arrives as a description of itself", async () => {
    const process_ = new context.Process({
      target: () => {
        throw Object.assign(new RangeError("with baggage"), { socket: new WeakMap() });
      },
      stdio: "ignore",
    });
    await process_.start();
    await assert.rejects(process_.result, (error: Error) => {
      assert.match(error.message, /with baggage/);
      return true;
    });
    await process_.join();
    assert.equal(process_.exitCode, 1);
  });

  // A forked child has it at another descriptor each time.
  const skip = method !== "spawn";
  test("bytes that a child writes to the control channel by mistake are an error, not a crash", { skip }, async () => {
    const process_ = new context.Process({
      target: async () => {
        const { writeSync } = await import("node:fs");
        writeSync(3, "hello, this is not for you");
        return 1;
      },
      stdio: "ignore",
    });
    await process_.start();
    await assert.rejects(process_.result, { code: "ERR_MP_MALFORMED_MESSAGE" });
    await process_.join();
  });

  test("a result of 50 MB arrives whole, also when the process exits right after it", async () => {
    const size = 50 * 2 ** 20;
    const process_ = new context.Process({
      target: () => {
        setImmediate(() => process.exit(0));
        return new Uint8Array(size).fill(7);
      },
    });
    await process_.start();
    const bytes = (await process_.result) as Uint8Array;
    assert.equal(bytes.length, size);
    assert.equal(
      bytes.findIndex((byte) => byte !== 7),
      -1,
    );
    await process_.join();
  });

  test("a child killed while it sends 50 MB gives an error, and no half of it", async () => {
    const process_ = new context.Process({
      target: () => {
        setTimeout(() => process.kill(process.pid, "SIGKILL"), 1);
        return new Promise((resolve) => setImmediate(() => resolve(new Uint8Array(50 * 2 ** 20))));
      },
    });
    await process_.start();
    const outcome = await process_.result.then(
      (value) => (value as Uint8Array).length,
      (error: { code: string }) => error.code,
    );
    assert.ok(outcome === 50 * 2 ** 20 || outcome === "ERR_MP_PROCESS_EXITED", String(outcome));
    await process_.join();
    assert.equal(process_.exitCode, -9);
  });
});
