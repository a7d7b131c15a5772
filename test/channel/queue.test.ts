/** Queues within one process: what Python's _TestQueue asks, bounds, order, giving up, and what items hold. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { JoinableQueue, Lock, Pipe, Queue, SimpleQueue, wait, type Connection } from "#src/index.js";
import { handleOf, holdingCount } from "#src/memory/holdings.js";
import { enter, leave } from "#src/channel/end-lock.js";
import { QueueMemory } from "#src/channel/queue-memory.js";
import { holders, view } from "#src/memory/arena.js";
import { leaveNothingBehind } from "../support/leaks.ts";
import { code, comesBackTo, mib, usedBytes } from "../support/memory.ts";

const bounded = { timeout: 60_000 };
/** Where the locks at a queue's ends are, as `queue-memory.ts` has them. */
const [putLock, getLock] = [5, 6];

describe("Queue", () => {
  leaveNothingBehind();

  test("what is put is got, in order", bounded, async () => {
    const queue = new Queue();
    const values = [1, "two", { three: [3n, new Date(3)] }, new Uint8Array(5), -0, null, undefined, ""];
    for (const value of values) await queue.put(value);
    assert.equal(queue.size, values.length);
    for (const value of values) assert.deepEqual(await queue.get(), value);
    assert.ok(queue.isEmpty);
    queue.putSync("sync");
    assert.equal(queue.getSync(), "sync");
    queue.close();
  });

  test(
    "maxSize: put waits, tryPut answers false, putNoWait rejects, and a put that gave up has put nothing",
    bounded,
    async () => {
      const queue = new Queue<number>({ maxSize: 2 });
      assert.equal(queue.isFull, false);
      await queue.put(1);
      assert.equal(queue.tryPut(2), true);
      assert.equal(queue.isFull, true);
      assert.equal(queue.tryPut(3), false);
      await assert.rejects(queue.putNoWait(3), code("ERR_MP_QUEUE_FULL"));
      await assert.rejects(queue.put(3, { timeoutMs: 5 }), code("ERR_MP_TIMEOUT"));
      assert.throws(() => queue.putSync(3, { timeoutMs: 5 }), code("ERR_MP_TIMEOUT"));
      const stop = new AbortController();
      const aborted = queue.put(3, { signal: stop.signal });
      const waiting = [queue.put(4), queue.put(5)];
      stop.abort(new Error("enough"));
      await assert.rejects(aborted, /enough/);
      assert.deepEqual([await queue.get(), await queue.get(), await queue.get(), await queue.get()], [1, 2, 4, 5]);
      await Promise.all(waiting);
      assert.equal(queue.tryGet(), undefined);
      await assert.rejects(queue.getNoWait(), code("ERR_MP_QUEUE_EMPTY"));
      await assert.rejects(queue.get({ timeoutMs: 5 }), code("ERR_MP_TIMEOUT"));
      assert.throws(() => queue.getSync({ timeoutMs: 5 }), code("ERR_MP_TIMEOUT"));
    },
  );

  test(
    "maxBytes: without maxSize put rejects, with maxSize it waits; an item that never fits is refused",
    bounded,
    async () => {
      const open = new Queue<Uint8Array>({ maxBytes: mib });
      await open.put(new Uint8Array(600_000));
      await assert.rejects(open.put(new Uint8Array(600_000)), code("ERR_MP_QUEUE_FULL"));
      await open.get();
      await open.put(new Uint8Array(600_000));
      const waits = new Queue<Uint8Array>({ maxBytes: mib, maxSize: 100 });
      await waits.put(new Uint8Array(600_000));
      await assert.rejects(waits.put(new Uint8Array(600_000), { timeoutMs: 5 }), code("ERR_MP_TIMEOUT"));
      const later = waits.put(new Uint8Array(600_001));
      await waits.get();
      await later;
      assert.equal((await waits.get()).length, 600_001);
      await assert.rejects(waits.put(new Uint8Array(2 * mib)), code("ERR_MP_QUEUE_FULL"));
      assert.equal(waits.statistics().bytes, 0);
    },
  );

  test("a get that gave up took nothing, and those who ask are answered in order", bounded, async () => {
    const queue = new Queue<number>();
    const stop = new AbortController();
    const [first, second, third] = [queue.get(), queue.get({ signal: stop.signal }), queue.get()];
    stop.abort(new Error("enough"));
    await assert.rejects(second, /enough/);
    for (const value of [1, 2, 3]) await queue.put(value);
    assert.deepEqual([await first, await third, await queue.get()], [1, 2, 3]);
  });

  test("a closed queue takes no more, is drained, and then ends, also for those who wait", bounded, async () => {
    const queue = new Queue<number>();
    await queue.put(1);
    await queue.put(2);
    queue.close();
    queue.close();
    await assert.rejects(queue.put(3), code("ERR_MP_CLOSED"));
    assert.throws(() => queue.putSync(3), code("ERR_MP_CLOSED"));
    assert.throws(() => queue.tryPut(3), code("ERR_MP_CLOSED"));
    const got: number[] = [];
    for await (const value of queue) got.push(value);
    assert.deepEqual(got, [1, 2]);
    await assert.rejects(queue.get(), code("ERR_MP_END_OF_CHANNEL"));
    assert.throws(() => queue.tryGet(), code("ERR_MP_END_OF_CHANNEL"));
    const other = new Queue<number>({ maxSize: 1 });
    const waiting = assert.rejects(other.get(), code("ERR_MP_END_OF_CHANNEL"));
    other.close();
    await waiting;
    const full = new Queue<number>({ maxSize: 1 });
    await full.put(1);
    const blocked = assert.rejects(full.put(2), code("ERR_MP_CLOSED"));
    full.close();
    await blocked;
  });

  test("what cannot be put rejects at once, and nothing is put", bounded, async () => {
    const queue = new Queue();
    await assert.rejects(queue.put(Promise.resolve()), code("ERR_MP_UNSERIALIZABLE"));
    assert.ok(queue.isEmpty);
  });

  test("the copy is of the moment of put", bounded, async () => {
    const queue = new Queue<{ n: number }>({ maxSize: 1 });
    const value = { n: 1 };
    await queue.put(value);
    const second = queue.put(value);
    value.n = 2;
    assert.deepEqual(await queue.get(), { n: 1 });
    await second;
    assert.deepEqual(await queue.get(), { n: 1 });
  });

  test("everything of ours passes, and is held by the item", bounded, async () => {
    const queue = new Queue<Record<string, unknown>>();
    const [a, b] = Pipe<string>();
    const inner = new Queue<string>();
    const lock = new Lock();
    const before = [handleOf(inner)!, handleOf(lock)!].map(holders);
    await queue.put({ inner, lock, queue, end: b, simple: new SimpleQueue(), joinable: new JoinableQueue() });
    assert.deepEqual(
      [handleOf(inner)!, handleOf(lock)!].map(holders),
      before.map((count) => count + 1),
    );
    await inner.put("through the inner one");
    await assert.rejects(b.send("x"), code("ERR_MP_CLOSED"));
    const got = await queue.get();
    assert.equal(got["inner"], inner);
    assert.equal(got["lock"], lock);
    assert.equal(got["queue"], queue);
    assert.ok(got["simple"] instanceof SimpleQueue && got["joinable"] instanceof JoinableQueue);
    assert.equal(await (got["inner"] as Queue<string>).get(), "through the inner one");
    await (got["end"] as Connection<string>).send("the end moved");
    assert.equal(await a.recv(), "the end moved");
    assert.deepEqual([handleOf(inner)!, handleOf(lock)!].map(holders), before);
    (got["end"] as Connection<string>).close();
    a.close();
  });

  test("a queue that may hold a GiB weighs nothing for the garbage collector before it does", bounded, async () => {
    const before = process.memoryUsage().external;
    const queues = Array.from({ length: 20 }, () => new Queue<Uint8Array>({ maxBytes: 2 ** 30 }));
    for (const queue of queues) {
      await queue.put(new Uint8Array(100));
      await queue.get();
    }
    assert.ok(process.memoryUsage().external - before < 50 * mib);
    // What lies behind what is mapped at first is reached all the same, and read in order.
    const [queue] = queues as [Queue<Uint8Array>];
    for (let n = 0; n < 2000; n++) await queue.put(new Uint8Array(5000).fill(n));
    for (let n = 0; n < 2000; n++) assert.equal((await queue.get())[4999], n & 255);
    for (const each of queues) each.close();
  });

  test("thousands of queues one after the other, each of them lost without close()", bounded, async () => {
    for (let n = 0; n < 3000; n++) {
      const queue = new Queue();
      if (n % 2 === 0) await queue.put(n);
      await new Promise((resolve) => setImmediate(resolve));
    }
  });

  test("hundreds of queues at once, each of them used", bounded, async () => {
    const queues = Array.from({ length: 500 }, () => new Queue<number>());
    for (const [i, queue] of queues.entries()) await queue.put(i);
    for (const [i, queue] of queues.entries()) assert.equal(await queue.get(), i);
  });

  test("memory behind the consumer goes back, whatever was in it", bounded, async () => {
    const queue = new Queue<Uint8Array>();
    await comesBackTo(0, mib); // What other tests have left to the collector.
    const before = usedBytes();
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 2000; i++) await queue.put(new Uint8Array(20_000).fill(i));
      assert.ok(usedBytes() - before > 35 * mib);
      for (let i = 0; i < 2000; i++) assert.equal((await queue.get())[19_999], i & 0xff);
    }
    // What stays in use for good: 4 MiB, once so much has been in it.
    await comesBackTo(before, 5 * mib);
    // Beyond 64 MiB nothing waits for that.
    for (let i = 0; i < 5000; i++) await queue.put(new Uint8Array(20_000));
    for (let i = 0; i < 5000; i++) await queue.get();
    assert.ok(usedBytes() - before < 65 * mib, `${(usedBytes() - before) / mib} MiB are still there`);
    await comesBackTo(before, 5 * mib);
  });

  test("an idle queue that is not empty gives back what is free, and loses nothing", bounded, async () => {
    const queue = new Queue<Uint8Array>();
    await comesBackTo(0, mib);
    const before = usedBytes();
    const put = async (from: number, to: number): Promise<void> => {
      for (let i = from; i < to; i++) await queue.put(new Uint8Array(20_000).fill(i));
    };
    const get = async (from: number, to: number): Promise<void> => {
      for (let i = from; i < to; i++) assert.ok((await queue.get()).every((byte) => byte === (i & 0xff)));
    };
    await put(0, 2000);
    await get(0, 1900);
    await comesBackTo(before, 8 * mib);
    // What is still in it lies behind what was given back; it is gone round to the beginning, read, and given back as well.
    await put(2000, 2500);
    await get(1900, 2500);
    await comesBackTo(before, 5 * mib);
    queue.close();
  });

  test(
    "memory is given back later where somebody stands at the queue's end, or uses it meanwhile",
    bounded,
    async () => {
      const queue = new Queue<Uint8Array>();
      for (let i = 0; i < 400; i++) await queue.put(new Uint8Array(20_000));
      for (let i = 0; i < 400; i++) await queue.get();
      const { words, base } = view(handleOf(queue)!);
      const memory = new QueueMemory(view(handleOf(queue)!));
      const before = usedBytes();
      for (const lock of [putLock, getLock]) {
        assert.equal(enter(words, base + lock), "entered");
        assert.equal(memory.tidy(), false);
        leave(words, base + lock);
      }
      // Between two of its pieces, when it lets others in for the first time.
      const all = Atomics as unknown as Record<string, (...args: unknown[]) => unknown>;
      const original = all["store"]!;
      let isFirst = true;
      all["store"] = (...args) => {
        const stored = Reflect.apply(original, Atomics, args);
        if (isFirst && args[1] === base + putLock && args[2] === 0) {
          isFirst = false;
          queue.putSync(new Uint8Array(1));
          queue.getSync();
        }
        return stored;
      };
      try {
        assert.equal(memory.tidy(), false);
        assert.equal(isFirst, false);
      } finally {
        all["store"] = original;
      }
      assert.equal(memory.tidy(), true);
      assert.ok(before - usedBytes() > 3 * mib, `${(before - usedBytes()) / mib} MiB`);
      queue.close();
    },
  );

  test("of very many who wait, some give up: the others are answered in the order of coming", bounded, async () => {
    const queue = new Queue<number>();
    const waits = Array.from({ length: 6000 }, (_, n) => queue.get(n % 3 === 1 || n > 5900 ? { timeoutMs: 20 } : {}));
    const settled = Promise.allSettled(waits);
    await new Promise((resolve) => setTimeout(resolve, 100));
    let next = 0;
    const staying = waits.filter((_, n) => n % 3 !== 1 && n <= 5900).length;
    for (let n = 0; n < staying; n++) await queue.put(n);
    for (const [n, outcome] of (await settled).entries()) {
      if (n % 3 === 1 || n > 5900) assert.equal((outcome as PromiseRejectedResult).reason.code, "ERR_MP_TIMEOUT");
      else assert.deepEqual(outcome, { status: "fulfilled", value: next++ });
    }
    // Nobody is left in the line: who comes now is answered at once.
    await queue.put(-1);
    assert.equal(await queue.get({ timeoutMs: 0 }), -1);
    queue.close();
  });

  test("a loop of puts and gets lets the event loop turn", bounded, async () => {
    const queue = new Queue<number>();
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    // Without turns this loop would never end, and neither would the test's own time limit be noticed.
    for (let n = 0; turns < 10 && n < 5_000_000; n++) {
      await queue.put(1);
      await queue.get();
    }
    clearInterval(timer);
    assert.equal(turns, 10);
  });

  test("wait() answers with what is ready, or with nothing when the time is up", bounded, async () => {
    const [a, b] = Pipe<number>();
    const queue = new Queue<number>();
    assert.deepEqual(await wait([b, queue], { timeoutMs: 5 }), []);
    assert.deepEqual(await wait([b, queue], { timeoutMs: -1 }), []);
    const waiting = wait([b, queue]);
    await a.send(1);
    assert.deepEqual(await waiting, [b]);
    await queue.put(1);
    assert.deepEqual(await wait([b, queue]), [b, queue]);
    assert.equal(await b.recv(), 1);
    assert.equal(await queue.get(), 1);
    const stop = new AbortController();
    const aborted = wait([b, queue], { signal: stop.signal });
    stop.abort(new Error("enough"));
    await assert.rejects(aborted, /enough/);
    const end = wait([b]);
    a.close();
    assert.deepEqual(await end, [b]);
    const own = wait([b, queue]);
    assert.deepEqual(await own, [b]);
    b.close();
    assert.deepEqual(await wait([]), []);
    for (const bad of [[1], [null], 5, null, undefined]) {
      await assert.rejects(wait(bad as unknown as object[]), code("ERR_MP_INVALID_ARGUMENT"));
    }
    await assert.rejects(wait([b]), code("ERR_MP_CLOSED"));
  });

  test("taskDone() and join()", bounded, async () => {
    const queue = new JoinableQueue<number>();
    assert.equal(await queue.join(), 0);
    assert.throws(() => queue.taskDone(), code("ERR_MP_INVALID_STATE"));
    for (const value of [1, 2, 3]) await queue.put(value);
    await assert.rejects(queue.join({ timeoutMs: 5 }), code("ERR_MP_TIMEOUT"));
    const joined = queue.join();
    for (let i = 0; i < 3; i++) {
      await queue.get();
      queue.taskDone();
    }
    assert.equal(await joined, 0);
    assert.throws(() => queue.taskDone(), code("ERR_MP_INVALID_STATE"));
  });

  test("options are checked", () => {
    assert.throws(() => new Queue({ maxSize: 1.5 }), code("ERR_MP_INVALID_ARGUMENT"));
    assert.throws(() => new Queue({ maxBytes: 0 }), code("ERR_MP_INVALID_ARGUMENT"));
    for (const bad of [{ size: 1 }, null, 5, "3", { maxBytes: "1" }]) {
      assert.throws(() => new Queue(bad as object), code("ERR_MP_INVALID_ARGUMENT"));
      assert.throws(() => new JoinableQueue(bad as object), code("ERR_MP_INVALID_ARGUMENT"));
    }
    assert.ok(holdingCount() > 0);
  });
});
