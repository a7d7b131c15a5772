/**
 * A process gets ready while its job is still being encoded: whatever happens meanwhile, its target runs once with all of
 * its job, or not at all, and nobody notices that there was a process.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { addonOrUndefined } from "#src/host/addon.js";
import { Event, getAllStartMethods, getContext, UnserializableError } from "#src/index.js";
import { forkServersOf, spareOf } from "../support/fork-servers.ts";
import { leaveNothingBehind } from "../support/leaks.ts";
import { startProgram } from "../support/programs.ts";

const skip = !getAllStartMethods().includes("forkserver") || addonOrUndefined() === undefined;
const { Process } = skip ? ({ Process: undefined } as never) : getContext("forkserver");

/** Read when it is encoded. */
function whenEncoded<T>(read: () => T): { readonly value: T } {
  return Object.defineProperty({}, "value", { enumerable: true, get: read }) as { readonly value: T };
}

test("a start whose process is ready before its job", { skip }, async (t) => {
  leaveNothingBehind();

  await t.test(
    "a job that cannot be encoded leaves no process, no word, and no trace of the one that waited",
    async () => {
      const [server] = forkServersOf(process.pid);
      for (let round = 0; round < 20; round++) {
        const child = new Process({ target: () => {}, args: [new WeakMap()] as never });
        await assert.rejects(child.start(), UnserializableError);
        assert.equal(child.pid, undefined);
      }
      await spareOf(server!);
      const { stderr, stdout, code } = await startProgram("starts-what-cannot-be-sent").ended;
      assert.deepEqual([stdout, stderr, code], ["10 refused\n", "", 0]);
    },
  );

  await t.test("jobs of any size arrive whole", async () => {
    for (const size of [0, 60_000, 64_000, 65_000, 65_536, 70_000, 1_000_000]) {
      const text = "x".repeat(size);
      const child = new Process({ target: (told: string) => told.length, args: [text] });
      await child.start();
      assert.equal(await child.result, size);
      await child.join();
    }
  });

  await t.test("this thread may block while the job is encoded, until the process has long been there", async () => {
    const never = new Event();
    const blocking = whenEncoded(() => (never.waitSync({ timeoutMs: 50 }) ? "set" : "read"));
    const child = new Process({ target: (told: { value: string }) => told.value, args: [blocking] });
    await child.start();
    assert.equal(await child.result, "read");
    await child.join();
  });

  await t.test("nor does it matter if the job then turns out to be none", async () => {
    const never = new Event();
    const blocking = whenEncoded(() => never.waitSync({ timeoutMs: 50 }));
    const child = new Process({ target: () => {}, args: [blocking, new WeakMap()] as never });
    await assert.rejects(child.start(), UnserializableError);
  });

  await t.test("a start within a start: both run", async () => {
    let inner: InstanceType<typeof Process> | undefined;
    const starting = whenEncoded(() => {
      inner ??= new Process({ target: () => "inner" });
      void inner.start();
      return "outer";
    });
    const outer = new Process({ target: (told: { value: string }) => told.value, args: [starting] });
    await outer.start();
    assert.equal(await outer.result, "outer");
    await inner!.start().catch(() => {}); // It has been started.
    assert.equal(await inner!.result, "inner");
    await Promise.all([outer.join(), inner!.join()]);
  });

  for (const [victim, isTold] of [
    ["server", false],
    ["server", true],
    ["process itself", false],
    ["process itself", true],
  ] as const) {
    const known = isTold ? ", and this process hears of it" : "";
    await t.test(`while the job is encoded the ${victim} is killed${known}`, async () => {
      const [server] = forkServersOf(process.pid);
      const spare = await spareOf(server!);
      const killing = whenEncoded(() => {
        const pid = victim === "server" ? server! : spare;
        process.kill(pid, "SIGKILL");
        while (!hasEnded(pid)) continue;
        if (isTold) new Event().waitSync({ timeoutMs: 50 }); // What blocks the thread takes in what servers say.
        return pid;
      });
      const child = new Process({ target: (told: { value: number }) => [told.value, process.pid], args: [killing] });
      await child.start();
      const [killed, pid] = await child.result;
      assert.notEqual(pid, killed);
      await child.join();
      assert.equal(child.exitCode, 0);
      await (await new Process().start()).join(); // The next one finds a server again.
    });
  }
});

/** A zombie, too, has: whoever has to reap it does so later. */
function hasEnded(pid: number): boolean {
  try {
    return /^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return true;
  }
}
