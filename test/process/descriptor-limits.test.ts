/** No descriptors left: a start is refused, nothing that cannot be watched runs, and what runs goes on. */
import assert from "node:assert/strict";
import { execFileSync, spawn, type SpawnOptions } from "node:child_process";
import { closeSync, existsSync, openSync, readdirSync, unlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { getAllStartMethods, getContext } from "#src/index.js";
import { forkServersOf, mostSpares, spareOf } from "../support/fork-servers.ts";
import { childrenOf, leaveNothingBehind } from "../support/leaks.ts";
import { forEachStartMethod } from "../support/methods.ts";
import { Program } from "../support/programs.ts";
import { projectRoot } from "../support/project.ts";

const skip = !getAllStartMethods().includes("forkserver");

/** Changes the limit of a process that runs; util-linux's prlimit(1) is on every Linux but the smallest. */
function limitDescriptors(pid: number, soft: number): void {
  execFileSync("prlimit", ["--pid", String(pid), `--nofile=${soft}:`]);
}

const programFile = (name: string): string => join(projectRoot, "build", "test", "programs", `${name}.js`);
const piped: SpawnOptions = { stdio: ["ignore", "pipe", "pipe"] };
const openIn = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length;

function withoutCoverage(): NodeJS.ProcessEnv {
  const { NODE_V8_COVERAGE: _, ...env } = process.env;
  return env;
}

function takeAllDescriptors(): number[] {
  const taken: number[] = [];
  for (;;) {
    try {
      taken.push(openSync("/dev/null", "r"));
    } catch (error) {
      assert.equal((error as { code: string }).code, "EMFILE");
      return taken;
    }
  }
}

forEachStartMethod((_context, method) => {
  test("a family under a low ulimit -n is refused starts, and goes on once there is room", async () => {
    for (const limit of [64, 65, 66, 67, 68, 69]) {
      const program = programFile("starts-until-refused");
      const command = `ulimit -n ${limit}; exec "${process.execPath}" "${program}" ${method} 60`;
      // Coverage opens files of its own, for which there is no room.
      const shell = new Program(spawn("sh", ["-c", command], { ...piped, env: withoutCoverage() }));
      const { stdout, stderr, code } = await shell.ended;
      const told = `${stdout}${stderr}`;
      assert.equal(code, 0, told);
      assert.match(stdout, /^refused ERR_MP_PROCESS_START after \d+\ncodes (-9)?\nlast after all\n$/, told);
      assert.equal(stderr, "", told);
    }
  });
});

test("the server out of descriptors", { skip }, async (t) => {
  leaveNothingBehind();
  const { Process: Forked } = skip ? ({} as never) : getContext("forkserver");

  await t.test(
    "refuses each request, whichever descriptor it is that it lacks, and runs on",
    { timeout: 60_000 },
    async () => {
      const [server] = forkServersOf(process.pid);
      await spareOf(server!);
      const before = openIn(server!);
      let refusals = 0;
      // A request needs 5 descriptors that come with it, 2 for the child's connection, 2 for watching it, 1 to be epoll's.
      for (let room = 0; room <= 12; room++) {
        const marker = join(tmpdir(), `ran-${process.pid}-${room}`);
        const child = new Forked({
          target: async (file: string) => {
            const { writeFileSync } = await import("node:fs");
            writeFileSync(file, "");
          },
          args: [marker],
        });
        // Those that were forked ahead under the last round's limit have that limit themselves.
        const old = childrenOf(server!);
        for (const pid of old) process.kill(Number(pid), "SIGKILL");
        while (childrenOf(server!).some((pid) => old.includes(pid)))
          await new Promise((resolve) => setImmediate(resolve));
        const renewed = new Forked({ target: () => {} });
        await renewed.start();
        await renewed.join();
        await spareOf(server!);
        while (openIn(server!) !== before) await new Promise((resolve) => setImmediate(resolve));
        limitDescriptors(server!, before + room);
        let refused = false;
        try {
          await child.start();
          await child.join();
        } catch (error) {
          assert.equal((error as { code: string }).code, "ERR_MP_PROCESS_START");
          refused = true;
          refusals++;
        } finally {
          limitDescriptors(server!, 1024);
        }
        const ran = existsSync(marker);
        assert.equal(ran, !refused, `with room for ${room}`);
        if (ran) unlinkSync(marker);
        assert.deepEqual(forkServersOf(process.pid), [server]);
        // The memory of one that has ended is given back by another process, a moment later.
        while (childrenOf(server!).length > mostSpares) await new Promise((resolve) => setImmediate(resolve));
      }
      assert.ok(refusals >= 3 && refusals < 13, String(refusals));
      const last = new Forked({ target: () => {} });
      await last.start();
      await last.join();
      await spareOf(server!);
      while (openIn(server!) !== before) await new Promise((resolve) => setImmediate(resolve));
    },
  );

  await t.test(
    "the owner out of descriptors: no process runs that it could not watch, detached ones neither",
    async () => {
      const [server] = forkServersOf(process.pid);
      const limit = openIn(process.pid) + 50;
      limitDescriptors(process.pid, limit);
      for (const detached of [false, true]) {
        for (let room = 0; room <= 12; room++) {
          const child = new Forked({ target: () => {}, detached, stdio: "ignore" });
          const taken = takeAllDescriptors();
          for (const descriptor of taken.splice(0, room)) closeSync(descriptor);
          try {
            await child.start();
            await child.join();
          } catch (error) {
            assert.equal((error as { code: string }).code, "ERR_MP_PROCESS_START");
          } finally {
            for (const descriptor of taken) closeSync(descriptor);
          }
          while (childrenOf(server!).length > mostSpares) await new Promise((resolve) => setImmediate(resolve));
          assert.deepEqual(forkServersOf(process.pid), [server]);
        }
      }
      limitDescriptors(process.pid, 1024);
    },
  );

  await t.test("a spare process that has lost its room for a request is not given one", async () => {
    const [server] = forkServersOf(process.pid);
    const spare = await spareOf(server!);
    limitDescriptors(spare, 4);
    const child = new Forked({ target: () => process.pid });
    await child.start();
    assert.notEqual(await child.result, spare);
    await child.join();
    assert.equal(child.exitCode, 0);
    await spareOf(server!);
  });

  await t.test("an answer for which too many descriptors are in flight waits, without spinning", async () => {
    const command = [process.execPath, programFile("too-many-in-flight")];
    // The limit is none for root.
    const nobody = ["setpriv", "--reuid=65533", "--regid=65533", "--clear-groups"];
    const [file, ...args] = process.getuid!() === 0 ? [...nobody, ...command] : command;
    const { stdout, stderr } = await new Program(spawn(file!, args, piped)).ended;
    const [, ticks] = /^early waits\nticks (\d+)\nlate 1\n$/.exec(stdout) ?? [];
    assert.ok(ticks !== undefined, stdout + stderr);
    assert.ok(Number(ticks) < 20, `${ticks} ticks of 10 ms in half a second`);
  });
});
