/** Shared memory: what is handed over and not copied, and values under a lock. */
import * as mp from "../../dist/index.js";
import { elapsedMs, perSecond } from "../harness.js";
import { python } from "../python.js";
import { piped } from "./channel.js";

const part = "memory";
const hundred = 100_000_000;

async function giveBack(connection) {
  for await (const value of connection) await connection.send(value);
}

function thereAndBack(make, free) {
  let value;
  const peer = piped(giveBack, (connection) =>
    elapsedMs(async () => {
      await connection.send(value);
      await connection.recv();
    }),
  );
  return {
    async open() {
      value = make();
      await peer.open();
    },
    sample: peer.sample,
    async close() {
      await peer.close();
      free?.(value);
    },
  };
}

export default [
  {
    part,
    name: "100 MB to another process and back",
    unit: "ms",
    better: "less",
    needs: ["Pipe", "SharedArray", "SharedMemory"],
    rounds: 9,
    target: { text: "as a SharedArray ≤ 2 ms", reached: (m) => m["SharedArray"] <= 2 },
    contenders: () => ({
      SharedArray: thereAndBack(
        () => new mp.SharedArray(Uint8Array, hundred),
        (array) => array.close(),
      ),
      "SharedMemory, by its name": thereAndBack(
        () => mp.SharedMemory.create({ size: hundred }),
        (memory) => {
          memory.close();
          memory.unlink();
        },
      ),
      "Uint8Array, copied": thereAndBack(() => new Uint8Array(hundred)),
      "CPython SharedMemory by name, Pool": python("pool_shared", hundred),
    }),
  },
  {
    part,
    name: "SharedValue.update, uncontended",
    unit: "/s",
    better: "more",
    needs: ["SharedValue"],
    rounds: 9,
    contenders() {
      let value;
      return {
        update: {
          open() {
            value = new mp.SharedValue("float64", 0);
          },
          sample: () =>
            perSecond(50_000, async () => {
              for (let n = 0; n < 50_000; n++) await value.update((sum) => sum + 1);
            }),
        },
        "CPython Value (+= under its lock)": python("value_add", 100_000),
      };
    },
  },
];
