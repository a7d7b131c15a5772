/** What the soak does again and again. Each activity checks its own outcome, and leaves nothing. */
import assert from "node:assert/strict";
import {
  Barrier,
  getAllStartMethods,
  getContext,
  JoinableQueue,
  Lock,
  Pipe,
  Pool,
  Process,
  Queue,
  SharedArray,
  SharedMemory,
  SharedValue,
} from "#src/index.js";
import { compress } from "./jobs/compress.ts";
import { database } from "./jobs/database.ts";
import { http } from "./jobs/http.ts";
import { image } from "./jobs/image.ts";
import { transpile } from "./jobs/transpile.ts";

async function answerOf<R>(child: {
  start(): Promise<unknown>;
  result: Promise<R>;
  join(): Promise<boolean>;
}): Promise<R> {
  await child.start();
  const answer = await child.result;
  await child.join();
  return answer;
}

async function timeLimit(): Promise<void> {
  const busy = new Process({
    target: () => {
      for (;;);
    },
    timeoutMs: 60,
    killGraceMs: 20,
  });
  await busy.start();
  await assert.rejects(busy.result, { code: "ERR_MP_TIMEOUT" });
  await busy.join();
  assert.equal(busy.isAlive(), false);
}

async function killed(): Promise<void> {
  const sleeper = new Process({ target: () => new Promise(() => setTimeout(() => {}, 60_000)) });
  await sleeper.start();
  sleeper.kill();
  await assert.rejects(sleeper.result, { code: "ERR_MP_PROCESS_EXITED" });
  await sleeper.join();
  assert.equal(sleeper.exitCode, -9);
}

async function grandchildren(): Promise<void> {
  const parent = new Process({
    target: async (n: number) => {
      const child = new Process({ target: (m: number) => m * 2, args: [n] });
      await child.start();
      const doubled = await child.result;
      await child.join();
      return doubled + 1;
    },
    args: [20],
  });
  assert.equal(await answerOf(parent), 41);
}

/** Increments that are not atomic, under a lock whose holder is killed now and then. */
async function lockedCount(): Promise<void> {
  const lock = new Lock();
  const memory = SharedMemory.create({ size: 4096 });
  const rounds = 300;
  const count = async (times: number): Promise<void> => {
    const cells = new Int32Array(memory.buffer, 0, 1);
    for (let n = 0; n < times; n++) {
      using _ = await lock.acquire();
      cells[0] = cells[0]! + 1;
    }
  };
  const dying = new Process({
    target: async () => {
      await lock.acquire();
      process.kill(process.pid, "SIGKILL");
    },
  });
  const counters = Array.from({ length: 2 }, () => new Process({ target: count, args: [rounds] }));
  await Promise.all([answerOf(dying).catch(() => dying.join()), ...counters.map((counter) => answerOf(counter))]);
  assert.equal(new Int32Array(memory.buffer)[0], rounds * counters.length);
  memory.close();
  memory.unlink();
}

async function stdio(): Promise<void> {
  const lines = 2000;
  const talker = new Process({
    target: (count: number) => {
      for (let n = 0; n < count; n++) console.log(`line ${n} of a long text`);
    },
    args: [lines],
    stdio: "pipe",
  });
  await talker.start();
  let text = "";
  talker.stdout!.setEncoding("utf8").on("data", (part: string) => (text += part));
  await talker.result;
  await talker.join();
  if (!talker.stdout!.readableEnded) await new Promise((resolve) => talker.stdout!.once("end", resolve));
  assert.equal(text.split("\n").length, lines + 1);
}

/** Producers, one of which is killed in the middle; the items of the others all arrive, whole. */
async function queues(): Promise<void> {
  const queue = new Queue<{ from: number; n: number; bytes: Uint8Array }>();
  const items = 150;
  const produce = async (from: number, count: number): Promise<void> => {
    for (let n = 0; n < count; n++) await queue.put({ from, n, bytes: new Uint8Array(n * 40).fill(n) });
  };
  const producers = [0, 1].map((from) => new Process({ target: produce, args: [from, items] }));
  const dying = new Process({ target: produce, args: [2, 1e9] });
  await Promise.all([...producers, dying].map((each) => each.start()));
  const next = [0, 0, 0];
  while (next[0]! < items || next[1]! < items) {
    const { from, n, bytes } = await queue.get();
    assert.equal(n, next[from]);
    assert.ok(bytes.length === n * 40 && bytes.every((byte) => byte === (n & 255)));
    next[from] = n + 1;
    if (from === 2 && n === 20) dying.kill();
  }
  dying.kill();
  await Promise.all([...producers, dying].map((each) => each.join()));
  queue.close();
}

/** An end that moves from one process to another, and messages larger than the window. */
async function pipes(): Promise<void> {
  const [here, there] = Pipe<number | Uint8Array>();
  const echo = new Process({
    target: async (end: typeof there) => {
      for await (const value of end) await end.send(value);
    },
    args: [there],
  });
  await echo.start();
  for (const size of [0, 1, 1000, 100_000, 3_000_000]) {
    const sent = here.send(new Uint8Array(size).fill(7));
    const back = (await here.recv()) as Uint8Array;
    await sent;
    assert.ok(back.length === size && back.every((byte) => byte === 7));
  }
  here.close();
  await echo.join();
  assert.equal(echo.exitCode, 0);
}

/** Tasks of which one consumer's death costs one. */
async function joinable(): Promise<void> {
  const queue = new JoinableQueue<number>();
  for (let n = 0; n < 40; n++) await queue.put(n);
  const consume = async (dies: boolean): Promise<void> => {
    for (let done = 0; ; done++) {
      const item = await queue.get({ timeoutMs: 20_000 }).catch(() => undefined);
      if (item === undefined) return;
      if (dies && done === 3) process.kill(process.pid, "SIGKILL");
      queue.taskDone();
    }
  };
  const consumers = [false, true].map((dies) => new Process({ target: consume, args: [dies] }));
  await Promise.all(consumers.map((each) => each.start()));
  const lost = await queue.join({ timeoutMs: 30_000 });
  assert.ok(lost <= 1, `${lost} lost`);
  queue.close();
  await Promise.all(consumers.map((each) => each.join()));
}

/** Atomic increments of several processes that begin at once, and an array that is never copied. */
async function shared(): Promise<void> {
  const total = new SharedValue("int32", 0);
  const array = new SharedArray(Float64Array, 100_000);
  const start = new Barrier(3);
  const count = async (from: number): Promise<void> => {
    await start.wait();
    for (let n = 0; n < 2000; n++) total.add(1);
    for (let at = from; at < array.array.length; at += 3) array.array[at] = at;
  };
  const children = [0, 1, 2].map((from) => new Process({ target: count, args: [from] }));
  await Promise.all(children.map(answerOf));
  assert.equal(total.value, 6000);
  assert.ok(array.array.every((value, at) => value === at));
}

/** A pool that loses a worker, a task past its time, and a cancelled one; all others are done. */
async function pooled(): Promise<void> {
  const pool = new Pool(2);
  const dying = pool.submit(() => process.kill(process.pid, "SIGKILL"));
  const busy = pool.submit(
    () => {
      for (;;);
    },
    [],
    { timeoutMs: 50 },
  );
  // Either may be the first to fail.
  await Promise.all([
    assert.rejects(dying, { code: "ERR_MP_WORKER_EXITED" }),
    assert.rejects(busy, { code: "ERR_MP_TIMEOUT" }),
  ]);
  const squares = await pool.map(
    (n: number) => n * n,
    Array.from({ length: 200 }, (_, n) => n),
  );
  assert.ok(squares.every((square, n) => square === n * n));
  pool.close();
  await pool.join();
}

export const activities: Record<string, () => Promise<unknown>> = {
  "image codec": () => answerOf(new Process({ target: image, args: [96] })),
  "database in WebAssembly": () => answerOf(new Process({ target: database, args: [500] })),
  "TypeScript transpile": () => answerOf(new Process({ target: transpile, args: [60] })),
  compression: () => answerOf(new Process({ target: compress, args: [300_000] })),
  "HTTP server and client": () => answerOf(new Process({ target: http, args: [15] })),
  ...Object.fromEntries(
    getAllStartMethods().map((method) => [
      `closure by ${method}`,
      async () => {
        const base = 40;
        const child = new (getContext(method).Process)({ target: (n: number) => base + n, args: [2] });
        assert.equal(await answerOf(child), 42);
      },
    ]),
  ),
  "time limit of a busy loop": timeLimit,
  "killed child": killed,
  grandchildren,
  "lock whose holder is killed": lockedCount,
  "output through a pipe": stdio,
  "pool that loses a worker": pooled,
  "queue whose producer is killed": queues,
  "pipe with large messages": pipes,
  "joinable queue whose consumer is killed": joinable,
  "atomic value, shared array, barrier": shared,
};
