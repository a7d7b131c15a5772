/** Worker threads in forked children: they start, work, end by themselves or by force, and the child ends after them. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import type { WorkerOptions } from "node:worker_threads";
import { getAllStartMethods, getContext, type Target } from "#src/index.js";
import { leaveNothingBehind } from "../support/leaks.ts";

const skip = !getAllStartMethods().includes("forkserver");
const { Process: Forked } = skip ? ({ Process: undefined } as never) : getContext("forkserver");
const file = new URL("../modules/worker-esm.js", import.meta.url).href;

/** A thread that waits for those that fork() did not copy waits for ever. */
const timeoutMs = 60_000;

async function run<R>(target: Target, args: readonly unknown[]): Promise<R> {
  const child = new Forked({ target, args, timeoutMs });
  await child.start();
  const result: unknown = await child.result;
  await child.join();
  assert.equal(child.exitCode, 0);
  return result as R;
}

/** Leaves the collector with tasks for threads that are not there. */
function makeGarbage(objects: number): void {
  let kept: object[] = [];
  for (let i = 0; i < objects; i++) {
    kept.push({ i, text: `text ${i}` });
    if (kept.length > 100_000) kept = kept.slice(50_000);
  }
}

test("worker threads in a forked child", { skip }, async (t) => {
  leaveNothingBehind();

  for (const garbage of [0, 3_000_000]) {
    await t.test(`end by themselves, after ${garbage} objects of garbage`, async () => {
      const codes = await run<number[]>(
        async (objects: number) => {
          const { Worker } = await import("node:worker_threads");
          makeGarbage(objects);
          const found: number[] = [];
          const options: WorkerOptions[] = [{ eval: true }, { eval: true, execArgv: [] }, { eval: true, env: {} }];
          for (const option of options) {
            const worker = new Worker("require('node:zlib').gzipSync('x')", option);
            const [code] = (await once(worker, "exit")) as [number];
            found.push(code);
          }
          return found;
        },
        [garbage],
      );
      assert.deepEqual(codes, [0, 0, 0]);
    });
  }

  await t.test("of a file, with a thread of its own, with garbage in each", async () => {
    const answer = await run<number[]>(
      async (href: string) => {
        const { Worker } = await import("node:worker_threads");
        makeGarbage(1_000_000);
        const worker = new Worker(new URL(href), { workerData: { nested: true, garbage: 300_000 } });
        const exit = once(worker, "exit");
        const [message] = (await once(worker, "message")) as [number];
        const [code] = (await exit) as [number];
        return [message, code];
      },
      [file],
    );
    assert.deepEqual(answer, [64, 0]);
  });

  await t.test("end by terminate(), by process.exit() and by an error", async () => {
    const answer = await run<unknown[]>(async () => {
      const { Worker } = await import("node:worker_threads");
      makeGarbage(3_000_000);
      const idle = new Worker("setInterval(() => {}, 1000)", { eval: true });
      await once(idle, "online");
      const busy = new Worker("for (;;);", { eval: true });
      await once(busy, "online");
      const leaving = new Worker("process.exit(5)", { eval: true });
      const [code] = (await once(leaving, "exit")) as [number];
      const failing = new Worker("throw new Error('of a worker')", { eval: true });
      const [error] = (await once(failing, "error")) as [Error];
      return [await idle.terminate(), await busy.terminate(), code, error.message];
    }, []);
    assert.deepEqual(answer, [1, 1, 5, "of a worker"]);
  });

  await t.test("that still run end with the child", async () => {
    const child = new Forked({
      timeoutMs,
      target: async () => {
        const { Worker } = await import("node:worker_threads");
        await once(new Worker("setInterval(() => {}, 1000)", { eval: true }), "online");
        setImmediate(() => process.exit(4));
      },
    });
    await child.start();
    await child.join();
    assert.equal(child.exitCode, 4);
  });

  await t.test("many rounds, side by side", async () => {
    const rounds = 12;
    const target = async (href: string): Promise<number> => {
      const { Worker } = await import("node:worker_threads");
      const { createServer } = await import("node:http");
      const server = createServer((_request, response) => response.end("served"));
      await once(server.listen(0, "127.0.0.1"), "listening");
      const { port } = server.address() as { port: number };
      await (await fetch(`http://127.0.0.1:${port}/`)).text();
      server.close();
      server.closeAllConnections();
      makeGarbage(500_000);
      const workers = [0, 1, 2].map(
        () => new Worker(new URL(href), { workerData: { nested: false, garbage: 100_000 } }),
      );
      const exits = await Promise.all(workers.map((worker) => once(worker, "exit")));
      return exits.length;
    };
    for (let round = 0; round < rounds; round += 2) {
      assert.deepEqual(await Promise.all([run(target, [file]), run(target, [file])]), [3, 3], `round ${round}`);
    }
  });
});
