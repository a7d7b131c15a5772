/** Pipes and queues. */
import * as mp from "../../dist/index.js";
import { perSecond } from "../harness.js";
import { forked, roundTrips, takeProduced, thread } from "../node-peers.js";
import { killAll } from "../own.js";
import { python } from "../python.js";

const part = "channel";
const smallObject = { id: 17, name: "a name", ok: true, ratio: 0.5, tags: null };

async function echo(connection) {
  for await (const value of connection) await connection.send(value);
}

function echoSync(connection) {
  for (;;) connection.sendSync(connection.recvSync());
}

async function takeBytes(connection) {
  for await (const bytes of connection) await connection.send(bytes.byteLength);
}

/** A pipe whose other end a child serves. */
export function piped(target, use) {
  let ours;
  let child;
  return {
    async open() {
      const [mine, theirs] = mp.Pipe();
      ours = mine;
      child = new mp.Process({ target, args: [theirs], daemon: true });
      await child.start();
    },
    sample: () => use(ours),
    async close() {
      ours.close();
      await killAll([child]);
    },
  };
}

/** Both ends in children that block; the second measures itself. */
function pipedSync(count) {
  const children = [];
  let answers;
  let commands;
  return {
    async open() {
      const [one, other] = mp.Pipe();
      [commands, answers] = [new mp.Queue(), new mp.Queue()];
      const measuring = async (connection, orders, results) => {
        for await (const rounds of orders) {
          const start = performance.now();
          for (let n = 0; n < rounds; n++) {
            connection.sendSync(n);
            connection.recvSync();
          }
          await results.put((rounds / (performance.now() - start)) * 1000);
        }
      };
      children.push(await new mp.Process({ target: echoSync, args: [other], daemon: true }).start());
      children.push(await new mp.Process({ target: measuring, args: [one, commands, answers], daemon: true }).start());
    },
    async sample() {
      await commands.put(count);
      return answers.get();
    },
    close: () => killAll(children),
  };
}

async function produce(commands, items, item) {
  const value = typeof item === "number" && item > 16 - 1 ? new Uint8Array(item) : item;
  for await (const count of commands) for (let n = 0; n < count; n++) await items.put(value);
}

async function produceSync(commands, items, item) {
  for await (const count of commands) for (let n = 0; n < count; n++) items.putSync(item);
}

async function consumeSync(commands, items, results) {
  for await (const count of commands) {
    const start = performance.now();
    for (let n = 0; n < count; n++) items.getSync();
    await results.put((count / (performance.now() - start)) * 1000);
  }
}

/** Children put, this process gets. `item`: a value, or a number of bytes from 16 on. */
export function queued(producers, item, total, options = {}) {
  let commands;
  let items;
  const children = [];
  const share = Math.floor(total / producers);
  return {
    async open() {
      commands = new mp.Queue();
      items = new mp.Queue(options);
      for (let n = 0; n < producers; n++) {
        const child = new mp.Process({ target: produce, args: [commands, items, item], daemon: true });
        children.push(await child.start());
      }
    },
    sample: () =>
      perSecond(share * producers, async () => {
        for (let n = 0; n < producers; n++) await commands.put(share);
        for (let n = 0; n < share * producers; n++) await items.get();
      }),
    close: () => killAll(children),
  };
}

/** Children put and a child gets, all by the blocking calls. */
function queuedSync(producers, item, total) {
  let commands;
  let orders;
  let results;
  const children = [];
  const share = Math.floor(total / producers);
  return {
    async open() {
      const items = new mp.Queue();
      [commands, orders, results] = [new mp.Queue(), new mp.Queue(), new mp.Queue()];
      const start = async (target, args) => children.push(await new mp.Process({ target, args, daemon: true }).start());
      for (let n = 0; n < producers; n++) await start(produceSync, [commands, items, item]);
      await start(consumeSync, [orders, items, results]);
    },
    async sample() {
      await orders.put(share * producers);
      for (let n = 0; n < producers; n++) await commands.put(share);
      return results.get();
    },
    close: () => killAll(children),
  };
}

const mebibytes = async (connection, sizeBytes, count) => {
  const bytes = new Uint8Array(sizeBytes);
  return perSecond((sizeBytes * count) / 2 ** 20, async () => {
    for (let n = 0; n < count; n++) {
      await connection.send(bytes);
      await connection.recv();
    }
  });
};

export default [
  {
    part,
    name: "Pipe round trip, a small value",
    unit: "/s",
    better: "more",
    needs: ["Pipe", "Queue"],
    rounds: 7,
    target: {
      text: "async ≥ 30,000/s, sync ≥ 60,000/s",
      reached: (m) => m["async"] >= 30_000 && m["sync"] >= 60_000,
    },
    contenders: () => ({
      async: piped(echo, (connection) =>
        perSecond(5000, async () => {
          for (let n = 0; n < 5000; n++) {
            await connection.send(n);
            await connection.recv();
          }
        }),
      ),
      sync: pipedSync(5000),
      "process.send": forked((child) => perSecond(2000, () => roundTrips(child, 7, 2000))),
      "MessagePort (thread)": thread((worker) => perSecond(4000, () => roundTrips(worker, 7, 4000))),
      "CPython Pipe": python("pipe_roundtrip"),
    }),
  },
  {
    part,
    name: "Queue, 1 producer, 1 consumer, integers",
    unit: "/s",
    better: "more",
    needs: ["Queue"],
    rounds: 7,
    target: {
      text: "≥ 1.5 million/s",
      reached: (m) => Math.max(m["put and get"], m["putSync and getSync"] ?? 0) >= 1.5e6,
    },
    contenders: () => ({
      "put and get": queued(1, 7, 200_000),
      "putSync and getSync": queuedSync(1, 7, 400_000),
      "process.send, one way": forked((child) => perSecond(30_000, () => takeProduced(child, { item: 7 }, 30_000))),
      "CPython Queue": python("queue", 1, "int", 30_000),
    }),
  },
  {
    part,
    name: "Queue, 1 producer, 1 consumer, objects of 5 fields",
    unit: "/s",
    better: "more",
    needs: ["Queue"],
    rounds: 7,
    target: {
      text: "≥ 300,000/s",
      reached: (m) => Math.max(m["put and get"], m["putSync and getSync"] ?? 0) >= 300_000,
    },
    contenders: () => ({
      "put and get": queued(1, smallObject, 100_000),
      "putSync and getSync": queuedSync(1, smallObject, 100_000),
      "process.send, one way": forked((child) =>
        perSecond(20_000, () => takeProduced(child, { item: smallObject }, 20_000)),
      ),
      "CPython Queue": python("queue", 1, "object", 20_000),
    }),
  },
  {
    part,
    name: "Queue, 4 producers, 1 consumer, integers",
    unit: "/s",
    better: "more",
    needs: ["Queue"],
    rounds: 7,
    target: {
      text: "≥ 1 million/s",
      reached: (m) => Math.max(m["put and get"], m["putSync and getSync"] ?? 0) >= 1e6,
    },
    contenders: () => ({
      "put and get": queued(4, 7, 200_000),
      "putSync and getSync": queuedSync(4, 7, 400_000),
      "CPython Queue": python("queue", 4, "int", 40_000),
    }),
  },
  ...[
    [1, 100],
    [64, 4],
  ].map(([size, count]) => ({
    part,
    name: `Uint8Array of ${size} MB through a Pipe`,
    unit: "MiB/s",
    better: "more",
    needs: ["Pipe"],
    rounds: 5,
    target: { text: "≥ 3,000 MiB/s", reached: (m) => m["Pipe"] >= 3000 },
    contenders: () => ({
      Pipe: piped(takeBytes, (connection) => mebibytes(connection, size * 2 ** 20, count)),
      "process.send (advanced)": forked(
        (child) =>
          perSecond(size * Math.ceil(count / 4), () =>
            takeProduced(child, { sizeBytes: size * 2 ** 20 }, Math.ceil(count / 4)),
          ),
        "advanced",
      ),
      "CPython Pipe": python("pipe_bytes", size * 2 ** 20, count),
    }),
  })),
];
