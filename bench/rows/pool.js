/** The pool against those of npm and of CPython, two workers each. */
import * as mp from "../../dist/index.js";
import { elapsedMs, perSecond } from "../harness.js";
import { double, same, touch } from "../jobs.js";
import { peerPools, pools } from "../node-peers.js";
import { python } from "../python.js";

const part = "pool";
const workers = 2;

export function pooled(size, use, options) {
  let pool;
  return {
    async open() {
      pool = new mp.Pool(size, options);
      await pool.map(
        double,
        Array.from({ length: size * 2 }, (_, n) => n),
        { chunkSize: 1 },
      );
    },
    sample: () => use(pool),
    close: () => pool.terminate(),
  };
}

const numbers = (count) => Array.from({ length: count }, (_, n) => n);

function mapOf(count, chunkSize) {
  const items = numbers(count);
  return (pool) =>
    perSecond(count, async () => {
      const results = await pool.map(double, items, chunkSize === undefined ? {} : { chunkSize });
      if (results.length !== count || results[7] !== 14) throw new Error("map answered wrongly");
    });
}

const allAtOnce = (count) => (run) => perSecond(count, () => Promise.all(numbers(count).map((n) => run("double", n))));

const oneByOne = (count) => async (run) => {
  const spent = await elapsedMs(async () => {
    for (let n = 0; n < count; n++) await run("double", n);
  });
  return (spent / count) * 1000;
};

const poolFirst = (startMethod) => ({
  sample: async () => {
    let pool;
    const spent = await elapsedMs(async () => {
      pool = new mp.Pool(2, { startMethod });
      await Promise.all([pool.submit(double, [1]), pool.submit(double, [2])]);
    });
    await pool.terminate();
    return spent;
  },
});

function peerFirst(name) {
  return {
    async sample() {
      let pool;
      const spent = await elapsedMs(async () => {
        pool = await pools[name](2);
        await Promise.all([pool.run("double", 1), pool.run("double", 2)]);
      });
      await pool.end();
      return spent;
    },
  };
}

const hundred = 100 * 2 ** 20;

export default [
  {
    part,
    name: "Pool.map, 100,000 trivial tasks, automatic chunks",
    unit: "/s",
    better: "more",
    needs: ["Pool"],
    rounds: 7,
    target: {
      text: "≥ CPython",
      reached: (m) => (m["CPython Pool"] === undefined ? undefined : m.Pool >= m["CPython Pool"]),
    },
    contenders: () => ({
      Pool: pooled(workers, mapOf(100_000)),
      "CPython Pool": python("pool_map", workers, 100_000, 0),
    }),
  },
  {
    part,
    name: "Pool.map, 20,000 trivial tasks, chunkSize 1",
    unit: "/s",
    better: "more",
    needs: ["Pool"],
    rounds: 7,
    target: { text: "≥ 150,000/s", reached: (m) => m.Pool >= 150_000 },
    contenders: () => ({
      Pool: pooled(workers, mapOf(20_000, 1)),
      "CPython Pool": python("pool_map", workers, 20_000, 1),
    }),
  },
  {
    part,
    name: "50,000 submits at once",
    unit: "/s",
    better: "more",
    needs: ["Pool"],
    rounds: 5,
    target: { text: "≥ 150,000/s", reached: (m) => m.Pool >= 150_000 },
    contenders: () => ({
      Pool: pooled(workers, (pool) => allAtOnce(50_000)((_, n) => pool.submit(double, [n]))),
      ...peerPools(workers, allAtOnce(10_000)),
      "CPython ProcessPoolExecutor": python("executor_submit", workers, 3000),
    }),
  },
  {
    part,
    name: "one task after another (latency)",
    unit: "µs",
    better: "less",
    needs: ["Pool"],
    rounds: 7,
    target: { text: "≤ 40 µs", reached: (m) => m.Pool <= 40 },
    contenders: () => ({
      Pool: pooled(workers, (pool) => oneByOne(2000)((_, n) => pool.submit(double, [n]))),
      ...peerPools(workers, oneByOne(1000)),
      "CPython Pool": python("pool_latency", 500),
    }),
  },
  {
    part,
    name: "Pool(2) created to first two results",
    unit: "ms",
    better: "less",
    needs: ["Pool"],
    rounds: 9,
    target: { text: "≤ 12 ms with a warm fork server", reached: (m) => m.Pool <= 12 },
    contenders: () => ({
      Pool: poolFirst(undefined),
      "Pool, spawn": poolFirst("spawn"),
      ...Object.fromEntries(Object.keys(pools).map((name) => [name, peerFirst(name)])),
      "CPython Pool, fork": python("pool_first", "fork"),
      "CPython Pool, forkserver": python("pool_first", "forkserver"),
      "CPython Pool, spawn": python("pool_first", "spawn"),
    }),
  },
  {
    part,
    name: "100 MB to a pool worker and back",
    unit: "ms",
    better: "less",
    needs: ["Pool"],
    rounds: 5,
    target: { text: "≤ 150 ms", reached: (m) => m.Pool <= 150 },
    contenders() {
      const bytes = new Uint8Array(hundred);
      return {
        Pool: pooled(1, (pool) =>
          elapsedMs(async () => {
            const back = await pool.submit(same, [bytes]);
            if (back.byteLength !== hundred) throw new Error("it came back another");
          }),
        ),
        ...peerPools(1, (run) => elapsedMs(() => run("same", bytes)), { binary: true }),
        "CPython Pool": python("pool_bytes", hundred),
        "CPython ProcessPoolExecutor": python("executor_bytes", hundred),
      };
    },
  },
  {
    part,
    name: "100 MB to a pool worker, as a SharedArray",
    unit: "ms",
    better: "less",
    needs: ["Pool", "SharedArray"],
    rounds: 9,
    target: { text: "≤ 2 ms", reached: (m) => m["SharedArray"] <= 2 },
    contenders() {
      let shared;
      return {
        SharedArray: pooled(1, (pool) =>
          elapsedMs(async () => {
            shared ??= new mp.SharedArray(Uint8Array, hundred);
            await pool.submit(touch, [shared]);
          }),
        ),
        "CPython SharedMemory by name": python("pool_shared", hundred),
      };
    },
  },
];
