/** Objects of synchronisation in the hands of servers, siblings, grandchildren: whoever made them. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { getAllStartMethods, getContext, Lock, Queue, SharedValue, setForkserverPreload } from "#src/index.js";
import { arrived, condition, count, lock, madeBy, queue } from "../modules/preloaded-lock.ts";
import { leaveNothingBehind } from "../support/leaks.ts";
import { forEachStartMethod } from "../support/methods.ts";

const bounded = { timeoutMs: 10_000 };
const rounds = 2000;

if (getAllStartMethods().includes("forkserver")) {
  describe("what a preloaded module has made", () => {
    leaveNothingBehind();

    test("is one for all children of the server", async () => {
      setForkserverPreload([new URL("../modules/preloaded-lock.js", import.meta.url)]);
      const { Process } = getContext("forkserver");
      try {
        const work = async (blocking: boolean): Promise<number[]> => {
          for (let round = 0; round < rounds; round++) {
            const guard = blocking ? lock.acquireSync(bounded) : await lock.acquire(bounded);
            count.value = count.value + 1; // Two steps, which only the lock keeps together.
            guard.release();
          }
          arrived.release();
          await condition.withLock(() => condition.waitFor(() => count.value >= 3 * rounds, { timeoutMs: 50 }));
          await queue.put(process.pid);
          return [madeBy, count.value];
        };
        const workers = [true, true, false].map((blocking) => new Process({ target: work, args: [blocking] }));
        await Promise.all(workers.map((worker) => worker.start()));
        const makers = await Promise.all(workers.map(async (worker) => (await worker.result)[0]));
        await Promise.all(workers.map((worker) => worker.join()));
        assert.equal(new Set(makers).size, 1);
        assert.notEqual(makers[0], process.pid);
        const last = await new Process({
          target: async () => {
            for (let n = 0; n < 3; n++) await arrived.acquire(bounded);
            const pids = [await queue.get(bounded), await queue.get(bounded), await queue.get(bounded)];
            return { pids, total: count.value, locked: lock.locked };
          },
        }).start();
        const { pids, total, locked } = await last.result;
        assert.deepEqual(new Set(pids), new Set(workers.map(({ pid }) => pid)));
        assert.equal(total, 3 * rounds);
        assert.equal(locked, false);
        await last.join();
      } finally {
        setForkserverPreload([]);
      }
    });

    test("is released when a child dies with it, and the next child is told", async () => {
      setForkserverPreload([new URL("../modules/preloaded-lock.js", import.meta.url)]);
      const { Process } = getContext("forkserver");
      try {
        const dies = await new Process({
          target: () => {
            lock.acquireSync(bounded);
            process.kill(process.pid, "SIGKILL");
          },
        }).start();
        await dies.join();
        const next = await new Process({
          target: () => {
            const guard = lock.acquireSync(bounded);
            return [guard.abandoned, guard.previousOwner];
          },
        }).start();
        assert.deepEqual(await next.result, [true, dies.pid]);
        await next.join();
        const later = await new Process({ target: () => lock.acquireSync(bounded).abandoned }).start();
        assert.equal(await later.result, true, "one that returns without releasing has exited with it");
        await later.join();
      } finally {
        setForkserverPreload([]);
      }
    });
  });
}

describe("what a root has made", () => {
  leaveNothingBehind();

  test("other than in Python, serves children of all start methods at once, and one that has it by a queue", async () => {
    const total = new SharedValue("int32", 0);
    const made = new Lock();
    const sent = new Queue<Lock>();
    const work = async (theirs?: Lock): Promise<void> => {
      const its = theirs ?? (await sent.get(bounded));
      for (let round = 0; round < 200; round++) {
        using _ = await its.acquire(bounded);
        total.value = total.value + 1;
      }
    };
    const children = getAllStartMethods().flatMap((method) => {
      const { Process } = getContext(method);
      return [new Process({ target: work, args: [made] }), new Process({ target: work })];
    });
    await Promise.all(children.map((child) => child.start()));
    for (const _ of getAllStartMethods()) await sent.put(made);
    await Promise.all(children.map((child) => child.result));
    await Promise.all(children.map((child) => child.join()));
    assert.equal(total.value, 200 * children.length);
    assert.equal(made.locked, false);
  });
});

forEachStartMethod((context) => {
  leaveNothingBehind();

  test("a grandchild's lock serves its grandparent, its parent and their other children, when it has ended too", async () => {
    const total = new SharedValue("int32", 0);
    const work = async (theirs: Lock): Promise<void> => {
      for (let round = 0; round < rounds; round++) {
        const guard = await theirs.acquire(bounded);
        total.value = total.value + 1;
        guard.release();
      }
    };
    const child = new context.Process({
      target: async () => {
        const { Process } = (await import("#src/index.js")).getContext(context.getStartMethod());
        const grandchild = await new Process({
          target: () => {
            const made = new Lock();
            made.acquireSync();
            return made;
          },
        }).start();
        const made = await grandchild.result;
        await grandchild.join();
        return { made, grandchild: grandchild.pid };
      },
    });
    await child.start();
    const { made, grandchild } = await child.result;
    await child.join();
    const guard = await made.acquire(bounded);
    assert.deepEqual([guard.abandoned, guard.previousOwner], [true, grandchild]);
    guard.release();
    const siblings = [1, 2].map(() => new context.Process({ target: work, args: [made] }));
    await Promise.all(siblings.map((sibling) => sibling.start()));
    await work(made);
    await Promise.all(siblings.map((sibling) => sibling.result));
    await Promise.all(siblings.map((sibling) => sibling.join()));
    assert.equal(total.value, 3 * rounds);
    assert.equal(made.locked, false);
  });
});
