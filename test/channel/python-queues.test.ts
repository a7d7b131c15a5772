/**
 * The scenarios of CPython's own tests of queues, between processes: `_TestQueue` and `TestSimpleQueue`. Each test bears its
 * scenario's name. Not offered, so not here: hooks of the feeder thread, as there is none. The same within one process and
 * more: `queue.test.ts`.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { Event, JoinableQueue, Pipe, Queue, SimpleQueue, type Connection } from "#src/index.js";
import { leaveNothingBehind } from "../support/leaks.ts";
import { code } from "../support/memory.ts";
import { forEachStartMethod } from "../support/methods.ts";
import { projectRoot } from "../support/project.ts";

const bounded = { timeout: 60_000 };
/** Nothing may take longer on the busiest machine; nothing waits so long but a test that fails. */
const patience = { timeoutMs: 30_000 };
/** For what must time out. */
const soon = { timeoutMs: 20 };

forEachStartMethod(({ Process }) => {
  leaveNothingBehind();

  test("_TestQueue.test_put: a full queue refuses in each way, until another process takes", bounded, async () => {
    const queue = new Queue<number>({ maxSize: 6 });
    const [childCanStart, parentCanContinue] = [new Event(), new Event()];
    const target = async (from: typeof queue, start: Event, done: Event): Promise<number[]> => {
      await start.wait(patience);
      const got: number[] = [];
      for (let n = 0; n < 6; n++) got.push(await from.get(patience));
      done.set();
      return got;
    };
    const child = await new Process({ target, args: [queue, childCanStart, parentCanContinue] }).start();
    assert.deepEqual([queue.isEmpty, queue.isFull, queue.size], [true, false, 0]);
    await queue.put(1);
    queue.putSync(2);
    assert.equal(queue.tryPut(3), true);
    await queue.putNoWait(4);
    await queue.put(5, soon);
    queue.putSync(6, soon);
    assert.deepEqual([queue.isEmpty, queue.isFull, queue.size], [false, true, 6]);
    assert.equal(queue.tryPut(7), false);
    await assert.rejects(queue.putNoWait(7), code("ERR_MP_QUEUE_FULL"));
    await assert.rejects(queue.put(7, soon), code("ERR_MP_TIMEOUT"));
    await assert.rejects(queue.put(7, { timeoutMs: 0 }), code("ERR_MP_TIMEOUT"));
    assert.throws(() => queue.putSync(7, soon), code("ERR_MP_TIMEOUT"));
    childCanStart.set();
    assert.equal(await parentCanContinue.wait(patience), true);
    assert.deepEqual([queue.isEmpty, queue.isFull, queue.size], [true, false, 0]);
    assert.deepEqual(await child.result, [1, 2, 3, 4, 5, 6]);
    await child.join();
  });

  test("_TestQueue.test_get: what another process put is got in each way, and then nothing", bounded, async () => {
    const queue = new Queue<number>();
    const [childCanStart, parentCanContinue] = [new Event(), new Event()];
    const target = async (into: typeof queue, start: Event, done: Event): Promise<void> => {
      await start.wait(patience);
      for (const value of [2, 3, 4, 5]) await into.put(value);
      done.set();
    };
    const child = await new Process({ target, args: [queue, childCanStart, parentCanContinue] }).start();
    assert.equal(queue.isEmpty, true);
    childCanStart.set();
    assert.equal(await parentCanContinue.wait(patience), true);
    assert.equal(queue.isEmpty, false);
    assert.equal(await queue.get(patience), 2);
    assert.equal(queue.getSync(patience), 3);
    assert.deepEqual(queue.tryGet(), { value: 4 });
    assert.equal(await queue.getNoWait(), 5);
    assert.equal(queue.isEmpty, true);
    assert.equal(queue.tryGet(), undefined);
    await assert.rejects(queue.getNoWait(), code("ERR_MP_QUEUE_EMPTY"));
    await assert.rejects(queue.get(soon), code("ERR_MP_TIMEOUT"));
    assert.throws(() => queue.getSync(soon), code("ERR_MP_TIMEOUT"));
    await child.join();
  });

  test("_TestQueue.test_fork: items put before a start come before the child's, and each once", bounded, async () => {
    const queue = new Queue<number>();
    for (let n = 0; n < 10; n++) await queue.put(n);
    const target = async (into: typeof queue): Promise<void> => {
      for (let n = 10; n < 20; n++) await into.put(n);
    };
    const child = await new Process({ target, args: [queue] }).start();
    for (let n = 0; n < 20; n++) assert.equal(await queue.get(patience), n);
    assert.equal(queue.tryGet(), undefined);
    await child.join();
  });

  test("_TestQueue.test_qsize: another process sees each put and get", bounded, async () => {
    const queue = new Queue<number>();
    const [ours, theirs] = Pipe<readonly [number, boolean, boolean]>();
    const target = async (of: typeof queue, end: Connection): Promise<void> => {
      for await (const _ of end) await end.send([of.size, of.isEmpty, of.isFull]);
    };
    const child = await new Process({ target, args: [queue, theirs] }).start();
    const seen = async (): Promise<unknown> => {
      await ours.send([0, true, true]);
      return ours.recv(patience);
    };
    assert.deepEqual(await seen(), [0, true, false]);
    await queue.put(1);
    assert.deepEqual(await seen(), [1, false, false]);
    await queue.put(5);
    assert.deepEqual(await seen(), [2, false, false]);
    await queue.get();
    assert.deepEqual(await seen(), [1, false, false]);
    await queue.get();
    assert.deepEqual(await seen(), [0, true, false]);
    ours.close();
    await child.join();
  });

  test("_TestQueue.test_task_done: join() waits for what four workers have taken", bounded, async () => {
    const queue = new JoinableQueue<number | null>();
    const done = new Queue<number>();
    const mayFinish = new Event();
    const target = async (from: typeof queue, into: typeof done, start: Event): Promise<void> => {
      for (let n = await from.get(); n !== null; n = await from.get()) {
        await start.wait();
        await into.put(n);
        from.taskDone();
      }
      from.taskDone();
    };
    const workers = Array.from({ length: 4 }, () => new Process({ target, args: [queue, done, mayFinish] }));
    for (const each of workers) await each.start();
    for (let n = 0; n < 10; n++) await queue.put(n);
    // All are taken or not; none is done.
    await assert.rejects(queue.join(soon), code("ERR_MP_TIMEOUT"));
    mayFinish.set();
    assert.equal(await queue.join(patience), 0);
    assert.equal(done.size, 10);
    const all = await Promise.all(Array.from({ length: 10 }, () => done.get()));
    assert.deepEqual(
      all.sort((a, b) => a - b),
      [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
    );
    for (const _ of workers) await queue.put(null);
    assert.equal(await queue.join(patience), 0);
    for (const each of workers) {
      await each.join();
      assert.equal(each.exitCode, 0);
    }
  });

  test("_TestQueue.test_no_import_lock_contention: a module may use queues while it loads", bounded, async () => {
    const file = pathToFileURL(join(projectRoot, "build/test/modules/queue-at-import.js")).href;
    const target = async (module: string): Promise<unknown> =>
      ((await import(module)) as typeof import("../modules/queue-at-import.ts")).outcome;
    const child = await new Process({ target, args: [file] }).start();
    assert.deepEqual(await child.result, ["through the queue", "ERR_MP_TIMEOUT", "ERR_MP_TIMEOUT"]);
    await child.join();
  });

  test(
    "_TestQueue.test_queue_feeder_donot_stop_onexc: what cannot be put leaves room for the next",
    bounded,
    async () => {
      const queue = new Queue<unknown>({ maxSize: 1 });
      const target = async (into: typeof queue): Promise<string[]> => {
        const codes: string[] = [];
        const unusable = {
          get broken(): never {
            throw new Error("no");
          },
        };
        for (const bad of [Promise.resolve(), unusable]) {
          await into.put(bad).catch((error: unknown) => codes.push((error as { code: string }).code));
        }
        await into.put(true, { timeoutMs: 30_000 });
        return codes;
      };
      const child = await new Process({ target, args: [queue] }).start();
      assert.equal(await queue.get(patience), true);
      assert.equal(queue.size, 0);
      assert.deepEqual(await child.result, ["ERR_MP_UNSERIALIZABLE", "ERR_MP_UNSERIALIZABLE"]);
      await child.join();
    },
  );

  test("_TestQueue.test_timeout: no get is over before its time, in the child neither", bounded, async () => {
    const target = async (from: Queue<number>): Promise<number[]> => {
      const took: number[] = [];
      for (const get of [() => from.get({ timeoutMs: 200 }), async () => from.getSync({ timeoutMs: 200 })]) {
        const start = performance.now();
        await get().catch(() => {});
        took.push(performance.now() - start);
      }
      return took;
    };
    const child = await new Process({ target, args: [new Queue<number>()] }).start();
    for (const ms of await child.result) assert.ok(ms >= 195, `${ms} ms`);
    await child.join();
  });

  test("_TestQueue.test_closed_queue_…: a queue that was closed elsewhere is closed here", bounded, async () => {
    const queue = new Queue<number>();
    const child = await new Process({ target: (it: typeof queue) => it.close(), args: [queue] }).start();
    await child.join();
    assert.equal(queue.isEmpty, true); // Answered, where Python raises.
    await assert.rejects(queue.put(1), code("ERR_MP_CLOSED"));
    await assert.rejects(queue.get(), code("ERR_MP_END_OF_CHANNEL"));
    assert.throws(() => queue.tryGet(), code("ERR_MP_END_OF_CHANNEL"));
  });

  test("TestSimpleQueue.test_empty and test_close", bounded, async () => {
    const queue = new SimpleQueue<boolean>();
    const [childCanStart, parentCanContinue] = [new Event(), new Event()];
    const target = async (into: typeof queue, start: Event, done: Event): Promise<void> => {
      await start.wait(patience);
      await into.put(true);
      await into.put(false);
      done.set();
    };
    const child = await new Process({ target, args: [queue, childCanStart, parentCanContinue] }).start();
    assert.equal(queue.isEmpty, true);
    childCanStart.set();
    assert.equal(await parentCanContinue.wait(patience), true);
    assert.equal(queue.isEmpty, false);
    assert.deepEqual([await queue.get(), await queue.get()], [true, false]);
    assert.equal(queue.isEmpty, true);
    await child.join();
    queue.close();
    queue.close();
    await assert.rejects(queue.put(true), code("ERR_MP_CLOSED"));
  });
});
