/** A start() that was not awaited before the thread blocks: the process runs all the same, whatever dies meanwhile. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { addonOrUndefined } from "#src/host/addon.js";
import { Barrier, Event, getContext, Lock, Pipe, Pool, Queue, SharedArray } from "#src/index.js";
import { forkServersOf } from "../support/fork-servers.ts";
import { leaveNothingBehind } from "../support/leaks.ts";
import { forEachStartMethod } from "../support/methods.ts";
import { startProgram } from "../support/programs.ts";

// What blocks the thread needs the addon.
const skip = addonOrUndefined() === undefined;
const limits = { timeoutMs: 60_000 };

forEachStartMethod((context, method) => {
  if (skip) return;
  leaveNothingBehind();
  const { Process } = context;

  test("its target runs while the thread blocks in any of the blocking calls", async () => {
    const queue = new Queue<string>();
    const first = new Process({ target: (to: Queue<string>) => to.putSync("from the child"), args: [queue] });
    void first.start();
    assert.equal(queue.getSync(limits), "from the child");

    const [mine, its] = Pipe<string>();
    const second = new Process({ target: (end: typeof its) => end.sendSync("through the pipe"), args: [its] });
    void second.start();
    assert.equal(mine.recvSync(limits), "through the pipe");

    const event = new Event();
    const third = new Process({ target: (that: Event) => that.set(), args: [event] });
    void third.start();
    assert.equal(event.waitSync(limits), true);

    const barrier = new Barrier(2);
    const fourth = new Process({ target: (that: Barrier) => void that.waitSync(), args: [barrier] });
    void fourth.start();
    barrier.waitSync(limits);

    const lock = new Lock();
    const held = new Event();
    const fifth = new Process({
      target: async (that: Lock, mark: Event) => {
        const guard = that.acquireSync();
        mark.set();
        await new Promise((resolve) => setTimeout(resolve, 20));
        guard.release();
      },
      args: [lock, held],
    });
    void fifth.start();
    held.waitSync(limits);
    lock.acquireSync(limits).release();

    for (const child of [first, second, third, fourth, fifth]) {
      await child.join();
      assert.equal(child.exitCode, 0);
    }
    mine.close();
    queue.close();
  });

  test("several at once, more than a fork server is asked for at a time", { timeout: 120_000 }, async () => {
    const count = method === "forkserver" ? 40 : 4;
    const queue = new Queue<number>();
    const children = Array.from(
      { length: count },
      (_, n) => new Process({ target: (to: Queue<number>, item: number) => to.putSync(item), args: [queue, n] }),
    );
    for (const child of children) void child.start();
    const got = children.map(() => queue.getSync(limits));
    assert.deepEqual(new Set(got), new Set(children.keys()));
    for (const child of children) {
      await child.join();
      assert.equal(child.exitCode, 0);
    }
    queue.close();
  });

  test("a job of 20 MB, which no socket has room for", async () => {
    const queue = new Queue<number>();
    const bytes = Buffer.alloc(20_000_000, 7);
    const child = new Process({
      target: (to: Queue<number>, given: Uint8Array) => {
        to.putSync(given.reduce((sum, byte) => sum + byte, 0));
        return given.length;
      },
      args: [queue, bytes],
    });
    void child.start();
    assert.equal(queue.getSync(limits), 140_000_000);
    assert.equal(await child.result, bytes.length);
    await child.join();
    queue.close();
  });

  test("in a child, of its own children", async () => {
    const child = new Process({
      target: (Inner: typeof Process) => {
        const queue = new Queue<string>();
        const inner = new Inner({ target: (to: Queue<string>) => to.putSync("grandchild"), args: [queue] });
        void inner.start();
        return queue.getSync({ timeoutMs: 60_000 });
      },
      args: [Process],
    });
    await child.start();
    assert.equal(await child.result, "grandchild");
    await child.join();
  });

  test("before there is a fork server: many, from the first line of a program on", async () => {
    const { stdout, stderr, code } = await startProgram("starts-and-blocks", [method, "20"]).ended;
    assert.equal(code, 0, stderr);
    const numbers = Array.from({ length: 20 }, (_, n) => n);
    assert.match(stdout, new RegExp(`^got ${numbers.join()}\ncodes ${numbers.map(() => 0).join()}\n`));
  });

  test("killed before it has put anything, it costs the blocked owner no more than its time limit", async () => {
    const queue = new Queue<number>();
    const child = new Process({ target: () => process.kill(process.pid, "SIGKILL") });
    const started = child.start();
    assert.throws(() => queue.getSync({ timeoutMs: 300 }), { code: "ERR_MP_TIMEOUT" });
    await started;
    await child.join();
    assert.equal(child.exitCode, -9);
    await assert.rejects(child.result, { code: "ERR_MP_PROCESS_EXITED" });
    queue.close();
  });

  test("a start that is refused is refused as ever", async () => {
    const queue = new Queue<number>();
    const child = new Process({ target: () => 1, cwd: "/no/such/directory" });
    const started = child.start();
    const joined = child.join();
    const both = Promise.all([
      assert.rejects(started, { code: "ERR_MP_PROCESS_START" }),
      assert.rejects(joined, { code: "ERR_MP_PROCESS_START" }),
    ]);
    assert.throws(() => queue.getSync({ timeoutMs: 50 }), { code: "ERR_MP_TIMEOUT" });
    await both;
    const unsendable = new Process({ target: () => 1, args: [new WeakMap()] as never });
    await assert.rejects(unsendable.start(), { code: "ERR_MP_UNSERIALIZABLE" });
    await assert.rejects(unsendable.start(), { code: "ERR_MP_UNSERIALIZABLE" }); // As if it had not been called.
    queue.close();
  });
});

test("the fork server and a start that is not awaited", { skip }, async (t) => {
  const { Process } = skip ? ({} as never) : getContext("forkserver");
  leaveNothingBehind();
  const put = (to: Queue<number>, item: number): void => to.putSync(item);

  await t.test(
    "the server is killed with the request unread: another one is started while the thread blocks",
    async () => {
      const [server] = forkServersOf(process.pid);
      const queue = new Queue<number>();
      process.kill(server!, "SIGSTOP");
      const children = [1, 2, 3].map((n) => new Process({ target: put, args: [queue, n] }));
      for (const child of children) void child.start();
      process.kill(server!, "SIGKILL");
      const got = children.map(() => queue.getSync(limits));
      assert.deepEqual(new Set(got), new Set([1, 2, 3]));
      for (const child of children) {
        await child.join();
        assert.equal(child.exitCode, 0);
      }
      assert.equal(queue.size, 0);
      assert.notDeepEqual(forkServersOf(process.pid), [server]);
      queue.close();
    },
  );

  await t.test("the server is stopped: a time limit holds, and the start goes on later", async () => {
    const [server] = forkServersOf(process.pid);
    const queue = new Queue<number>();
    process.kill(server!, "SIGSTOP");
    const child = new Process({ target: put, args: [queue, 4] });
    const started = child.start();
    const before = performance.now();
    assert.throws(() => queue.getSync({ timeoutMs: 200 }), { code: "ERR_MP_TIMEOUT" });
    assert.ok(performance.now() - before < 5000);
    process.kill(server!, "SIGCONT");
    await started;
    assert.equal(await queue.get(limits), 4);
    await child.join();
    queue.close();
  });

  await t.test("a server that is killed at any moment: no target runs twice, and who has started has run", async () => {
    const rounds = 25;
    const atOnce = 6;
    const runs = new SharedArray(Int32Array, rounds * atOnce);
    for (let round = 0; round < rounds; round++) {
      const settled = Array.from({ length: atOnce }, async (_, n) => {
        const child = new Process({
          target: (counts: typeof runs, at: number) => void Atomics.add(counts.array, at, 1),
          args: [runs, round * atOnce + n],
        });
        try {
          await child.start();
        } catch (error) {
          assert.equal((error as { code: string }).code, "ERR_MP_PROCESS_START");
          return;
        }
        await child.join();
        assert.equal(child.exitCode, 0);
        assert.equal(runs.array[round * atOnce + n], 1);
      });
      // A busy wait, so that it happens while the requests are on their way.
      const until = performance.now() + (round % 9) / 3;
      while (performance.now() < until);
      for (const server of forkServersOf(process.pid)) process.kill(server, "SIGKILL");
      await Promise.all(settled);
    }
    assert.ok(runs.array.every((count) => count <= 1));
    runs.close();
  });

  await t.test("forking turns out to be unsafe: the next method is taken while the thread blocks", async () => {
    const preload = new URL("../modules/preload-worker.js", import.meta.url).href;
    const { stdout, stderr, code } = await startProgram("starts-and-blocks", ["default", "2", preload]).ended;
    assert.equal(code, 0, stderr);
    assert.equal(stdout, "got 0,1\ncodes 0,0\nmethods spawn\n");
  });
});

test(
  "what was put, sent and submitted but not awaited is there for others while the thread blocks",
  { skip },
  async () => {
    const { Process } = getContext();
    const items = new Queue<number>();
    const answers = new Queue<number>();
    const [mine, its] = Pipe<number>();
    const child = new Process({
      target: (from: Queue<number>, to: Queue<number>, end: typeof its) => to.putSync(from.getSync() + end.recvSync()),
      args: [items, answers, its],
    });
    await child.start();
    void items.put(40);
    void mine.send(2);
    assert.equal(answers.getSync(limits), 42);
    await child.join();
    mine.close();

    await using pool = new Pool(2);
    await pool.apply(Math.abs, [1]);
    const task = pool.submit((to: Queue<number>) => to.putSync(43), [answers]);
    assert.equal(answers.getSync(limits), 43);
    await task;
    items.close();
    answers.close();
  },
);
