/**
 * Starting processes, against child_process.fork, alternating in one run: `npm run bench`.
 *
 * Absolute times depend on the machine; the ratios are what counts. Nothing in the tests asserts them.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { getAllStartMethods, getContext, setForkserverPreload } from "../dist/index.js";

const rounds = Number(process.argv[2] ?? 40);
const folder = mkdtempSync(join(tmpdir(), "bench-"));
const empty = join(folder, "empty.cjs");
writeFileSync(empty, "");
const heap = join(folder, "heap.mjs");
writeFileSync(
  heap,
  "export const objects = Array.from({ length: 1_000_000 }, (_, n) => ({ n, text: `object ${n}` }));\n",
);
// A certificate store that Node reads at each start would slow down the other side only.
delete process.env.NODE_EXTRA_CA_CERTS;

const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];

async function timed(work) {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

async function startAndJoin(Process, target = () => {}) {
  const child = new Process({ target });
  await child.start();
  await child.join();
  if (child.exitCode !== 0) throw new Error(`exit code ${child.exitCode}`);
}

function privateKiB(pid) {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  return Number(/Private_Dirty:\s+(\d+)/.exec(rollup)[1]);
}

function allocate() {
  const start = performance.now();
  let kept = [];
  for (let i = 0; i < 3_000_000; i++) {
    kept.push({ i, text: `text ${i}` });
    if (kept.length > 100_000) kept = kept.slice(50_000);
  }
  JSON.parse(JSON.stringify(kept));
  return performance.now() - start;
}

async function ask(Process, target) {
  const child = new Process({ target });
  await child.start();
  const result = await child.result;
  await child.join();
  return result;
}

const rows = [];
const row = (what, value, target) => rows.push([what, value, target]);
const spawn = getContext("spawn").Process;
console.log(
  `Node ${process.version}, ${cpus().length} cores (${cpus()[0]?.model ?? "unknown"}), ${new Date().toISOString().slice(0, 10)}, ${rounds} rounds\n`,
);

if (getAllStartMethods().includes("forkserver")) {
  const forked = getContext("forkserver").Process;
  await startAndJoin(forked); // The server itself is started once for a program.
  const times = { forkserver: [], spawn: [], child_process: [] };
  for (let i = 0; i < rounds; i++) {
    times.forkserver.push(await timed(() => startAndJoin(forked)));
    times.child_process.push(await timed(() => once(fork(empty), "exit")));
    if (i % 4 === 0) times.spawn.push(await timed(() => startAndJoin(spawn)));
  }
  const base = median(times.child_process);
  row("child_process.fork of an empty file, start to exit", `${base.toFixed(1)} ms`, "");
  row("Process by spawn, start and join", `${median(times.spawn).toFixed(1)} ms`, "");
  row("Process by forkserver, start and join", `${median(times.forkserver).toFixed(1)} ms`, "≤ 4 ms");
  row("  against child_process.fork", `${(median(times.forkserver) / base).toFixed(3)} ×`, "≤ 0.1 ×");

  const many = await timed(async () => {
    await Promise.all(Array.from({ length: 100 }, () => startAndJoin(forked)));
  });
  row("100 at once", `${(100_000 / many).toFixed(0)}/s`, "≥ 300/s");

  const idle = new forked({ target: () => new Promise((resolve) => setTimeout(resolve, 60_000)) });
  await idle.start();
  await new Promise((resolve) => setTimeout(resolve, 300));
  row("private memory of an idle child", `${(privateKiB(idle.pid) / 1024).toFixed(2)} MiB`, "≤ 2 MB");
  idle.kill();
  await idle.join();

  const jobs = { forkserver: [], spawn: [] };
  for (let i = 0; i < 5; i++) {
    jobs.forkserver.push(await ask(forked, allocate));
    jobs.spawn.push(await ask(spawn, allocate));
  }
  const speed = median(jobs.spawn) / median(jobs.forkserver);
  row("allocation-heavy job in a forked child, against a spawned one", `${speed.toFixed(2)} × as fast`, "≥ 0.9 ×");

  setForkserverPreload([heap]);
  await startAndJoin(forked);
  const preloaded = [];
  for (let i = 0; i < rounds; i++) preloaded.push(await timed(() => startAndJoin(forked)));
  const ratio = median(preloaded) / median(times.forkserver);
  row("with 1,000,000 objects preloaded", `${median(preloaded).toFixed(1)} ms (${ratio.toFixed(2)} ×)`, "≤ 2 ×");
  setForkserverPreload([]);
} else {
  console.log('the start method "forkserver" cannot be used here: npx mp doctor says why');
}

const width = Math.max(...rows.map(([what]) => what.length));
for (const [what, value, target] of rows) {
  console.log(`${what.padEnd(width)}  ${value.padStart(18)}${target === "" ? "" : `   target ${target}`}`);
}
rmSync(folder, { recursive: true });
