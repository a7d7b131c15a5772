/** Items of 64 MiB and of 1 GiB, with deaths in the middle: nothing is torn, and memory comes back. */
import assert from "node:assert/strict";
import { freemem } from "node:os";
import { test } from "node:test";
import { getStartMethod, Pipe, Queue, type Connection } from "#src/index.js";
import { leaveNothingBehind } from "../support/leaks.ts";
import { comesBackTo, mib, usedBytes } from "../support/memory.ts";
import { forEachStartMethod } from "../support/methods.ts";

const bounded = { timeout: 120_000 };
const itemBytes = 64 * mib;
const gib = 2 ** 30;
/** The sender's bytes, the range that crosses, and room for all others who test at the same time. */
const neededBytes = 4 * gib;

function isWhole(item: Uint8Array, value: number): void {
  assert.equal(item.length, itemBytes);
  for (let at = 0; at < item.length; at += 4099) assert.equal(item[at], value & 0xff);
  assert.equal(item.at(-1), value & 0xff);
}

forEachStartMethod(({ Process }, method) => {
  leaveNothingBehind();

  test("producers that are killed while they put 64 MiB leave whole items, and no memory", bounded, async () => {
    const usedBefore = usedBytes();
    const round = async (afterItems: number): Promise<void> => {
      const queue = new Queue<Uint8Array>({ maxSize: 2 });
      const target = async (into: Queue<Uint8Array>, size: number): Promise<void> => {
        for (let n = 1; ; n++) await into.put(new Uint8Array(size).fill(n));
      };
      const child = new Process({ target, args: [queue, itemBytes] });
      await child.start();
      for (let n = 1; n <= afterItems; n++) isWhole(await queue.get(), n);
      child.kill();
      await child.join();
      queue.close();
      let n = afterItems;
      for await (const item of queue) isWhole(item, ++n);
    };
    for (const afterItems of [1, 3]) await round(afterItems);
    await comesBackTo(usedBefore, 16 * mib);
  });

  test(
    "consumers that are killed while they get 64 MiB lose one item each at most, and no memory",
    bounded,
    async () => {
      const usedBefore = usedBytes();
      const round = async (): Promise<void> => {
        const queue = new Queue<Uint8Array>();
        const [said, say] = Pipe<number>();
        const total = 4;
        for (let n = 1; n <= total; n++) await queue.put(new Uint8Array(itemBytes).fill(n));
        const target = async (from: Queue<Uint8Array>, end: Connection<number>): Promise<void> => {
          for await (const item of from) await end.send(item[0]!);
        };
        const child = new Process({ target, args: [queue, say] });
        await child.start();
        const got = [await said.recv()];
        child.kill();
        await child.join();
        for await (const n of said) got.push(n);
        queue.close();
        const left: number[] = [];
        for await (const item of queue) {
          left.push(item[0]!);
          isWhole(item, item[0]!);
        }
        assert.deepEqual(
          got,
          [...got.keys()].map((n) => n + 1),
        );
        assert.ok(got.length + left.length >= total - 1, `${got.length} got and ${left.length} left`);
        assert.deepEqual(
          left,
          [...left.keys()].map((n) => total - left.length + 1 + n),
        );
      };
      for (let n = 0; n < 2; n++) await round();
      await comesBackTo(usedBefore, 16 * mib);
    },
  );

  test("a receiver that is killed while it receives 64 MiB from a pipe leaves no memory", bounded, async () => {
    const usedBefore = usedBytes();
    const round = async (): Promise<void> => {
      const [a, b] = Pipe<Uint8Array | number>();
      const target = async (end: Connection<Uint8Array | number>): Promise<void> => {
        for await (const item of end) await end.send((item as Uint8Array).length);
      };
      const child = new Process({ target, args: [b] });
      await child.start();
      for (let n = 0; n < 3; n++) await a.send(new Uint8Array(itemBytes));
      assert.equal(await a.recv(), itemBytes);
      child.kill();
      await child.join();
      const refused = async (): Promise<void> => {
        for (let n = 0; n < 10; n++) await a.send(new Uint8Array(itemBytes));
      };
      await assert.rejects(refused(), { code: "ERR_MP_BROKEN_PIPE" });
      a.close();
    };
    for (let n = 0; n < 2; n++) await round();
    await comesBackTo(usedBefore, 16 * mib);
  });

  // With one start method: what crosses and how has nothing to do with it, and it takes long.
  const skip =
    (method !== getStartMethod() && "it is done with the default start method") ||
    (freemem() < neededBytes && `it needs ${neededBytes / gib} GiB of memory that nobody uses`);
  test(
    "an item of 1 GiB crosses a queue and a pipe whole, and its memory comes back",
    { ...bounded, skip },
    async () => {
      const usedBefore = usedBytes();
      const round = async (): Promise<void> => {
        const queue = new Queue<Uint8Array>({ maxBytes: 3 * gib });
        const [a, b] = Pipe<number[]>();
        const target = async (from: Queue<Uint8Array>, end: Connection<number[]>): Promise<void> => {
          const item = await from.get();
          await end.send([item.length, item[0]!, item[item.length - 1]!]);
        };
        const child = new Process({ target, args: [queue, b] });
        await child.start();
        const item = new Uint8Array(gib);
        [item[0], item[gib - 1]] = [1, 2];
        await queue.put(item);
        assert.deepEqual(await a.recv(), [gib, 1, 2]);
        await child.join();
        const [c, d] = Pipe<Uint8Array>();
        await c.send(item);
        const got = await d.recv();
        assert.deepEqual([got.length, got[0], got.at(-1)], [gib, 1, 2]);
        for (const end of [a, c, d]) end.close();
      };
      await round();
      await comesBackTo(usedBefore, 16 * mib);
    },
  );
});
