/** RLock: the scenarios of CPython's _TestLock for it. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { RLock, Semaphore } from "#src/index.js";
import { leaveNothingBehind } from "../support/leaks.ts";
import { forEachStartMethod } from "../support/methods.ts";
import { joinSharedWords, makeSharedWords, reaches } from "../support/shared-words.ts";

const bounded = { timeoutMs: 10_000 };

describe("RLock, in one process", () => {
  leaveNothingBehind();

  test("it is acquired again by who holds it, and free after as many releases", async () => {
    const lock = new RLock();
    await lock.acquire();
    lock.acquireSync();
    const third = lock.tryAcquire();
    assert.equal(lock.statistics().count, 3);
    third!.release();
    lock.release();
    assert.equal(lock.locked, true);
    lock.release();
    assert.equal(lock.locked, false);
    assert.throws(() => lock.release(), { code: "ERR_MP_INVALID_STATE" });
  });

  test("a guard of an earlier time releases nothing that was acquired later", () => {
    const lock = new RLock();
    const [first, again] = [lock.acquireSync(), lock.acquireSync()];
    lock.release();
    lock.release();
    const later = lock.acquireSync();
    first.release();
    again.release();
    assert.equal(lock.statistics().count, 1);
    later.release();
    assert.equal(lock.locked, false);
  });
});

forEachStartMethod((context) => {
  leaveNothingBehind();

  test("another process can neither acquire nor release it while it is held", async () => {
    const lock = new RLock();
    await lock.acquire();
    await lock.acquire();
    const child = new context.Process({
      target: (): unknown[] => {
        let code: unknown;
        try {
          lock.release();
        } catch (error) {
          ({ code } = error as { code: unknown });
        }
        return [lock.tryAcquire(), code];
      },
    });
    await child.start();
    assert.deepEqual(await child.result, [undefined, "ERR_MP_INVALID_STATE"]);
    await child.join();
    lock.release();
    lock.release();
  });

  test("however often a dead process had acquired it, the next one gets it, and is told once", async () => {
    const lock = new RLock();
    const shared = makeSharedWords();
    const child = new context.Process({
      target: async (handle: number) => {
        const words = joinSharedWords(handle);
        for (let i = 0; i < 3; i++) await lock.acquire();
        Atomics.store(words, 0, 1);
        await new Promise((resolve) => setTimeout(resolve, 60_000));
      },
      args: [shared.handle],
    });
    await child.start();
    await reaches(shared.words, 0, 1);
    const waits = [lock.acquire(bounded), lock.acquire(bounded)];
    child.kill();
    const [first, second] = await Promise.all(waits);
    assert.equal(first!.abandoned, true);
    assert.equal(first!.previousOwner, child.pid);
    assert.equal(second!.abandoned, false);
    first!.release();
    second!.release();
    assert.equal(lock.locked, false);
    await child.join();
    shared.letGo();
  });

  test("mutual exclusion holds between processes that acquire it twice", async () => {
    const lock = new RLock();
    const shared = makeSharedWords();
    const count = async (handle: number): Promise<void> => {
      const words = joinSharedWords(handle);
      for (let i = 0; i < 500; i++) {
        const outer = await lock.acquire(bounded);
        const inner = lock.acquireSync(bounded);
        words[0] = words[0]! + 1;
        inner.release();
        outer.release();
      }
    };
    const children = [1, 2, 3].map(() => new context.Process({ target: count, args: [shared.handle] }));
    await Promise.all(children.map((child) => child.start()));
    await Promise.all(children.map((child) => child.result));
    await Promise.all(children.map((child) => child.join()));
    assert.equal(shared.words[0], 1500);
    shared.letGo();
  });

  test("others see it held until its last release; one release more is an error", async () => {
    const lock = new RLock();
    const [next, done] = [new Semaphore(0), new Semaphore(0)];
    const child = new context.Process({
      target: async () => {
        await lock.acquire();
        lock.acquireSync();
        assert.ok(lock.tryAcquire());
        for (let left = 3; left > 0; left--) {
          done.release();
          await next.acquire(bounded);
          lock.release();
        }
        done.release();
        assert.throws(() => lock.release(), { code: "ERR_MP_INVALID_STATE" });
      },
    });
    await child.start();
    for (let left = 3; left > 0; left--) {
      await done.acquire(bounded);
      assert.equal(String(lock), `<RLock held by pid ${child.pid}>`);
      assert.equal(lock.tryAcquire(), undefined);
      await assert.rejects(lock.acquire({ timeoutMs: 5 }), { code: "ERR_MP_TIMEOUT" });
      next.release();
    }
    await done.acquire(bounded);
    assert.equal(String(lock), "<RLock free>");
    await child.result;
    await child.join();
  });
});
