/** Locks and shared values. */
import * as mp from "../../dist/index.js";
import { perSecond } from "../harness.js";
import { killAll } from "../own.js";
import { python } from "../python.js";

const part = "sync";

async function fight(lock, barrier, count) {
  for (;;) {
    await barrier.wait();
    for (let n = 0; n < count; n++) {
      lock.acquireSync();
      lock.release();
    }
    await barrier.wait();
  }
}

async function fightAsync(lock, barrier, count) {
  for (;;) {
    await barrier.wait();
    for (let n = 0; n < count; n++) {
      if (!lock.tryAcquire()) await lock.acquire();
      lock.release();
    }
    await barrier.wait();
  }
}

function contended(processes, count, target) {
  let barrier;
  const children = [];
  return {
    async open() {
      const lock = new mp.Lock();
      barrier = new mp.Barrier(processes + 1);
      for (let n = 0; n < processes; n++) {
        const child = new mp.Process({ target, args: [lock, barrier, count], daemon: true, stdio: "ignore" });
        children.push(await child.start());
      }
    },
    async sample() {
      await barrier.wait();
      return perSecond(processes * count, () => barrier.wait());
    },
    close: () => killAll(children),
  };
}

function nanoseconds(count, work) {
  const start = performance.now();
  work(count);
  return ((performance.now() - start) / count) * 1e6;
}

function alone(work) {
  let lock;
  return {
    open() {
      lock = new mp.Lock();
    },
    sample: () => nanoseconds(300_000, (count) => work(lock, count)),
  };
}

export default [
  {
    part,
    name: "Lock acquire and release, uncontended",
    unit: "ns",
    better: "less",
    needs: ["Lock"],
    rounds: 15,
    target: {
      text: "≤ 80 ns; tryAcquire the same",
      reached: (m) => m.acquireSync <= 80 && m.tryAcquire <= 80,
    },
    contenders: () => ({
      acquireSync: alone((lock, count) => {
        for (let n = 0; n < count; n++) {
          lock.acquireSync();
          lock.release();
        }
      }),
      tryAcquire: alone((lock, count) => {
        for (let n = 0; n < count; n++) {
          lock.tryAcquire();
          lock.release();
        }
      }),
      "CPython Lock": python("lock_alone", 100_000),
    }),
  },
  ...[2, 4].map((processes) => ({
    part,
    name: `Lock contended by ${processes} processes (total)`,
    unit: "/s",
    better: "more",
    needs: ["Lock", "Barrier"],
    rounds: 7,
    target: {
      text: "≥ CPython",
      reached: (m) => (m["CPython Lock"] === undefined ? undefined : m.acquireSync >= m["CPython Lock"]),
    },
    contenders: () => ({
      acquireSync: contended(processes, 200_000, fight),
      "tryAcquire, else acquire": contended(processes, 200_000, fightAsync),
      "CPython Lock": python("lock_contended", processes, 200_000),
    }),
  })),
  {
    part,
    name: "SharedValue.add",
    unit: "/s",
    better: "more",
    needs: ["SharedValue"],
    rounds: 15,
    target: { text: "≥ 20 million/s", reached: (m) => m.add >= 20e6 },
    contenders() {
      let value;
      return {
        add: {
          open() {
            value = new mp.SharedValue("int32", 0);
          },
          sample: () =>
            perSecond(1_000_000, () => {
              for (let n = 0; n < 1_000_000; n++) value.add(1);
            }),
        },
        "CPython Value (+= under its lock)": python("value_add", 100_000),
      };
    },
  },
];
