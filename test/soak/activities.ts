/** What the soak does again and again. Each activity checks its own outcome, and leaves nothing. */
import assert from "node:assert/strict";
import { getAllStartMethods, getContext, Lock, Process, SharedMemory } from "#src/index.js";
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
};
