/** Condition: the scenarios of CPython's _TestCondition, and notifications whose receivers die. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Condition, Lock, RLock, Semaphore, SharedValue } from "#src/index.js";
import { leaveNothingBehind } from "../support/leaks.ts";
import { forEachStartMethod } from "../support/methods.ts";
import { joinSharedWords, makeSharedWords, reaches } from "../support/shared-words.ts";

const bounded = { timeoutMs: 10_000 };

/** Resolves when so many waits have been counted in. */
async function waiting(condition: Condition, count: number): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (condition.statistics().waiting !== count) {
    assert.ok(Date.now() < deadline, `${condition.statistics().waiting} wait, not ${count}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

describe("Condition, in one process", () => {
  leaveNothingBehind();

  test("without its lock it can neither be waited for nor notified", async () => {
    const condition = new Condition();
    await assert.rejects(condition.wait(), { code: "ERR_MP_INVALID_STATE" });
    assert.throws(() => condition.waitSync(), { code: "ERR_MP_INVALID_STATE" });
    assert.throws(() => condition.notify(), { code: "ERR_MP_INVALID_STATE" });
    await assert.rejects(
      condition.waitFor(() => true),
      { code: "ERR_MP_INVALID_STATE" },
    );
    assert.throws(() => new Condition({} as Lock), { code: "ERR_MP_INVALID_ARGUMENT" });
  });

  test("how many are notified is a whole number", async () => {
    const condition = new Condition();
    using _ = await condition.acquire();
    for (const n of [-1, 1.5, Number.NaN, "2", null, 1n]) {
      assert.throws(() => condition.notify(n as number), { code: "ERR_MP_INVALID_ARGUMENT" }, String(n));
    }
    condition.notify(0);
    condition.notify(100);
  });

  test("a wait that times out answers false and has the lock; its guard releases it still", async () => {
    const condition = new Condition();
    const guard = await condition.acquire();
    assert.equal(await condition.wait({ timeoutMs: 10 }), false);
    assert.equal(await condition.wait({ timeoutMs: 0 }), false);
    assert.equal(condition.waitSync({ timeoutMs: 10 }), false);
    assert.equal(condition.locked, true);
    guard.release();
    assert.equal(condition.locked, false);
    assert.equal(condition.statistics().waiting, 0);
  });

  test("notify() reaches those who wait, in their order, and nobody who comes later", async () => {
    const condition = new Condition();
    const woken: number[] = [];
    const waits = [1, 2, 3].map((n) =>
      condition.withLock(async () => {
        const notified = await condition.wait({ timeoutMs: n === 3 ? 100 : 10_000 });
        if (notified) woken.push(n);
      }),
    );
    await waiting(condition, 3);
    const late = condition.withLock(async () => {
      condition.notify(2);
      return condition.wait({ timeoutMs: 50 });
    });
    assert.equal(await late, false);
    await Promise.all(waits);
    assert.deepEqual(woken, [1, 2]);
  });

  test("a notified wait that is aborted passes the notification on", async () => {
    const condition = new Condition();
    const controller = new AbortController();
    const reason = new Error("no longer");
    const first = condition.withLock(() => condition.wait({ signal: controller.signal }));
    const second = condition.withLock(() => condition.wait(bounded));
    await waiting(condition, 2);
    const guard = await condition.acquire();
    condition.notify();
    controller.abort(reason);
    guard.release();
    await assert.rejects(first, (error) => error === reason);
    assert.equal(await second, true);
    assert.equal(condition.locked, false);
  });

  test("an RLock is released altogether while it waits, and held as often as before afterwards", async () => {
    const lock = new RLock();
    const condition = new Condition(lock);
    await lock.acquire();
    await lock.acquire();
    const wait = condition.wait(bounded);
    assert.equal(lock.locked, false);
    await condition.withLock(() => condition.notify());
    assert.equal(await wait, true);
    assert.equal(lock.statistics().count, 2);
    lock.release();
    lock.release();
  });

  test("guards of an RLock from before a wait release it though another flow had it when the wait ended", async () => {
    const lock = new RLock();
    const condition = new Condition(lock);
    const first = await condition.acquire();
    const wait = condition.wait(bounded);
    const second = await condition.acquire();
    condition.notify();
    assert.equal(await wait, true);
    assert.equal(lock.statistics().count, 2);
    first.release();
    assert.equal(lock.statistics().count, 1);
    second.release();
    assert.equal(lock.locked, false);
  });

  test("waitFor() answers what the predicate does, or what it last did when the time is over", async () => {
    const condition = new Condition();
    assert.equal(await condition.withLock(() => condition.waitFor(() => 7)), 7);
    assert.equal(await condition.withLock(() => condition.waitFor(() => false, { timeoutMs: 20 })), false);
    let state = 0;
    const wait = condition.withLock(() => condition.waitFor(async () => state === 4, bounded));
    for (let i = 0; i < 4; i++) {
      await waiting(condition, 1);
      await condition.withLock(() => {
        state++;
        condition.notify();
      });
    }
    assert.equal(await wait, true);
  });
});

forEachStartMethod((context) => {
  leaveNothingBehind();

  /** Waits once, and says so: word 1 counts those who were notified, word 2 those who were not. */
  async function waitOnce(handle: number, condition: Condition, blocking: boolean, timeoutMs: number): Promise<void> {
    const words = joinSharedWords(handle);
    const guard = await condition.acquire();
    const notified = blocking ? condition.waitSync({ timeoutMs }) : await condition.wait({ timeoutMs });
    Atomics.add(words, notified ? 1 : 2, 1);
    guard.release();
  }

  test("notify(n) wakes n, notifyAll() all, blocking and asynchronous", async () => {
    const condition = new Condition();
    const shared = makeSharedWords();
    const children = [true, false, true, false, true, false].map(
      (blocking) => new context.Process({ target: waitOnce, args: [shared.handle, condition, blocking, 20_000] }),
    );
    await Promise.all(children.map((child) => child.start()));
    await waiting(condition, 6);
    await condition.withLock(() => condition.notify());
    await reaches(shared.words, 1, 1);
    await condition.withLock(() => condition.notify(2));
    await reaches(shared.words, 1, 3);
    assert.equal(condition.statistics().waiting, 3);
    await condition.withLock(() => condition.notifyAll());
    await Promise.all(children.map((child) => child.join()));
    assert.deepEqual([...shared.words.subarray(1, 3)], [6, 0]);
    await condition.withLock(() => condition.notify(3)); // Nobody is left to be woken.
    shared.letGo();
  });

  test("waits that time out in other processes are no longer there to be notified", async () => {
    const condition = new Condition();
    const shared = makeSharedWords();
    const children = [true, false].map(
      (blocking) => new context.Process({ target: waitOnce, args: [shared.handle, condition, blocking, 50] }),
    );
    await Promise.all(children.map((child) => child.start()));
    await Promise.all(children.map((child) => child.join()));
    assert.deepEqual([...shared.words.subarray(1, 3)], [0, 2]);
    assert.equal(condition.statistics().waiting, 0);
    shared.letGo();
  });

  for (const seen of [false, true]) {
    test(`the notification of a waiter that is killed ${seen ? "after" : "before"} it goes to another`, async () => {
      const condition = new Condition();
      const shared = makeSharedWords();
      const first = new context.Process({
        target: async (handle: number) => {
          const words = joinSharedWords(handle);
          await condition.acquire();
          const wait = condition.wait();
          Atomics.store(words, 0, 1);
          await new Promise((resolve) => setImmediate(resolve));
          for (; Atomics.load(words, 3) === 0;); // Too busy to see that it is notified.
          await wait;
        },
        args: [shared.handle],
      });
      await first.start();
      await reaches(shared.words, 0, 1);
      const second = new context.Process({ target: waitOnce, args: [shared.handle, condition, true, 20_000] });
      await second.start();
      await waiting(condition, 2);
      if (!seen) process.kill(first.pid!, "SIGKILL");
      await condition.withLock(() => condition.notify());
      if (seen) process.kill(first.pid!, "SIGKILL");
      await reaches(shared.words, 1, 1);
      await Promise.all([first.join(), second.join()]);
      shared.letGo();
    });
  }

  for (const [name, make] of [
    ["Lock", () => new Lock()],
    ["RLock", () => new RLock()],
  ] as const) {
    for (const blocking of [false, true]) {
      test(`who gets the ${name} of a dead holder at the end of a ${blocking ? "blocking " : ""}wait is told by the guards from before it`, async () => {
        const condition = new Condition(make());
        const outer = condition.acquireSync();
        const inner = name === "RLock" ? condition.acquireSync() : outer;
        const child = new context.Process({
          target: (theirs: Condition) => {
            theirs.acquireSync();
            theirs.notify();
            process.kill(process.pid, "SIGKILL");
          },
          args: [condition],
        });
        await child.start();
        assert.equal(blocking ? condition.waitSync(bounded) : await condition.wait(bounded), true);
        for (const guard of [outer, inner]) {
          assert.equal(guard.abandoned, true);
          assert.equal(guard.previousOwner, child.pid);
          guard.release();
        }
        assert.equal(condition.locked, false);
        const later = condition.acquireSync();
        assert.equal(later.abandoned, false);
        later.release();
        await child.join();
      });
    }
  }

  test("a condition brings its lock along, and is one object in each process", async () => {
    const lock = new Lock();
    const condition = new Condition(lock);
    const child = new context.Process({
      target: async (theirs: Condition) => {
        await lock.acquire();
        theirs.notify();
        lock.release();
        return theirs === condition;
      },
      args: [condition],
    });
    await condition.acquire();
    await child.start();
    assert.equal(await condition.wait(bounded), true);
    condition.release();
    assert.equal(await child.result, true);
    await child.join();
  });

  for (const blocking of [false, true]) {
    test(`two processes wait ${blocking ? "(blocking) " : ""}for what the other one changes: waitFor() sees it`, async () => {
      const condition = new Condition();
      const state = new SharedValue("int32", -1);
      const child = new context.Process({
        target: async () => {
          using _ = await condition.acquire(bounded);
          state.value = 0;
          condition.notify();
          const isFour = (): boolean => state.value === 4;
          return blocking ? condition.waitForSync(isFour, bounded) : await condition.waitFor(isFour, bounded);
        },
      });
      const guard = await condition.acquire();
      await child.start();
      assert.equal(await condition.waitFor(() => state.value === 0, bounded), true);
      guard.release();
      for (let n = 0; n < 4; n++) {
        await condition.withLock(() => {
          state.add(1);
          condition.notify();
        });
      }
      assert.equal(await child.result, true);
      await child.join();
      assert.equal(condition.locked, false);
    });
  }

  test("notifications of another process do not lengthen the limit of waitFor()", async () => {
    const condition = new Condition();
    const state = new SharedValue("int32", 0);
    const begun = new Semaphore(0);
    const target = async (blocking: boolean): Promise<unknown[]> => {
      begun.release();
      const guard = await condition.acquire(bounded);
      const from = performance.now();
      const isFour = (): boolean => state.value === 4;
      const limits = { timeoutMs: 100 };
      const result = blocking ? condition.waitForSync(isFour, limits) : await condition.waitFor(isFour, limits);
      const found = [result, performance.now() - from >= 99, condition.locked];
      guard.release();
      return found;
    };
    const children = [true, false].map((blocking) => new context.Process({ target, args: [blocking] }));
    await Promise.all(children.map((child) => child.start()));
    for (const _ of children) await begun.acquire(bounded);
    for (let n = 0; n < 3; n++) {
      await condition.withLock(() => {
        state.add(1);
        condition.notifyAll();
      });
    }
    for (const child of children) assert.deepEqual(await child.result, [false, true, true]);
    await Promise.all(children.map((child) => child.join()));
    assert.equal(condition.statistics().waiting, 0);
  });

  test("it is of no use to a process that has not its lock while another has it", async () => {
    const condition = new Condition();
    using _ = await condition.acquire();
    const target = async (): Promise<unknown[]> => {
      const calls = [
        () => condition.notify(),
        () => condition.notifyAll(),
        () => condition.wait(bounded),
        () => condition.waitSync(bounded),
        () => condition.waitFor(() => true),
        () => condition.waitForSync(() => true),
      ];
      const code = (error: { code?: string }): unknown => error.code;
      const found = await Promise.all(calls.map(async (call) => call()).map((each) => each.then(String, code)));
      return [condition.locked, condition.tryAcquire(), ...new Set(found)];
    };
    const child = new context.Process({ target });
    await child.start();
    assert.deepEqual(await child.result, [true, undefined, "ERR_MP_INVALID_STATE"]);
    await child.join();
  });

  test("processes that have its RLock twice leave it to others while they wait, and have it twice afterwards", async () => {
    const lock = new RLock();
    const condition = new Condition(lock);
    const target = async (blocking: boolean): Promise<unknown[]> => {
      await lock.acquire(bounded);
      await lock.acquire(bounded);
      const notified = blocking ? condition.waitSync(bounded) : await condition.wait(bounded);
      const { count } = lock.statistics();
      lock.release();
      lock.release();
      return [notified, count];
    };
    const children = [true, false].map((blocking) => new context.Process({ target, args: [blocking] }));
    await Promise.all(children.map((child) => child.start()));
    await waiting(condition, 2);
    await condition.withLock(() => condition.notifyAll(), bounded);
    for (const child of children) assert.deepEqual(await child.result, [true, 2]);
    await Promise.all(children.map((child) => child.join()));
    assert.equal(lock.locked, false);
  });
});
