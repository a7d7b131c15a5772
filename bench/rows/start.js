/** Starting processes, what they weigh, and how fast they then are. */
import { fork, spawn as spawnProgram } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import * as mp from "../../dist/index.js";
import { elapsedMs, median, perSecond } from "../harness.js";
import { allocate, nothing } from "../jobs.js";
import { emptyProgram, idleProgram } from "../node-peers.js";
import { killAll } from "../own.js";
import { findPython, python } from "../python.js";

const part = "start";
const library = new URL("../../dist/index.js", import.meta.url).href;

export function processOf(method) {
  return mp.getAllStartMethods().includes(method) ? mp.getContext(method).Process : undefined;
}

export async function startAndJoin(Process) {
  const child = new Process({ target: nothing });
  await child.start();
  await child.join();
  if (child.exitCode !== 0) throw new Error(`exit code ${child.exitCode}`);
}

/** A contender of one start method; skipped where this machine has it not. */
function by(method, sample) {
  const Process = processOf(method);
  return {
    open: () => (Process === undefined ? { skip: `"${method}" cannot be used here: npx mp doctor` } : undefined),
    sample: () => sample(Process),
  };
}

const startOf = (method) => by(method, (Process) => elapsedMs(() => startAndJoin(Process)));

async function many(Process, count) {
  return perSecond(count, () => Promise.all(Array.from({ length: count }, () => startAndJoin(Process))));
}

async function manyForks(count) {
  return perSecond(count, () => Promise.all(Array.from({ length: count }, () => once(fork(emptyProgram), "exit"))));
}

export function privateMiB(pid) {
  return Number(/Private_Dirty:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))[1]) / 1024;
}

const settle = () => new Promise((resolve) => setTimeout(resolve, 300));

async function idleMiB(Process) {
  const child = new Process({ target: () => new Promise((resolve) => setTimeout(resolve, 60_000)) });
  await child.start();
  await settle();
  const weight = privateMiB(child.pid);
  child.kill();
  await child.join();
  return weight;
}

async function idleForkMiB() {
  const child = fork(idleProgram);
  await once(child, "message");
  await settle();
  const weight = privateMiB(child.pid);
  child.kill("SIGKILL");
  await once(child, "exit");
  return weight;
}

async function job(Process) {
  const child = new Process({ target: allocate });
  await child.start();
  const spent = await child.result;
  await child.join();
  return spent;
}

/** As many processes as there are cores, that spin. */
function spinners() {
  const spinning = [];
  return {
    async open() {
      for (let n = 0; n < mp.cpuCount(); n++) {
        const child = new mp.Process({
          daemon: true,
          target: () => {
            for (;;);
          },
        });
        spinning.push(await child.start());
      }
    },
    close: () => killAll(spinning),
  };
}

/** A program, from its start to its first line. */
function firstLine(command, args) {
  return elapsedMs(async () => {
    const child = spawnProgram(command, args, { stdio: ["ignore", "pipe", "ignore"] });
    const ended = once(child, "exit");
    const said = await Promise.race([once(child.stdout, "data"), ended.then(() => undefined)]);
    if (said === undefined) throw new Error(`${command} ended without a word`);
    child.kill("SIGKILL");
    await ended;
  });
}

const coldOurs = (method) => `import { getContext } from ${JSON.stringify(library)};
const child = new (getContext(${JSON.stringify(method)}).Process)({ target: (n) => n * 2, args: [21] });
await child.start();
console.log(await child.result);`;
const coldFork = `import { fork } from "node:child_process";
const child = fork(${JSON.stringify(fileURLToPath(new URL("../peers/echo-child.js", import.meta.url)))}, { execArgv: [] });
child.once("message", (n) => console.log(n)).send(42);`;
const coldPython = (method) => `
import multiprocessing
if __name__ == "__main__":
    pool = multiprocessing.get_context("${method}").Pool(1)
    print(pool.apply(abs, (42,)), flush=True)
`;

const cold = (args) => ({ sample: () => firstLine(process.execPath, ["--input-type=module", "-e", ...args]) });

function coldPythonOf(method) {
  const folder = mkdtempSync(join(tmpdir(), "bench-cold-"));
  const peer = findPython();
  return {
    open() {
      if ("why" in peer) return { skip: peer.why };
      writeFileSync(join(folder, "cold.py"), coldPython(method));
    },
    sample: () => firstLine(peer.command, [join(folder, "cold.py")]),
    close: () => rmSync(folder, { recursive: true }),
  };
}

/** How long the import takes, by the clock of the program that does it. */
function importOf(module) {
  const text = `const start = performance.now(); await import(${JSON.stringify(module)}); console.log(performance.now() - start);`;
  return {
    async sample() {
      const child = spawnProgram(process.execPath, ["--input-type=module", "-e", text], {
        cwd: fileURLToPath(new URL("..", import.meta.url)),
        stdio: ["ignore", "pipe", "pipe"],
      });
      let out = "";
      let err = "";
      child.stdout.on("data", (data) => (out += data));
      child.stderr.on("data", (data) => (err += data));
      await once(child, "close");
      if (out === "") throw new Error(/ERR_MODULE_NOT_FOUND/.test(err) ? "not installed (npm install in bench/)" : err);
      return Number(out);
    },
  };
}

function pythonImport() {
  const peer = findPython();
  const text =
    "import time; t = time.perf_counter(); import multiprocessing.pool, multiprocessing.queues, multiprocessing.synchronize, concurrent.futures.process; print((time.perf_counter() - t) * 1000)";
  return {
    open: () => ("why" in peer ? { skip: peer.why } : undefined),
    async sample() {
      const child = spawnProgram(peer.command, ["-c", text], { stdio: ["ignore", "pipe", "inherit"] });
      let out = "";
      child.stdout.on("data", (data) => (out += data));
      await once(child, "close");
      return Number(out);
    },
  };
}

const forkFree = ["CPython forkserver", "CPython spawn"];

export default [
  {
    part,
    name: "Process start and join, trivial target",
    unit: "ms",
    better: "less",
    needs: ["Process"],
    rounds: 25,
    target: {
      text: "≤ 4 ms; 10 × ahead of child_process.fork, 4 × of CPython's fork-free methods",
      reached: (m) =>
        m.forkserver <= 4 &&
        m["child_process.fork"] >= 10 * m.forkserver &&
        forkFree.every((who) => m[who] === undefined || m[who] >= 4 * m.forkserver),
    },
    contenders: () => ({
      forkserver: startOf("forkserver"),
      spawn: startOf("spawn"),
      "child_process.fork": { sample: () => elapsedMs(() => once(fork(emptyProgram), "exit")) },
      "new Worker (thread)": { sample: () => elapsedMs(() => once(new Worker(emptyProgram), "exit")) },
      "CPython fork": python("start", "fork"),
      "CPython forkserver": python("start", "forkserver"),
      "CPython spawn": python("start", "spawn"),
    }),
  },
  {
    part,
    name: "100 processes started at once",
    unit: "/s",
    better: "more",
    needs: ["Process"],
    rounds: 5,
    target: { text: "≥ 300/s", reached: (m) => m.forkserver >= 300 },
    contenders: () => ({
      forkserver: by("forkserver", (Process) => many(Process, 100)),
      "child_process.fork": { sample: () => manyForks(100) },
      "CPython fork": python("start_many", "fork", 100),
      "CPython forkserver": python("start_many", "forkserver", 100),
    }),
  },
  {
    part,
    name: "Process start and join with 1,000,000 objects preloaded",
    unit: "ms",
    better: "less",
    needs: ["Process", "setForkserverPreload"],
    rounds: 5,
    target: {
      text: "≤ 2 × the trivial start",
      reached: (m) => m["1,000,000 objects preloaded"] <= 2 * m["nothing preloaded"],
    },
    contenders() {
      const folder = mkdtempSync(join(tmpdir(), "bench-heap-"));
      const heap = join(folder, "heap.mjs");
      writeFileSync(
        heap,
        "export const objects = Array.from({ length: 1_000_000 }, (_, n) => ({ n, text: `object ${n}` }));\n",
      );
      const Process = processOf("forkserver");
      // A program has one server, which the turns replace: what that costs is not counted.
      const withPreload = (modules) => async () => {
        mp.setForkserverPreload(modules);
        await startAndJoin(Process);
        const times = [];
        for (let n = 0; n < 5; n++) times.push(await elapsedMs(() => startAndJoin(Process)));
        return median(times);
      };
      return {
        "1,000,000 objects preloaded": {
          open: () => (Process === undefined ? { skip: '"forkserver" cannot be used here' } : undefined),
          sample: withPreload([heap]),
        },
        "nothing preloaded": {
          open: () => (Process === undefined ? { skip: '"forkserver" cannot be used here' } : undefined),
          sample: withPreload([]),
          close: () => rmSync(folder, { recursive: true }),
        },
      };
    },
  },
  {
    part,
    name: "private memory of an idle child",
    unit: "MiB",
    better: "less",
    needs: ["Process"],
    rounds: 3,
    target: { text: "≤ 2 MB", reached: (m) => m.forkserver <= 2 },
    contenders: () => ({
      forkserver: by("forkserver", idleMiB),
      spawn: by("spawn", idleMiB),
      "child_process.fork": { sample: idleForkMiB },
    }),
  },
  ...[false, true].map((busy) => ({
    part,
    name: `allocation-heavy job (GC, JSON) in a child, ${busy ? "busy" : "idle"} cores`,
    unit: "ms",
    better: "less",
    needs: ["Process"],
    rounds: busy ? 3 : 5,
    target: { text: "forkserver ≥ 0.9 × the speed of spawn", reached: (m) => m.spawn / m.forkserver >= 0.9 },
    contenders: () => ({
      forkserver: { ...(busy ? spinners() : {}), sample: () => job(processOf("forkserver")) },
      spawn: { sample: () => job(processOf("spawn")) },
    }),
  })),
  {
    part,
    name: "cold: program start to first result",
    unit: "ms",
    better: "less",
    needs: ["Process"],
    rounds: 10,
    target: { text: "≤ 120 ms (default start method)", reached: (m) => m["default start method"] <= 120 },
    contenders: () => ({
      "default start method": cold([coldOurs(mp.getAllStartMethods()[0])]),
      spawn: cold([coldOurs("spawn")]),
      "child_process.fork": cold([coldFork]),
      "CPython Pool, fork": coldPythonOf("fork"),
      "CPython Pool, forkserver": coldPythonOf("forkserver"),
      "CPython Pool, spawn": coldPythonOf("spawn"),
    }),
  },
  {
    part,
    name: "import of the package",
    unit: "ms",
    better: "less",
    rounds: 15,
    target: {
      text: "≤ 15 ms, and nothing started by it (test/package)",
      reached: (m) => m["node-multiprocessing"] <= 15,
    },
    contenders: () => ({
      "node-multiprocessing": importOf(library),
      piscina: importOf("piscina"),
      workerpool: importOf("workerpool"),
      "CPython multiprocessing": pythonImport(),
    }),
  },
];
