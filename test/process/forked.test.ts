/** A forked child is as any Node process: what fork() leaves wrong is put right. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { getAllStartMethods, getContext, type Process, type Target } from "#src/index.js";
import { leaveNothingBehind } from "../support/leaks.ts";

const skip = !getAllStartMethods().includes("forkserver");
const { Process: Forked } = skip ? ({ Process: undefined } as never) : getContext("forkserver");

/** Not in the types without those of browsers. */
interface WebAssemblyNamespace {
  compile(bytes: Uint8Array): Promise<object>;
  instantiate(module: object): Promise<{ readonly exports: Record<string, (...args: number[]) => number> }>;
}
function wasmOf(): WebAssemblyNamespace {
  return (globalThis as unknown as { WebAssembly: WebAssemblyNamespace }).WebAssembly;
}

async function run<R>(target: () => R, expected = 0): Promise<Awaited<R>> {
  const child = new Forked({ target: target as Target });
  await child.start();
  const result = await child.result;
  await child.join();
  assert.equal(child.exitCode, expected);
  return result as Awaited<R>;
}

async function exitOf(child: Process): Promise<number | null> {
  await child.start();
  await child.result.catch(() => {});
  await child.join();
  return child.exitCode;
}

test("in a forked child", { skip }, async (t) => {
  leaveNothingBehind();

  await t.test("process.pid, ppid, argv, execArgv, title, uptime are its own", async () => {
    const child = new Forked({
      target: () => ({
        pid: process.pid,
        ppid: process.ppid,
        argv: process.argv,
        execArgv: process.execArgv,
        title: process.title,
        uptime: process.uptime(),
      }),
    });
    await child.start();
    const answer = await child.result;
    await child.join();
    assert.equal(answer.pid, child.pid);
    assert.equal(answer.ppid, process.pid);
    assert.deepEqual(answer.argv, process.argv);
    assert.ok(!answer.execArgv.includes("--single-threaded"));
    assert.equal(answer.title, process.title);
    assert.ok(answer.uptime < 5, String(answer.uptime));
  });

  await t.test("siblings draw different random numbers and UUIDs", async () => {
    const draw = async (): Promise<unknown[]> => {
      const { randomUUID, randomBytes } = await import("node:crypto");
      return [Math.random(), Math.random(), randomUUID(), crypto.randomUUID(), randomBytes(8).toString("hex")];
    };
    const drawn = (await Promise.all(Array.from({ length: 8 }, () => run(draw)))).flat();
    assert.equal(new Set(drawn).size, drawn.length);
  });

  await t.test("exit listeners run, and may set the exit code; beforeExit may bring new work", async () => {
    const byListener = new Forked({
      target: () => {
        process.once("exit", () => {
          process.exitCode = 9;
        });
      },
    });
    assert.equal(await exitOf(byListener as Process), 9);
    const revived = new Forked({
      target: () => {
        process.once("beforeExit", () => {
          setTimeout(() => process.exit(6), 5);
        });
      },
    });
    assert.equal(await exitOf(revived as Process), 6);
    const direct = new Forked({ target: () => process.exit(300) });
    assert.equal(await exitOf(direct as Process), 300 & 0xff);
  });

  await t.test(
    "handlers of signals and of uncaught errors work; without one an error ends it with code 1",
    async () => {
      const handled = new Forked({
        target: async () => {
          const heard: string[] = [];
          process.on("SIGHUP", () => heard.push("SIGHUP"));
          process.on("uncaughtException", (error) => heard.push(error.message));
          process.kill(process.pid, "SIGHUP");
          setImmediate(() => {
            throw new Error("caught after all");
          });
          while (heard.length < 2) await new Promise((resolve) => setTimeout(resolve, 1));
          return heard.sort();
        },
      });
      await handled.start();
      assert.deepEqual(await handled.result, ["SIGHUP", "caught after all"]);
      await handled.join();
      for (const fail of ["throw", "reject"]) {
        const failing = new Forked({
          target: async () => {
            if (fail === "reject") void Promise.reject(new Error("nobody catches this"));
            else
              setImmediate(() => {
                throw new Error("nobody catches this");
              });
            await new Promise((resolve) => setTimeout(resolve, 10_000));
          },
          stdio: "pipe",
        });
        await failing.start();
        const said = text(failing.stderr!);
        await assert.rejects(failing.result, { message: "nobody catches this" });
        await failing.join();
        assert.equal(failing.exitCode, 1);
        assert.match(await said, /Error: nobody catches this\n\s+at .*forked\.test\.[jt]s/);
      }
    },
  );

  await t.test("it collects garbage, compiles, and keeps time", async () => {
    const answer = await run(async () => {
      let kept: unknown[] = [];
      for (let i = 0; i < 2_000_000; i++) {
        kept.push({ i, text: `text ${i}` });
        if (kept.length > 50_000) kept = kept.slice(25_000);
      }
      const start = performance.now();
      await new Promise((resolve) => setTimeout(resolve, 20));
      return performance.now() - start;
    });
    assert.ok(answer >= 18, String(answer));
  });

  await t.test("WebCrypto, WebAssembly, zlib, streams, files: and it ends by itself afterwards", async () => {
    const answer = await run(async () => {
      const { gzip, gunzipSync } = await import("node:zlib");
      const { promisify } = await import("node:util");
      const { Readable } = await import("node:stream");
      const fs = await import("node:fs/promises");
      const digest = await crypto.subtle.digest("SHA-256", Buffer.from("text"));
      const key = await crypto.subtle.generateKey({ name: "HMAC", hash: "SHA-256" }, true, ["sign"]);
      const signature = await crypto.subtle.sign("HMAC", key, Buffer.from("text"));
      // (module (func (export "add") (param i32 i32) (result i32) local.get 0 local.get 1 i32.add))
      const wasm = Uint8Array.from(
        Buffer.from("0061736d0100000001070160027f7f017f03020100070701036164640000" + "0a09010700200020016a0b", "hex"),
      );
      const { exports } = await wasmOf().instantiate(await wasmOf().compile(wasm));
      const add = exports["add"]!;
      const packed = await promisify(gzip)(Buffer.alloc(1_000_000, "abc"));
      let streamed = 0;
      for await (const n of Readable.from([1, 2, 3])) streamed += n as number;
      const file = await fs.readFile("/proc/self/stat", "utf8");
      return [
        digest.byteLength,
        signature.byteLength,
        add(2, 3),
        gunzipSync(packed).length,
        streamed,
        file.length > 10,
      ];
    });
    assert.deepEqual(answer, [32, 32, 5, 1_000_000, 6, true]);
  });

  await t.test("a WebAssembly module of a thousand functions", async () => {
    const functions = 1000;
    const answer = await run(async () => {
      const leb = (n: number): number[] => (n < 128 ? [n] : [(n & 127) | 128, ...leb(n >> 7)]);
      const section = (id: number, body: number[]): number[] => [id, ...leb(body.length), ...body];
      const each = Array.from({ length: functions }, (_, n) => n);
      const code = each.flatMap((n) => {
        const body = [0, 0x20, 0, 0x41, ...leb(n & 63), 0x6a, 0x0b];
        return [...leb(body.length), ...body];
      });
      const bytes = Uint8Array.from([
        ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
        ...section(1, [1, 0x60, 1, 0x7f, 1, 0x7f]),
        ...section(3, [...leb(functions), ...each.map(() => 0)]),
        ...section(7, [1, 1, 0x66, 0, 5]),
        ...section(10, [...leb(functions), ...code]),
      ]);
      const { exports } = await wasmOf().instantiate(await wasmOf().compile(bytes));
      return exports["f"]!(37);
    });
    assert.equal(answer, 42);
  });

  await t.test("TCP, HTTP, child_process, worker_threads, import() of what was not loaded", async () => {
    const answer = await run(async () => {
      const http = await import("node:http");
      const { execFile } = await import("node:child_process");
      const { promisify } = await import("node:util");
      const { Worker } = await import("node:worker_threads");
      const server = http.createServer((_request, response) => response.end("served"));
      await once(server.listen(0, "127.0.0.1"), "listening");
      const { port } = server.address() as { port: number };
      const fetched = await (await fetch(`http://127.0.0.1:${port}/`)).text();
      server.close();
      server.closeAllConnections();
      const { stdout } = await promisify(execFile)("echo", ["from a program"]);
      const worker = new Worker(`require("node:worker_threads").parentPort.postMessage(6 * 7)`, { eval: true });
      const [message] = (await once(worker, "message")) as [number];
      await worker.terminate();
      const { decode } = await import("node:querystring");
      return [fetched, stdout.trim(), message, decode("a=1")["a"]];
    });
    assert.deepEqual(answer, ["served", "from a program", 42, "1"]);
  });
});
