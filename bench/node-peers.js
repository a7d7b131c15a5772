/** Node's own ways and the pools of npm, as contenders. The pools are in bench/package.json, and nowhere else. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";

const file = (name) => fileURLToPath(new URL(`peers/${name}`, import.meta.url));
const jobs = fileURLToPath(new URL("jobs.js", import.meta.url));
export const emptyProgram = file("empty.cjs");
export const idleProgram = file("idle-child.js");

/** @param use gets the child, and answers the sample */
export function forked(use, serialization = "json") {
  let child;
  return {
    open() {
      child = fork(file("echo-child.js"), { serialization });
    },
    sample: () => use(child),
    async close() {
      child.disconnect();
      await once(child, "exit");
    },
  };
}

/** @param use gets a worker thread that echoes, and answers the sample */
export function thread(use) {
  let worker;
  return {
    open() {
      worker = new Worker(file("echo-thread.js"));
    },
    sample: () => use(worker),
    close: () => worker.terminate(),
  };
}

/** `count` messages there and back, one after another. */
export function roundTrips(peer, value, count) {
  const send = peer instanceof Worker ? peer.postMessage : peer.send;
  return new Promise((resolve) => {
    let left = count;
    const next = () => {
      if (left-- > 0) return send.call(peer, value);
      peer.off("message", next);
      resolve();
    };
    peer.on("message", next);
    next();
  });
}

/** Takes `count` messages that the child is told to send. */
export function takeProduced(child, request, count) {
  return new Promise((resolve) => {
    let left = count;
    const take = () => {
      if (--left > 0) return;
      child.off("message", take);
      resolve();
    };
    child.on("message", take);
    child.send({ produce: count, ...request });
  });
}

/** Theirs is JSON, which is quicker for small values, and makes an object of a Uint8Array. */
const serialization = (binary) => (binary ? { serialization: "advanced" } : {});

/** @type {Record<string, (workers: number, binary?: boolean) => Promise<{ run(name: string, value: unknown): Promise<unknown>, end(): Promise<unknown> }>>} */
export const pools = {
  async "piscina (threads)"(workers) {
    const { Piscina } = await import("piscina");
    const pool = new Piscina({ filename: jobs, minThreads: workers, maxThreads: workers });
    return { run: (name, value) => pool.run(value, { name }), end: () => pool.destroy() };
  },
  async "tinypool (processes)"(workers, binary) {
    const { Tinypool } = await import("tinypool");
    const options = { runtime: "child_process", ...serialization(binary), minThreads: workers, maxThreads: workers };
    const pool = new Tinypool({ filename: jobs, ...options });
    return { run: (name, value) => pool.run(value, { name }), end: () => pool.destroy() };
  },
  async "workerpool (processes)"(workers, binary) {
    const { default: workerpool } = await import("workerpool");
    const options = {
      workerType: "process",
      forkOpts: serialization(binary),
      minWorkers: workers,
      maxWorkers: workers,
    };
    const pool = workerpool.pool(file("workerpool.js"), options);
    return { run: (name, value) => pool.exec(name, [value]), end: () => pool.terminate() };
  },
  async "jest-worker (processes)"(workers) {
    const { Worker: JestWorker } = await import("jest-worker");
    const pool = new JestWorker(file("jest-worker.js"), { numWorkers: workers });
    return { run: (name, value) => pool[name](value), end: () => pool.end() };
  },
  async "poolifier (threads)"(workers) {
    const { FixedThreadPool } = await import("poolifier");
    const pool = new FixedThreadPool(workers, file("poolifier-thread.js"));
    return { run: (name, value) => pool.execute(value, name), end: () => pool.destroy() };
  },
  async "poolifier (processes)"(workers) {
    if (Number(process.versions.node.split(".")[0]) < 22) throw new Error("its cluster pool hangs on Node 20");
    const { FixedClusterPool } = await import("poolifier");
    const pool = new FixedClusterPool(workers, file("poolifier-cluster.js"));
    return { run: (name, value) => pool.execute(value, name), end: () => pool.destroy() };
  },
};

/** A contender for each pool of npm, or those of `names`; `use` gets its run function. @param binary its values are bytes */
export function peerPools(workers, use, { names = Object.keys(pools), binary = false } = {}) {
  return Object.fromEntries(
    names.map((name) => {
      let pool;
      const contender = {
        async open() {
          try {
            pool = await pools[name](workers, binary);
          } catch (error) {
            return {
              skip: error.code === "ERR_MODULE_NOT_FOUND" ? "not installed (npm install in bench/)" : error.message,
            };
          }
          for (let n = 0; n < workers * 2; n++) await pool.run("double", n);
        },
        sample: () => use(pool.run),
        close: () => pool?.end(),
      };
      return [name, contender];
    }),
  );
}
