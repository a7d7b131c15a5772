/** Queues between processes: producers, consumers, and the deaths of either. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { JoinableQueue, Pipe, Queue, wait, type Connection } from "#src/index.js";
import { leaveNothingBehind } from "../support/leaks.ts";
import { code, comesBackTo, mib, usedBytes } from "../support/memory.ts";
import { forEachStartMethod } from "../support/methods.ts";

const bounded = { timeout: 60_000 };

forEachStartMethod(({ Process }) => {
  leaveNothingBehind();

  test(
    "instances and functions that come home through a queue are of the original class, and the original",
    bounded,
    async () => {
      class Job {
        readonly n: number;
        constructor(n: number) {
          this.n = n;
        }
      }
      const half = (n: number): number => n / 2;
      const results = new Queue<unknown>();
      const process_ = new Process({
        target: async (made: Job, fn: typeof half) => {
          for (const each of [made, new Job(2), fn]) await results.put(each);
        },
        args: [new Job(1), half],
      });
      await process_.start();
      assert.ok((await results.get()) instanceof Job);
      assert.ok((await results.get()) instanceof Job);
      assert.equal(await results.get(), half);
      await process_.join();
    },
  );

  test("four producers and two consumers: each item once, each producer's in order", bounded, async () => {
    const items = new Queue<[producer: number, n: number]>({ maxSize: 100 });
    const results = new Queue<[producer: number, n: number][]>();
    const produce = async (queue: typeof items, producer: number): Promise<void> => {
      for (let n = 0; n < 2000; n++) await queue.put([producer, n]);
    };
    const consume = async (queue: typeof items, into: typeof results): Promise<void> => {
      const got: [number, number][] = [];
      for await (const item of queue) got.push(item);
      await into.put(got);
    };
    const producers = [0, 1, 2, 3].map((producer) => new Process({ target: produce, args: [items, producer] }));
    const consumers = [0, 1].map(() => new Process({ target: consume, args: [items, results] }));
    for (const each of [...producers, ...consumers]) await each.start();
    for (const each of producers) await each.join();
    items.close();
    const all = [await results.get(), await results.get()];
    for (const each of consumers) await each.join();
    for (const got of all) {
      for (const producer of [0, 1, 2, 3]) {
        const its = got.filter(([from]) => from === producer).map(([, n]) => n);
        assert.deepEqual(
          its,
          [...its].sort((x, y) => x - y),
        );
      }
    }
    const seen = new Set(all.flat().map(([producer, n]) => producer * 10_000 + n));
    assert.equal(seen.size, 8000);
    assert.equal(all.flat().length, 8000);
  });

  test("memory goes back while the only consumer blocks, and its producer has ended", bounded, async () => {
    const [queue, answers] = [new Queue<Uint8Array>(), new Queue<number>()];
    await comesBackTo(0, mib); // What other tests have left to the collector.
    const before = usedBytes();
    const produce = async (into: typeof queue): Promise<void> => {
      for (let i = 0; i < 2000; i++) await into.put(new Uint8Array(20_000).fill(i));
    };
    const producer = await new Process({ target: produce, args: [queue] }).start();
    await producer.join();
    assert.ok(usedBytes() - before > 35 * mib);
    const consume = (from: typeof queue, into: typeof answers): void => {
      let sum = 0;
      for (let i = 0; i < 2000; i++) sum += from.getSync()[0]!;
      into.putSync(sum);
      from.getSync();
    };
    const consumer = await new Process({ target: consume, args: [queue, answers] }).start();
    let sum = 0;
    for (let i = 0; i < 2000; i++) sum += i & 0xff;
    assert.equal(await answers.get(), sum);
    await comesBackTo(before, 6 * mib);
    await queue.put(new Uint8Array(1));
    await consumer.join();
  });

  test(
    "memory goes back when all who used a queue have died at once, and who holds it never uses it",
    bounded,
    async () => {
      const queue = new Queue<Uint8Array>();
      await comesBackTo(0, mib);
      const before = usedBytes();
      const target = (it: typeof queue): void => {
        for (let i = 0; i < 2000; i++) it.putSync(new Uint8Array(20_000).fill(i));
        for (let i = 0; i < 1990; i++) it.getSync();
        process.kill(process.pid, "SIGKILL");
      };
      const child = await new Process({ target, args: [queue] }).start();
      await child.join();
      assert.ok(usedBytes() - before > 35 * mib);
      await comesBackTo(before, 6 * mib);
      for (let i = 1990; i < 2000; i++) assert.ok((await queue.get()).every((byte) => byte === (i & 0xff)));
      assert.ok(queue.isEmpty);
    },
  );

  test("items survive who put them, and unread ones keep nobody from ending", bounded, async () => {
    const queue = new Queue<unknown>();
    const target = async (into: Queue<unknown>): Promise<void> => {
      for (let i = 0; i < 1000; i++) await into.put(i);
      await into.put(new Uint8Array(10_000_000).fill(7));
    };
    const child = new Process({ target, args: [queue] });
    await child.start();
    await child.join();
    assert.equal(child.exitCode, 0);
    for (let i = 0; i < 1000; i++) assert.equal(await queue.get(), i);
    const large = (await queue.get()) as Uint8Array;
    assert.ok(large.length === 10_000_000 && large.every((byte) => byte === 7));
  });

  test(
    "producers that are killed at any moment: what they told to be put is there, whole and in order",
    bounded,
    async () => {
      const queue = new Queue<{ round: number; n: number; body: Uint8Array }>();
      for (let round = 0; round < 6; round++) {
        const [here, there] = Pipe<number>();
        const target = async (into: typeof queue, tell: Connection<number>, of: number): Promise<void> => {
          for (let n = 0; ; n++) {
            await into.put({ round: of, n, body: new Uint8Array((n * 7919) % 100_000).fill(n) });
            await tell.send(n);
          }
        };
        const child = new Process({ target, args: [queue, there, round] });
        await child.start();
        let told = -1;
        while (told < 20 + round * 13) told = await here.recv();
        child.kill();
        for await (const n of here) told = n;
        await child.join();
        here.close();
        let next = 0;
        for (;;) {
          const found = queue.tryGet();
          if (found === undefined) break;
          const { round: of, n, body } = found.value;
          assert.equal(of, round);
          assert.equal(n, next++);
          assert.equal(body.length, (n * 7919) % 100_000);
          assert.ok(body.every((byte) => byte === (n & 0xff)));
        }
        // One more may have been put than was told.
        assert.ok(next - 1 === told || next - 2 === told, `${next} items, ${told} told`);
      }
    },
  );

  test("consumers that are killed lose at most what each had taken", bounded, async () => {
    const queue = new Queue<number>();
    const results = new Queue<number>();
    const total = 20_000;
    for (let n = 0; n < total; n++) await queue.put(n);
    const target = async (from: Queue<number>, into: Queue<number>): Promise<void> => {
      for await (const n of from) await into.put(n);
    };
    const seen = new Set<number>();
    let deaths = 0;
    for (; deaths < 5; deaths++) {
      const child = new Process({ target, args: [queue, results] });
      await child.start();
      seen.add(await results.get());
      child.kill();
      await child.join();
    }
    queue.close();
    const last = new Process({ target, args: [queue, results] });
    await last.start();
    await last.join();
    results.close();
    for await (const n of results) {
      assert.ok(!seen.has(n));
      seen.add(n);
    }
    assert.ok(seen.size >= total - deaths, `${total - seen.size} of ${deaths} lost`);
  });

  test("join() counts what dead consumers had not done", bounded, async () => {
    const queue = new JoinableQueue<number>();
    for (let n = 0; n < 10; n++) await queue.put(n);
    const target = async (from: JoinableQueue<number>): Promise<void> => {
      for (let n = 0; n < 5; n++) {
        await from.get();
        if (n < 3) from.taskDone();
      }
      process.kill(process.pid, "SIGKILL");
    };
    const joined = queue.join();
    for (let i = 0; i < 2; i++) {
      const child = new Process({ target, args: [queue] });
      await child.start();
      await child.join();
    }
    assert.equal(await joined, 4);
  });

  test("wait() sees ends of processes, messages and items", bounded, async () => {
    const [a, b] = Pipe<string>();
    const queue = new Queue<string>();
    const target = async (end: Connection<string>, into: Queue<string>): Promise<void> => {
      await end.recv();
      await into.put("item");
      await end.recv();
      await end.send("message");
      await end.recv();
    };
    const child = new Process({ target, args: [b, queue] });
    await child.start();
    const all = [a, queue, child.sentinel] as const;
    assert.deepEqual(await wait(all, { timeoutMs: 5 }), []);
    await a.send("item, please");
    assert.deepEqual(await wait(all), [queue]);
    await queue.get();
    await a.send("message, please");
    assert.deepEqual(await wait(all), [a]);
    await a.recv();
    child.kill();
    assert.deepEqual(await wait([child.sentinel]), [child.sentinel]);
    assert.ok((await wait(all)).includes(a)); // Its other end has gone.
    await child.join();
    a.close();
  });

  test("a blocked put ends when the queue is closed elsewhere, and a blocked get, too", bounded, async () => {
    const queue = new Queue<number>({ maxSize: 1 });
    await queue.put(1);
    const child = new Process({ target: (to: Queue<number>) => to.close(), args: [queue] });
    const put = assert.rejects(queue.put(2), code("ERR_MP_CLOSED"));
    await child.start();
    await put;
    await child.join();
    assert.equal(await queue.get(), 1);
    await assert.rejects(queue.get(), code("ERR_MP_END_OF_CHANNEL"));
  });

  test("a queue that nobody holds any more gives back its memory and what its items hold", bounded, async () => {
    const before = usedBytes();
    const [a, b] = Pipe<Connection>();
    const [c, d] = Pipe();
    const target = async (end: Connection<Connection>): Promise<void> => {
      const { Queue } = await import("#src/index.js");
      const queue = new Queue<unknown>();
      await queue.put(await end.recv());
      for (let i = 0; i < 100; i++) await queue.put(new Uint8Array(500_000).fill(1));
      await end.send(end);
    };
    const child = new Process({ target, args: [b] });
    await child.start();
    await a.send(d);
    // The end lay in an item of the child's own queue: with the child it is gone.
    await assert.rejects(c.recv(), code("ERR_MP_END_OF_CHANNEL"));
    await child.join();
    a.close();
    c.close();
    await comesBackTo(before, 2 * mib);
  });
});
