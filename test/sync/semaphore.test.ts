/** Semaphore and BoundedSemaphore: the scenarios of CPython's _TestSemaphore, and whose permits return after a death. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { BoundedSemaphore, Semaphore } from "#src/index.js";
import { leaveNothingBehind } from "../support/leaks.ts";
import { forEachStartMethod } from "../support/methods.ts";
import { joinSharedWords, makeSharedWords, reaches } from "../support/shared-words.ts";

const bounded = { timeoutMs: 10_000 };

describe("semaphores, in one process", () => {
  leaveNothingBehind();

  for (const itsClass of [Semaphore, BoundedSemaphore]) {
    test(`${itsClass.name}: two permits are had twice`, async () => {
      const semaphore = new itsClass(2);
      assert.equal(semaphore.value, 2);
      await semaphore.acquire();
      assert.equal(semaphore.value, 1);
      semaphore.acquireSync();
      assert.equal(semaphore.value, 0);
      assert.equal(semaphore.locked, true);
      assert.equal(semaphore.tryAcquire(), undefined);
      await assert.rejects(semaphore.acquire({ timeoutMs: 10 }), { code: "ERR_MP_TIMEOUT" });
      semaphore.release();
      assert.equal(semaphore.value, 1);
      semaphore.release();
      assert.equal(semaphore.value, 2);
    });

    test(`${itsClass.name}: a guard gives back one permit, once`, async () => {
      const semaphore = new itsClass(2);
      const guard = await semaphore.acquire();
      assert.equal(await semaphore.withLock(() => semaphore.value), 0);
      guard.release();
      guard[Symbol.dispose]();
      assert.equal(semaphore.value, 2);
    });

    test(`${itsClass.name}: the number of permits is checked`, () => {
      for (const value of [-1, 1.5, Number.NaN, 2 ** 31, "2"]) {
        assert.throws(() => new itsClass(value as number), { code: "ERR_MP_INVALID_ARGUMENT" });
      }
      assert.equal(new itsClass().value, 1);
      assert.equal(new itsClass(0).tryAcquire(), undefined);
    });

    test(`${itsClass.name}: flows of one process get permits in the order of their coming`, async () => {
      const semaphore = new itsClass(1);
      semaphore.acquireSync();
      const order: number[] = [];
      const flows = [1, 2, 3].map((flow) => semaphore.withLock(() => void order.push(flow)));
      semaphore.release();
      await Promise.all(flows);
      assert.deepEqual(order, [1, 2, 3]);
    });
  }

  test("a Semaphore may be released without having been acquired, a BoundedSemaphore not", () => {
    const semaphore = new Semaphore(1);
    semaphore.release();
    assert.equal(semaphore.value, 2);
    const strict = new BoundedSemaphore(1);
    assert.throws(() => strict.release(), { code: "ERR_MP_INVALID_STATE" });
    assert.throws(() => new Semaphore(2 ** 31 - 1).release(), { code: "ERR_MP_INVALID_STATE" });
  });

  test("a BoundedSemaphore may have any number of permits", async () => {
    for (const bound of [10, 11, 1000, 100_000]) {
      const semaphore = new BoundedSemaphore(bound);
      for (let i = 0; i < bound; i++) assert.ok(semaphore.tryAcquire() !== undefined);
      assert.equal(semaphore.tryAcquire(), undefined);
      assert.throws(() => semaphore.acquireSync(), { code: "ERR_MP_DEADLOCK" });
      assert.equal(semaphore.value, 0);
      for (let i = 0; i < bound; i++) semaphore.release();
      assert.equal(semaphore.value, bound);
      assert.throws(() => semaphore.release(), { code: "ERR_MP_INVALID_STATE" });
    }
    const most = new BoundedSemaphore(2 ** 31 - 1);
    const guard = await most.acquire();
    assert.equal(most.value, 2 ** 31 - 2);
    guard.release();
    assert.equal(String(most), `<BoundedSemaphore value ${2 ** 31 - 1} of ${2 ** 31 - 1}>`);
  });
});

forEachStartMethod((context) => {
  leaveNothingBehind();

  for (const itsClass of [Semaphore, BoundedSemaphore]) {
    test(`${itsClass.name}: at most as many as there are permits are inside, blocking and asynchronous`, async () => {
      const semaphore = new itsClass(2);
      const shared = makeSharedWords();
      const enter = async (handle: number, blocking: boolean): Promise<void> => {
        const words = joinSharedWords(handle);
        for (let i = 0; i < 500; i++) {
          const guard = blocking ? semaphore.acquireSync(bounded) : await semaphore.acquire(bounded);
          if (Atomics.add(words, 0, 1) >= 2) Atomics.add(words, 1, 1);
          Atomics.sub(words, 0, 1);
          guard.release();
        }
      };
      const children = [true, true, false].map(
        (blocking) => new context.Process({ target: enter, args: [shared.handle, blocking] }),
      );
      await Promise.all(children.map((child) => child.start()));
      await Promise.all([enter(shared.handle, false), ...children.map((child) => child.result)]);
      await Promise.all(children.map((child) => child.join()));
      assert.deepEqual([...shared.words.subarray(0, 2)], [0, 0]);
      assert.equal(semaphore.value, 2);
      shared.letGo();
    });
  }

  test("a Semaphore is a signal between processes", async () => {
    const done = new Semaphore(0);
    const children = Array.from({ length: 3 }, () => new context.Process({ target: () => done.release() }));
    await Promise.all(children.map((child) => child.start()));
    for (let i = 0; i < 3; i++) await done.acquire(bounded);
    await Promise.all(children.map((child) => child.join()));
    assert.equal(done.tryAcquire(), undefined);
  });

  test("after a kill a BoundedSemaphore's permits return, and a Semaphore's do not", async () => {
    const plain = new Semaphore(3);
    const strict = new BoundedSemaphore(3);
    const shared = makeSharedWords();
    const child = new context.Process({
      target: async (handle: number) => {
        const words = joinSharedWords(handle);
        for (let i = 0; i < 2; i++) {
          await plain.acquire();
          await strict.acquire();
        }
        Atomics.store(words, 0, 1);
        await new Promise((resolve) => setTimeout(resolve, 60_000));
      },
      args: [shared.handle],
    });
    await child.start();
    await reaches(shared.words, 0, 1);
    assert.equal(strict.value, 1);
    await strict.acquire();
    const waits = [strict.acquire(bounded), strict.acquire(bounded)];
    child.kill();
    for (const guard of await Promise.all(waits)) {
      assert.equal(guard.abandoned, true);
      assert.equal(guard.previousOwner, child.pid);
    }
    await child.join();
    assert.equal(strict.value, 0);
    assert.equal(plain.value, 1);
    shared.letGo();
  });

  test("a permit that one process acquired may be released by another", async () => {
    const slots = new BoundedSemaphore(1);
    await slots.acquire();
    const child = new context.Process({ target: () => slots.release() });
    await child.start();
    await slots.acquire(bounded);
    await child.join();
    assert.equal(slots.value, 0);
    slots.release();
  });

  for (const itsClass of [Semaphore, BoundedSemaphore]) {
    test(`${itsClass.name}: its value is one for all processes, and so is its bound`, async () => {
      const semaphore = new itsClass(3);
      await semaphore.acquire();
      const target = async (): Promise<unknown[]> => {
        const code = (error: { code?: string }): unknown => error.code;
        const found: unknown[] = [semaphore.value];
        await semaphore.acquire(bounded);
        found.push(semaphore.value);
        semaphore.acquireSync(bounded);
        found.push(semaphore.value, semaphore.locked, semaphore.tryAcquire());
        for (let n = 0; n < 4; n++) found.push(await (async () => semaphore.release())().catch(code), semaphore.value);
        return found;
      };
      const child = new context.Process({ target });
      await child.start();
      // The permit of the parent is among those that the child gives back, as in Python.
      const atMost = itsClass === Semaphore ? [undefined, 4] : ["ERR_MP_INVALID_STATE", 3];
      const upToThree = [undefined, 1, undefined, 2, undefined, 3];
      assert.deepEqual(await child.result, [2, 1, 0, true, undefined, ...upToThree, ...atMost]);
      await child.join();
      assert.equal(semaphore.value, atMost[1]);
    });
  }

  test("waits for a permit that no process gives end by their limits", async () => {
    const semaphore = new Semaphore(0);
    const target = async (): Promise<unknown[]> => {
      const code = (error: { code?: string }): unknown => error.code;
      const found: unknown[] = [semaphore.tryAcquire()];
      for (const timeoutMs of [0, -1, 20]) {
        found.push(await semaphore.acquire({ timeoutMs }).catch(code));
        found.push(await (async () => semaphore.acquireSync({ timeoutMs }))().catch(code));
      }
      return found;
    };
    const child = new context.Process({ target });
    await child.start();
    assert.deepEqual(await child.result, [undefined, ...Array.from({ length: 6 }, () => "ERR_MP_TIMEOUT")]);
    await child.join();
    assert.deepEqual(semaphore.statistics(), { value: 0, waitingProcesses: 0 });
  });
});
