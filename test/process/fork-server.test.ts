/** The fork server: preloading, nesting, many at once, its own death. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { release, tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { rootCertificates } from "node:tls";
import {
  currentProcess,
  Event,
  getAllStartMethods,
  getContext,
  parentProcess,
  setForkserverPreload,
  type Target,
} from "#src/index.js";
import { forkServersOf, mostSpares, spareOf } from "../support/fork-servers.ts";
import { leaveNothingBehind } from "../support/leaks.ts";
import { gone, startProgram } from "../support/programs.ts";
import { projectRoot } from "../support/project.ts";

const skip = !getAllStartMethods().includes("forkserver");
const context = skip ? getContext("spawn") : getContext("forkserver");

/** MADV_COLLAPSE is there from Linux 6.1 on. */
const [major = 0, minor = 0] = release().split(".").map(Number);
const hasLargePages = existsSync("/sys/kernel/mm/transparent_hugepage") && (major > 6 || (major === 6 && minor >= 1));

async function run<R>(target: () => R): Promise<Awaited<R>> {
  const child = new context.Process({ target: target as Target });
  await child.start();
  const result = await child.result;
  await child.join();
  return result as Awaited<R>;
}

const module = (name: string): string => new URL(`../modules/${name}.js`, import.meta.url).href;

test("the fork server", { skip }, async (t) => {
  leaveNothingBehind();

  await t.test("is started once, for any number of starts at the same time", async () => {
    const children = Array.from({ length: 40 }, (_, n) => new context.Process({ target: () => n }));
    await Promise.all(children.map((child) => child.start()));
    const results = await Promise.all(children.map((child) => child.result));
    await Promise.all(children.map((child) => child.join()));
    assert.deepEqual(
      results,
      Array.from({ length: 40 }, (_, n) => n),
    );
    assert.equal(forkServersOf(process.pid).length, 1);
  });

  await t.test(
    "its death takes nothing with it: children run on, their exit codes arrive, the next start has a new one",
    async () => {
      const [server] = forkServersOf(process.pid);
      const waiting = (how: string): Target => {
        return async () => {
          const alive = setInterval(() => {}, 1000);
          await new Promise((resolve) => process.once("SIGHUP", resolve));
          clearInterval(alive);
          if (how === "exit") process.exit(7);
          if (how === "throw") throw new Error("after the server");
          if (how === "kill") process.kill(process.pid, "SIGKILL");
          return how;
        };
      };
      const children = ["return", "exit", "throw", "kill"].map((how) => {
        return new context.Process({ target: waiting(how), name: how, stdio: "pipe" });
      });
      const ready = children.map(async (child) => {
        const { stdout } = await child.start();
        return stdout;
      });
      await Promise.all(ready);
      // Each has installed its handler when a later child of the same owner has run: the handler is the first thing done.
      for (const child of children) {
        while (!(await handles(child.pid!, 1))) await new Promise((resolve) => setImmediate(resolve));
      }
      process.kill(server!, "SIGKILL");
      await gone(server!);
      for (const child of children) process.kill(child.pid!, "SIGHUP");
      await Promise.all(children.map((child) => child.join()));
      for (const child of children) child.result.catch(() => {});
      assert.deepEqual(
        children.map(({ name, exitCode }) => [name, exitCode]),
        [
          ["return", 0],
          ["exit", 7],
          ["throw", 1],
          ["kill", -9],
        ],
      );
      assert.equal(await run(() => "new"), "new");
      assert.notDeepEqual(forkServersOf(process.pid), [server]);
    },
  );

  await t.test("stopped, it cannot hide the end of a process", async () => {
    const [server] = forkServersOf(process.pid);
    const child = new context.Process({ target: () => new Promise((resolve) => setTimeout(resolve, 60_000)) });
    await child.start();
    process.kill(server!, "SIGSTOP");
    try {
      child.kill();
      assert.equal(await child.join({ timeoutMs: 10_000 }), true);
    } finally {
      process.kill(server!, "SIGCONT");
    }
    await assert.rejects(child.result, { code: "ERR_MP_PROCESS_EXITED" });
  });

  await t.test("children start processes of their own, through the same server", async () => {
    const answer = await run(async () => {
      const inner = new context.Process({ target: () => [process.pid, process.ppid] });
      await inner.start();
      const result = await inner.result;
      await inner.join();
      return [process.pid, result, forkServersOf(process.pid).length] as const;
    });
    const [middle, [leaf, parent], servers] = answer as [number, number[], number];
    assert.equal(parent, middle);
    assert.notEqual(leaf, middle);
    assert.equal(servers, 0);
  });

  await t.test("preloads modules: their data is there at once, and their randomness is not repeated", async () => {
    setForkserverPreload([module("preloaded")]);
    const read = async (): Promise<unknown[]> => {
      const start = performance.now();
      const { table, early } = (await import(module("preloaded"))) as typeof import("../modules/preloaded.ts");
      const ms = performance.now() - start;
      const { randomUUID } = await import("node:crypto");
      return [table.loadedBy, table.rows.length, process.pid, Math.random(), randomUUID(), early[0], ms];
    };
    const first = await run(read);
    const second = await run(read);
    assert.ok(forkServersOf(process.pid).includes(first[0] as number));
    assert.equal(first[0], second[0]);
    assert.equal(first[1], 100_000);
    assert.equal(first[5], second[5]);
    assert.notEqual(first[3], second[3]);
    assert.notEqual(first[4], second[4]);
    setForkserverPreload([]);
  });

  await t.test(
    "what is preloaded and large is in large pages, of which a child copies only what it writes to",
    async () => {
      setForkserverPreload([module("preloaded-numbers")]);
      const write = async (): Promise<[found: number[], kilobytes: Record<string, number>]> => {
        const { numbers } = (await import(
          module("preloaded-numbers")
        )) as typeof import("../modules/preloaded-numbers.ts");
        const places = Array.from({ length: 10 }, (_, n) => n * 2 ** 20);
        const found = places.map((at) => numbers[at]!);
        for (const at of places) numbers[at] = 2.5;
        const rollup = readFileSync("/proc/self/smaps_rollup", "utf8");
        const lines = [...rollup.matchAll(/^(\w+):\s+(\d+) kB$/gm)].map(([, name, size]) => [name, Number(size)]);
        return [found, Object.fromEntries(lines) as Record<string, number>];
      };
      for (let n = 0; n < 2; n++) {
        const [found, kilobytes] = await run(write);
        assert.deepEqual(found, new Array(10).fill(1.5));
        assert.ok(kilobytes["Private_Dirty"]! < 8 * 1024, JSON.stringify(kilobytes));
        if (hasLargePages) assert.ok(kilobytes["AnonHugePages"]! > 0, JSON.stringify(kilobytes));
      }
      setForkserverPreload([]);
    },
  );

  await t.test("says which module cannot be preloaded, and recovers", async () => {
    setForkserverPreload(["./no-such-module.js"]);
    const child = new context.Process({ target: () => 1 });
    await assert.rejects(child.start(), (error: Error & { code: string }) => {
      assert.equal(error.code, "ERR_MP_PROCESS_START");
      assert.match(error.message, /no-such-module/);
      return true;
    });
    setForkserverPreload([]);
    assert.equal(await run(() => 2), 2);
  });

  await t.test("has its heap in one piece, and is afterwards no larger than it is", async () => {
    await allBroughtIn();
    const maps = readFileSync(`/proc/${forkServersOf(process.pid)[0]}/maps`, "utf8")
      .trim()
      .split("\n");
    const ranges = maps.map((line) => line.split(/[- ]/, 2).map((place) => Number.parseInt(place, 16)));
    // Where V8 puts a page of its heap at a time, if it may; Node 20 to 26 have 60 and more there.
    const places = ranges.filter(([start]) => start! >= 2 ** 36 && start! < 2 ** 46 - 2 ** 12);
    assert.ok(places.length < 10, maps.join("\n"));
    assert.ok(!ranges.some(([start, end]) => end! - start! > 2 ** 40), maps.join("\n"));
  });

  for (const theirs of [undefined, join(projectRoot, "dist", "native", "heap_places.so")]) {
    await t.test(`LD_PRELOAD is as its owner has it: ${theirs === undefined ? "not set" : "set"}`, async () => {
      if (theirs !== undefined) process.env["LD_PRELOAD"] = theirs;
      setForkserverPreload([module("environment")]);
      try {
        const [inServer, inChild] = await run(async () => {
          const { environment } = (await import(module("environment"))) as typeof import("../modules/environment.ts");
          return [environment, { ...process.env }];
        });
        for (const environment of [inServer!, inChild!]) {
          assert.equal(environment["LD_PRELOAD"], theirs);
          assert.deepEqual(
            Object.keys(environment).filter((name) => name.includes("PRELOADED") || name === "LD_BIND_NOW"),
            [],
          );
        }
      } finally {
        delete process.env["LD_PRELOAD"];
        setForkserverPreload([]);
      }
    });
  }

  await t.test("bad preload lists are refused at the door", () => {
    for (const bad of ["x", [1], [""], undefined]) {
      assert.throws(() => setForkserverPreload(bad as never), { code: "ERR_MP_INVALID_ARGUMENT" });
    }
  });

  await t.test("execArgv is refused when it is asked for by name, and taken by spawn when it is not", async () => {
    const named = new context.Process({ target: () => 1, execArgv: ["--stack-size=900"] });
    await assert.rejects(named.start(), { code: "ERR_MP_NOT_SUPPORTED" });
    const { Process } = getContext();
    const free = new Process({ target: () => process.execArgv, execArgv: ["--stack-size=900"] });
    await free.start();
    assert.deepEqual(await free.result, ["--stack-size=900"]);
    await free.join();
  });
});

test("a preloaded module that starts a thread makes spawn the method, with no hang", { skip }, async () => {
  const program = startProgram("preloads-a-thread", [module("preload-worker")]);
  const { stdout, code } = await program.ended;
  assert.equal(code, 0);
  assert.deepEqual(stdout.trim().split("\n"), ["answered 42", "methods spawn"]);
});

test("the thread that reads certificates for node:tls ends before it is counted", { skip }, async () => {
  const folder = mkdtempSync(join(tmpdir(), "certificates-"));
  try {
    const file = join(folder, "many.pem");
    writeFileSync(file, `${rootCertificates[0]!}\n`.repeat(3000)); // Node 22 to 26 read for 60 ms.
    const env = { ...process.env, NODE_EXTRA_CA_CERTS: file };
    const { stdout, code } = await startProgram("preloads-a-thread", ["node:tls"], { env }).ended;
    assert.equal(code, 0);
    assert.deepEqual(stdout.trim().split("\n"), ["answered 42", "methods forkserver,spawn"]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("the process that is forked ahead of a request", { skip }, async (t) => {
  leaveNothingBehind();

  await t.test("takes the next request on, with what its owner has then", async () => {
    const [server] = forkServersOf(process.pid);
    const spare = await spareOf(server!);
    process.env["SET_AFTER_THE_FORK"] = "yes";
    const before = process.umask(0o027);
    try {
      const child = new context.Process({
        target: () => [
          process.env["SET_AFTER_THE_FORK"],
          process.umask(),
          process.pid,
          process.uptime(),
          Math.random(),
        ],
      });
      await child.start();
      const [set, mask, pid, uptime] = (await child.result) as [string, number, number, number, number];
      await child.join();
      assert.deepEqual([set, mask, pid], ["yes", 0o027, spare]);
      assert.ok(uptime < 5, String(uptime));
      assert.notEqual(await spareOf(server!), spare);
    } finally {
      process.umask(before);
      delete process.env["SET_AFTER_THE_FORK"];
    }
  });

  await t.test("idle, it tries out its life, of which nothing is left when its request comes", async () => {
    const facts = (): unknown[] => [
      ["beforeExit", "exit", "uncaughtExceptionMonitor"].map((event) => process.listenerCount(event)),
      [process.exitCode, process.argv, process.title, currentProcess().daemon, parentProcess()!.pid],
      Object.keys(process.env).sort(),
      readdirSync("/proc/self/fd").length,
      /^Cpus_allowed_list:.*$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[0],
    ];
    const child = (): InstanceType<typeof context.Process> =>
      new context.Process({ target: () => [process.pid, facts(), Math.random()] });
    const [server] = forkServersOf(process.pid);
    const numbers: unknown[] = [];
    for (let round = 0; round < 2; round++) {
      const spare = await spareOf(server!);
      const all = Array.from({ length: mostSpares + 1 }, child); // For the last there is none.
      await Promise.all(all.map((each) => each.start()));
      const results = (await Promise.all(all.map((each) => each.result))) as unknown[][];
      await Promise.all(all.map((each) => each.join()));
      assert.equal(results[0]![0], spare);
      const fresh = results.at(-1)!;
      for (const idle of results.slice(0, -1)) assert.deepEqual(idle[1], fresh[1]);
      numbers.push(...results.map((each) => each[2]));
    }
    assert.equal(new Set(numbers).size, 2 * (mostSpares + 1), String(numbers));
  });

  await t.test("is replaced when it is killed, by whatever signal, stopped or not, and nobody notices", async () => {
    const [server] = forkServersOf(process.pid);
    for (const signals of [["SIGKILL"], ["SIGTERM"], ["SIGSTOP", "SIGKILL"], ["SIGINT"]] as const) {
      const spare = await spareOf(server!);
      for (const signal of signals) process.kill(spare, signal);
      await gone(spare); // One that is just ending may be given a request.
      assert.equal(await run(() => 5), 5);
    }
    assert.deepEqual(forkServersOf(process.pid), [server]);
  });

  await t.test(
    "those that give back the memory of children are reaped, also by a server that was stopped meanwhile",
    async () => {
      const [server] = forkServersOf(process.pid);
      await spareOf(server!);
      const ends = new Event();
      const children = Array.from(
        { length: 6 },
        () => new context.Process({ target: (event: Event) => event.wait(), args: [ends] }),
      );
      await Promise.all(children.map((child) => child.start()));
      process.kill(server!, "SIGSTOP");
      ends.set();
      await Promise.all(children.map((child) => child.join()));
      process.kill(server!, "SIGCONT");
      await spareOf(server!); // It has no other children, dead ones neither.
      assert.deepEqual(
        children.map((child) => child.exitCode),
        [0, 0, 0, 0, 0, 0],
      );
    },
  );

  for (const state of ["waiting", "stopped"]) {
    await t.test(`ends with its server, ${state}`, async () => {
      const [server] = forkServersOf(process.pid);
      const spare = await spareOf(server!);
      if (state === "stopped") process.kill(spare, "SIGSTOP");
      process.kill(server!, "SIGKILL");
      await gone(spare);
      assert.equal(await run(() => 6), 6);
    });
  }
});

for (const state of ["serving", "stopped"]) {
  test(`the server ends with its root, which is killed while the server is ${state}`, { skip }, async () => {
    const program = startProgram("family", ["forkserver", "idle", "2", "wait"]);
    await program.tells("running", 2);
    const servers = forkServersOf(program.child.pid!);
    assert.equal(servers.length, 1);
    if (state === "stopped") process.kill(servers[0]!, "SIGSTOP");
    program.child.kill("SIGKILL");
    await once(program.child, "exit");
    await gone(servers[0]!);
  });
}

/** A server brings in a step's worth after each of the first requests, and only then forks ahead, and gives places back. */
async function allBroughtIn(): Promise<void> {
  for (let i = 0; i < 20; i++) await run(() => 0);
}

/** Whether a process has a handler for the signal: /proc tells. */
async function handles(pid: number, signal: number): Promise<boolean> {
  const { readFile } = await import("node:fs/promises");
  const caught = /^SigCgt:\s*(\w+)/m.exec(await readFile(`/proc/${pid}/status`, "utf8"))![1]!;
  return ((BigInt(`0x${caught}`) >> BigInt(signal - 1)) & 1n) === 1n;
}
