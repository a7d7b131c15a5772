/** Lock: the scenarios of CPython's _TestLock, and what holds beyond them when a holder dies. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { describe, test } from "node:test";
import { pause } from "#src/base/pause.js";
import { Condition, Lock, Semaphore, SharedValue, type Guard } from "#src/index.js";
import { leaveNothingBehind } from "../support/leaks.ts";
import { forEachStartMethod } from "../support/methods.ts";
import { joinSharedWords, makeSharedWords, reaches } from "../support/shared-words.ts";

const bounded = { timeoutMs: 10_000 };

describe("Lock, in one process", () => {
  leaveNothingBehind();

  test("it is held once, and released once", async () => {
    const lock = new Lock();
    const guard = await lock.acquire();
    assert.equal(lock.locked, true);
    assert.equal(guard.abandoned, false);
    assert.equal(guard.previousOwner, undefined);
    assert.equal(lock.tryAcquire(), undefined);
    lock.release();
    assert.equal(lock.locked, false);
    assert.throws(() => lock.release(), { code: "ERR_MP_INVALID_STATE" });
  });

  test("a guard releases what it stands for, and nothing that was acquired later", async () => {
    const lock = new Lock();
    const first = lock.acquireSync();
    lock.release();
    const second = lock.acquireSync();
    first.release();
    assert.equal(lock.locked, true);
    second[Symbol.dispose]();
    second.release();
    assert.equal(lock.locked, false);
  });

  test("withLock() returns what the work returns, and releases when it throws", async () => {
    const lock = new Lock();
    assert.equal(await lock.withLock(async () => 7), 7);
    await assert.rejects(
      lock.withLock(() => {
        throw new RangeError("no");
      }),
      RangeError,
    );
    assert.equal(lock.locked, false);
  });

  test("a wait ends by its time limit, or by its signal, and leaves no trace", async () => {
    const lock = new Lock();
    lock.acquireSync();
    await assert.rejects(lock.acquire({ timeoutMs: 20 }), { code: "ERR_MP_TIMEOUT" });
    await assert.rejects(lock.acquire({ timeoutMs: 0 }), { code: "ERR_MP_TIMEOUT" });
    await assert.rejects(lock.acquire({ timeoutMs: -1 }), { code: "ERR_MP_TIMEOUT" });
    const reason = new Error("no longer");
    const controller = new AbortController();
    const wait = lock.acquire({ signal: controller.signal });
    controller.abort(reason);
    await assert.rejects(wait, (error) => error === reason);
    lock.release();
    await assert.rejects(lock.acquire({ signal: controller.signal }), (error) => error === reason);
    assert.equal(lock.locked, false);
    assert.equal(lock.statistics().waitingProcesses, 0);
  });

  test("blocking for a lock that this process holds is refused at once", async () => {
    const lock = new Lock();
    await lock.acquire();
    assert.throws(() => lock.acquireSync(), { code: "ERR_MP_DEADLOCK" });
    assert.throws(() => lock.acquireSync({ timeoutMs: 5000 }), { code: "ERR_MP_DEADLOCK" });
    lock.release();
  });

  test("asynchronous flows of one process take turns in their order", async () => {
    const lock = new Lock();
    await lock.acquire();
    const order: number[] = [];
    const flows = [1, 2, 3].map((flow) =>
      lock.withLock(async () => {
        await new Promise((resolve) => setImmediate(resolve));
        order.push(flow);
      }),
    );
    lock.release();
    await Promise.all(flows);
    assert.deepEqual(order, [1, 2, 3]);
  });

  test("they do so too where the event loop is due to turn in between", async () => {
    const lock = new Lock();
    await readFile(import.meta.filename); // From here, immediates come before what rings.
    await lock.acquire();
    const order: number[] = [];
    const flows = [1, 2, 3].map((flow) => {
      if (flow > 1) pause(20);
      return lock.withLock(() => void order.push(flow));
    });
    lock.release();
    await Promise.all(flows);
    assert.deepEqual(order, [1, 2, 3]);
  });

  test("acquiring again and again lets timers fire", async () => {
    const lock = new Lock();
    let fired = false;
    setTimeout(() => (fired = true), 1);
    const deadline = Date.now() + 10_000;
    while (!fired && Date.now() < deadline) {
      await lock.acquire();
      lock.release();
    }
    assert.ok(fired);
  });

  test("what is no function is refused before anything is held", async () => {
    const lock = new Lock();
    const refused = { code: "ERR_MP_INVALID_ARGUMENT", message: /takes a function; received 1/ };
    const nothing = 1 as never;
    using _ = await lock.acquire();
    await assert.rejects(lock.withLock(nothing), refused);
    await assert.rejects(new Condition(lock).waitFor(nothing), refused);
    await assert.rejects(new SharedValue("int32", 0).update(nothing), refused);
  });

  test("wrong options are refused, and nothing is held", async () => {
    const lock = new Lock();
    await assert.rejects(lock.acquire({ timeoutMs: Number.NaN }), { code: "ERR_MP_INVALID_ARGUMENT" });
    await assert.rejects(lock.acquire({ timeout: 1 } as object), { code: "ERR_MP_INVALID_ARGUMENT" });
    assert.throws(() => lock.acquireSync({ signal: undefined } as object), { code: "ERR_MP_INVALID_ARGUMENT" });
    assert.equal(lock.locked, false);
  });

  test("its string form and its statistics say who holds it", () => {
    const lock = new Lock();
    assert.equal(String(lock), "<Lock free>");
    lock.acquireSync();
    assert.equal(String(lock), `<Lock held by pid ${process.pid}>`);
    assert.deepEqual(lock.statistics(), { locked: true, ownerPid: process.pid, waitingProcesses: 0 });
    lock.release();
  });

  test("a hundred thousand locks are memory only", () => {
    const locks = Array.from({ length: 100_000 }, () => new Lock());
    for (const lock of locks) lock.acquireSync();
    assert.ok(locks.every((lock) => lock.locked));
    for (const lock of locks) lock.release();
  });
});

forEachStartMethod((context) => {
  leaveNothingBehind();

  test("mutual exclusion holds between processes, blocking and asynchronous", async () => {
    const lock = new Lock();
    const shared = makeSharedWords();
    const count = async (handle: number, blocking: boolean): Promise<void> => {
      const words = joinSharedWords(handle);
      for (let i = 0; i < 2000; i++) {
        const guard = blocking ? lock.acquireSync(bounded) : await lock.acquire(bounded);
        words[0] = words[0]! + 1; // Not atomic: only the lock makes it whole.
        guard.release();
      }
    };
    const children = [true, true, false].map(
      (blocking) => new context.Process({ target: count, args: [shared.handle, blocking] }),
    );
    await Promise.all(children.map((child) => child.start()));
    await Promise.all([count(shared.handle, false), ...children.map((child) => child.result)]);
    await Promise.all(children.map((child) => child.join()));
    assert.equal(shared.words[0], 8000);
    assert.equal(lock.locked, false);
    shared.letGo();
  });

  test("a lock can be released by a process that did not acquire it", async () => {
    const lock = new Lock();
    await lock.acquire();
    const child = new context.Process({ target: (theirs: Lock) => theirs.release(), args: [lock] });
    await child.start();
    const guard = await lock.acquire(bounded);
    assert.equal(guard.abandoned, false);
    guard.release();
    await child.join();
  });

  for (const ending of ["SIGKILL", "exit", "return"] as const) {
    test(`a holder that ends by ${ending} has released it, and the next one is told`, async () => {
      const lock = new Lock();
      const shared = makeSharedWords();
      const holdOn = async (handle: number): Promise<void> => {
        const words = joinSharedWords(handle);
        await lock.acquire();
        Atomics.store(words, 0, 1);
        while (Atomics.load(words, 1) === 0) await new Promise((resolve) => setTimeout(resolve, 1));
        if (ending === "exit") process.exit(0);
      };
      const child = new context.Process({ target: holdOn, args: [shared.handle] });
      await child.start();
      await reaches(shared.words, 0, 1);
      const acquired = lock.acquire(bounded);
      if (ending === "SIGKILL") child.kill();
      else Atomics.store(shared.words, 1, 1);
      const guard = await acquired;
      assert.equal(guard.abandoned, true);
      assert.equal(guard.previousOwner, child.pid);
      guard.release();
      assert.equal(lock.acquireSync().abandoned, false);
      lock.release();
      await child.join();
      shared.letGo();
    });
  }

  test("who blocks for a lock sees the death of its holder by itself, its own child being no exception", async () => {
    const lock = new Lock();
    const shared = makeSharedWords();
    const child = new context.Process({
      target: (handle: number) => {
        const words = joinSharedWords(handle);
        lock.acquireSync();
        Atomics.store(words, 0, 1);
        for (;;);
      },
      args: [shared.handle],
    });
    await child.start();
    await reaches(shared.words, 0, 1);
    assert.throws(() => lock.acquireSync({ timeoutMs: 5 }), { code: "ERR_MP_TIMEOUT" });
    process.kill(child.pid!, "SIGKILL");
    const guard = lock.acquireSync(bounded);
    assert.equal(guard.abandoned, true);
    assert.equal(guard.previousOwner, child.pid);
    guard.release();
    await child.join();
    shared.letGo();
  });

  for (const [what, holdMs] of Object.entries({ "at once again": 0, "for most of the time": 0.2 })) {
    test(`processes that have it ${what} and again do not keep others out`, async () => {
      const lock = new Lock();
      const shared = makeSharedWords();
      const greedy = (handle: number): void => {
        const words = joinSharedWords(handle);
        Atomics.add(words, 0, 1);
        while (Atomics.load(words, 1) === 0) {
          lock.acquireSync();
          const until = performance.now() + holdMs;
          while (performance.now() < until);
          lock.release();
        }
      };
      const children = [1, 2].map(() => new context.Process({ target: greedy, args: [shared.handle] }));
      await Promise.all(children.map((child) => child.start()));
      await reaches(shared.words, 0, 2);
      for (let i = 0; i < 50; i++) (await lock.acquire(bounded)).release();
      for (let i = 0; i < 50; i++) lock.acquireSync(bounded).release();
      Atomics.store(shared.words, 1, 1);
      await Promise.all(children.map((child) => child.join()));
      shared.letGo();
    });
  }

  test("it crosses as an argument, in a closure, nested, as a result, and is one object in each process", async () => {
    const lock = new Lock();
    const target = (args: { a: Lock; b: Lock[] }): [boolean, boolean, Lock] => [
      args.a === lock && args.b[0] === lock,
      lock.locked,
      lock,
    ];
    const guard: Guard = await lock.acquire();
    const child = new context.Process({ target, args: [{ a: lock, b: [lock] }] });
    await child.start();
    const [same, locked, home] = await child.result;
    await child.join();
    assert.ok(same);
    assert.ok(locked);
    assert.equal(home, lock);
    guard.release();
  });

  test("a process sees that another has it, and cannot have it; one release too many is an error in all", async () => {
    const lock = new Lock();
    const guard = await lock.acquire();
    const target = async (): Promise<unknown[]> => {
      const code = (error: { code?: string }): unknown => error.code;
      const attempts = [
        async () => lock.tryAcquire(),
        async () => lock.acquire({ timeoutMs: 20 }),
        async () => lock.acquire({ timeoutMs: -1 }),
        async () => lock.acquireSync({ timeoutMs: 20 }),
        async () => lock.acquireSync({ timeoutMs: 0 }),
      ];
      const found: unknown[] = [lock.locked, String(lock)];
      for (const attempt of attempts) found.push(await attempt().catch(code));
      lock.release();
      found.push(await (async () => lock.release())().catch(code), lock.locked);
      return found;
    };
    const child = new context.Process({ target });
    await child.start();
    const limit = "ERR_MP_TIMEOUT";
    assert.deepEqual(await child.result, [
      true,
      `<Lock held by pid ${process.pid}>`,
      undefined,
      ...[limit, limit, limit, limit],
      "ERR_MP_INVALID_STATE",
      false,
    ]);
    await child.join();
    assert.throws(() => lock.release(), { code: "ERR_MP_INVALID_STATE" });
    guard.release(); // Of what has been released already.
    assert.equal(lock.locked, false);
  });

  test("its owner sees that a child has it, until the child has released it", async () => {
    const lock = new Lock();
    const [held, over] = [new Semaphore(0), new Semaphore(0)];
    const child = new context.Process({
      target: () =>
        lock.withLock(async () => {
          held.release();
          await over.acquire(bounded);
        }),
    });
    await child.start();
    await held.acquire(bounded);
    assert.deepEqual(lock.statistics(), { locked: true, ownerPid: child.pid, waitingProcesses: 0 });
    assert.equal(lock.tryAcquire(), undefined);
    assert.throws(() => lock.acquireSync({ timeoutMs: 20 }), { code: "ERR_MP_TIMEOUT" });
    over.release();
    const guard = await lock.acquire(bounded);
    assert.equal(guard.abandoned, false);
    guard.release();
    await child.join();
  });
});
