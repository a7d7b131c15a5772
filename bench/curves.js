/**
 * How cost grows. Each curve (`curve-titles.js`) is a list of rows, one for each place on its x axis, measured as rows are;
 * the plots are drawn from their results.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as mp from "../dist/index.js";
import { elapsedMs, perSecond } from "./harness.js";
import { double } from "./jobs.js";
import { idleProgram, peerPools } from "./node-peers.js";
import { pooled } from "./rows/pool.js";
import { queued } from "./rows/channel.js";
import { privateMiB, processOf, startAndJoin } from "./rows/start.js";
import { python } from "./python.js";

const mebibyte = 2 ** 20;

/** A module with so much on its heap, made of the objects that programs have. */
const heapModule = (megabytes) => `export const kept = [];
while (process.memoryUsage().heapUsed < ${megabytes} * 2 ** 20) {
  for (let i = 0; i < 10_000; i++) kept.push({ i, text: \`object \${i}\`, list: [i, i + 1] });
}
`;

const startAgainstHeap = [0, 100, 1000].map((megabytes) => ({
  curve: "start-against-heap",
  at: megabytes,
  name: `start and join with ${megabytes} MB of heap preloaded`,
  unit: "ms",
  better: "less",
  needs: ["Process", "setForkserverPreload"],
  rounds: 15,
  contenders() {
    const folder = mkdtempSync(join(tmpdir(), "bench-heap-"));
    const Process = processOf("forkserver");
    return {
      forkserver: {
        async open() {
          if (Process === undefined) return { skip: '"forkserver" cannot be used here' };
          const file = join(folder, `heap-${megabytes}.mjs`);
          writeFileSync(file, heapModule(megabytes));
          mp.setForkserverPreload(megabytes === 0 ? [] : [file]);
          await startAndJoin(Process);
        },
        sample: () => elapsedMs(() => startAndJoin(Process)),
        close() {
          mp.setForkserverPreload([]);
          rmSync(folder, { recursive: true });
        },
      },
    };
  },
}));

const poolAgainstWorkers = [1, 2, 4, 8].map((workers) => ({
  curve: "pool-against-workers",
  at: workers,
  name: `submits at once, ${workers} workers`,
  unit: "/s",
  better: "more",
  needs: ["Pool"],
  rounds: 5,
  contenders: () => ({
    Pool: pooled(workers, (pool) =>
      perSecond(20_000, () => Promise.all(Array.from({ length: 20_000 }, (_, n) => pool.submit(double, [n])))),
    ),
    ...peerPools(
      workers,
      (run) => perSecond(5000, () => Promise.all(Array.from({ length: 5000 }, (_, n) => run("double", n)))),
      { names: ["piscina (threads)", "tinypool (processes)", "workerpool (processes)"] },
    ),
    "CPython ProcessPoolExecutor": python("executor_submit", workers, 1500),
  }),
}));

/** Fewer of the large ones. */
const countFor = (sizeBytes) => Math.max(4, Math.min(50_000, Math.floor((128 * mebibyte) / sizeBytes)));

const queueAgainstSize = [16, 256, 4096, 65_536, mebibyte, 16 * mebibyte, 64 * mebibyte].map((sizeBytes) => ({
  curve: "queue-against-size",
  at: sizeBytes,
  name: `Queue, messages of ${sizeBytes} bytes`,
  unit: "MiB/s",
  better: "more",
  needs: ["Queue"],
  rounds: 3,
  contenders() {
    const count = countFor(sizeBytes);
    const inMebibytes = (contender) => ({
      ...contender,
      sample: async () => ((await contender.sample()) * sizeBytes) / mebibyte,
    });
    return {
      Queue: inMebibytes(queued(1, sizeBytes, count, { maxSize: 1000 })),
      "CPython Queue": inMebibytes(python("queue", 1, sizeBytes, Math.max(4, Math.floor(count / 4)))),
    };
  },
}));

const queueAgainstProducers = [1, 2, 4, 8, 16].map((producers) => ({
  curve: "queue-against-producers",
  at: producers,
  name: `Queue, ${producers} producers, integers`,
  unit: "/s",
  better: "more",
  needs: ["Queue"],
  rounds: 3,
  contenders: () => ({
    Queue: queued(producers, 7, 160_000),
    "CPython Queue": python("queue", producers, "int", 32_000),
  }),
}));

/** Several at once, idle, weighed together, per one. */
function weighed(count, start) {
  return {
    async sample() {
      const children = await Promise.all(Array.from({ length: count }, start));
      await new Promise((resolve) => setTimeout(resolve, 500));
      const weight = children.reduce((sum, { pid }) => sum + privateMiB(pid), 0);
      await Promise.all(children.map(({ stop }) => stop()));
      return weight;
    },
  };
}

async function idleProcess(Process) {
  const child = new Process({ target: () => new Promise((resolve) => setTimeout(resolve, 60_000)) });
  await child.start();
  const stop = async () => {
    child.kill();
    await child.join();
  };
  return { pid: child.pid, stop };
}

async function idleFork() {
  const child = fork(idleProgram);
  await once(child, "message");
  const stop = async () => {
    child.kill("SIGKILL");
    await once(child, "exit");
  };
  return { pid: child.pid, stop };
}

const memoryAgainstWorkers = [1, 10, 30, 100].map((count) => ({
  curve: "memory-against-workers",
  at: count,
  name: `private memory of ${count} idle processes`,
  unit: "MiB",
  better: "less",
  needs: ["Process"],
  rounds: 3,
  contenders() {
    const Process = processOf("forkserver") ?? processOf("spawn");
    return {
      Process: weighed(count, () => idleProcess(Process)),
      "child_process.fork": weighed(count, idleFork),
    };
  },
}));

export default [
  ...startAgainstHeap,
  ...poolAgainstWorkers,
  ...queueAgainstSize,
  ...queueAgainstProducers,
  ...memoryAgainstWorkers,
].map((row) => ({ part: "curves", ...row }));
