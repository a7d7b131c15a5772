/** Barrier: the scenarios of CPython's _TestBarrier; where ours differs by contract, the name says so. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isRunning, markOf } from "#src/host/process-facts.js";
import { Barrier, BrokenBarrierError, Queue, Semaphore, SharedValue } from "#src/index.js";
import { family } from "#src/memory/family.js";
import { holdingCount } from "#src/memory/holdings.js";
import { leaveNothingBehind } from "../support/leaks.ts";
import { forEachStartMethod } from "../support/methods.ts";
import { joinSharedWords, makeSharedWords, reaches } from "../support/shared-words.ts";

const bounded = { timeoutMs: 10_000 };
const broken = { code: "ERR_MP_BROKEN_BARRIER" };

describe("Barrier, in one process", () => {
  leaveNothingBehind();

  test("one party passes at once", async () => {
    const barrier = new Barrier(1);
    assert.equal(await barrier.wait(), 0);
    assert.equal(barrier.waitSync(), 0);
    assert.deepEqual(barrier.statistics(), { parties: 1, waiting: 0, broken: false });
  });

  test("parties pass together, each with an index of its own, again and again", async () => {
    const barrier = new Barrier(3);
    for (let round = 0; round < 100; round++) {
      const indexes = await Promise.all([barrier.wait(bounded), barrier.wait(bounded), barrier.wait(bounded)]);
      assert.deepEqual(
        indexes.sort((a, b) => a - b),
        [0, 1, 2],
      );
    }
    const first = barrier.wait(bounded);
    assert.equal(barrier.waiting, 1);
    assert.equal(String(barrier), "<Barrier 1 of 3 waiting>");
    await Promise.all([first, barrier.wait(bounded), barrier.wait(bounded)]);
    assert.equal(barrier.waiting, 0);
  });

  test("more than are needed wait for the next time", async () => {
    const barrier = new Barrier(2);
    const indexes = await Promise.all(Array.from({ length: 6 }, () => barrier.wait(bounded)));
    assert.deepEqual(
      indexes.sort((a, b) => a - b),
      [0, 0, 0, 1, 1, 1],
    );
  });

  test("the action is called once, before anybody passes, and its error breaks the barrier", async () => {
    let calls = 0;
    const barrier = new Barrier(2, {
      action: async () => {
        await new Promise((resolve) => setImmediate(resolve));
        if (++calls === 2) throw new RangeError("no");
      },
    });
    const passes = [0, 1].map(() => barrier.wait(bounded).then(() => calls));
    assert.deepEqual(await Promise.all(passes), [1, 1]);
    const [first, second] = await Promise.allSettled([barrier.wait(bounded), barrier.wait(bounded)]);
    assert.equal(((first as PromiseRejectedResult).reason as BrokenBarrierError).code, "ERR_MP_BROKEN_BARRIER");
    assert.ok((second as PromiseRejectedResult).reason instanceof RangeError);
    assert.equal(barrier.broken, true);
    assert.throws(() => new Barrier(1, { action: async () => {} }).waitSync(), { code: "ERR_MP_INVALID_STATE" });
  });

  test("abort() breaks it for those who wait and those who come; reset() makes it as new", async () => {
    const barrier = new Barrier(2);
    const wait = barrier.wait(bounded);
    barrier.abort();
    await assert.rejects(wait, broken);
    await assert.rejects(barrier.wait(bounded), BrokenBarrierError);
    assert.deepEqual(barrier.statistics(), { parties: 2, waiting: 0, broken: true });
    barrier.reset();
    assert.deepEqual(
      (await Promise.all([barrier.wait(bounded), barrier.wait(bounded)])).sort((a, b) => a - b),
      [0, 1],
    );
    const early = barrier.wait(bounded);
    barrier.reset();
    const later = [barrier.wait(bounded), barrier.wait(bounded)];
    await assert.rejects(early, broken);
    await Promise.all(later);
  });

  test("other than in Python, a wait that is given up is as if it had not begun, and breaks nothing", async () => {
    const barrier = new Barrier(2, { timeoutMs: 20 });
    await assert.rejects(barrier.wait(), { code: "ERR_MP_TIMEOUT" });
    assert.throws(() => barrier.waitSync(), { code: "ERR_MP_TIMEOUT" });
    await assert.rejects(barrier.wait({ timeoutMs: 0 }), { code: "ERR_MP_TIMEOUT" });
    const controller = new AbortController();
    const reason = new Error("no longer");
    const wait = barrier.wait({ signal: controller.signal, timeoutMs: 10_000 });
    controller.abort(reason);
    await assert.rejects(wait, (error) => error === reason);
    assert.deepEqual(barrier.statistics(), { parties: 2, waiting: 0, broken: false });
    assert.deepEqual(
      (await Promise.all([barrier.wait(bounded), barrier.wait(bounded)])).sort((a, b) => a - b),
      [0, 1],
    );
  });

  test("where there is no memory for its parties it is an error that holds nothing", () => {
    const before = holdingCount();
    const known = family();
    const { addon } = known;
    const full = Object.create(addon, {
      reserve: {
        value: () => {
          throw Object.assign(new Error("no room"), { code: "ENOSPC" });
        },
      },
    }) as typeof addon;
    Object.assign(known, { addon: full });
    try {
      assert.throws(() => new Barrier(100_000), { code: "ERR_MP_OUT_OF_MEMORY" });
    } finally {
      Object.assign(known, { addon });
    }
    assert.equal(holdingCount(), before);
  });

  test("the number of parties and the options are checked", async () => {
    for (const parties of [0, -1, 1.5, 2 ** 20, "2"]) {
      assert.throws(() => new Barrier(parties as number), { code: "ERR_MP_INVALID_ARGUMENT" });
    }
    assert.throws(() => new Barrier(1, { action: 1 as never }), { code: "ERR_MP_INVALID_ARGUMENT" });
    const many = new Barrier(1000);
    const waits = Array.from({ length: 1000 }, () => many.wait(bounded));
    assert.equal(new Set(await Promise.all(waits)).size, 1000);
  });
});

forEachStartMethod((context) => {
  leaveNothingBehind();

  test("nobody passes before all have come, hundreds of times, blocking and asynchronous", async () => {
    const barrier = new Barrier(3);
    const shared = makeSharedWords();
    const pass = async (handle: number, blocking: boolean): Promise<void> => {
      const words = joinSharedWords(handle);
      for (let round = 1; round <= 200; round++) {
        Atomics.add(words, 0, 1);
        if (blocking) barrier.waitSync(bounded);
        else await barrier.wait(bounded);
        if (Atomics.load(words, 0) < round * 3) Atomics.add(words, 1, 1);
      }
    };
    const children = [true, false].map(
      (blocking) => new context.Process({ target: pass, args: [shared.handle, blocking] }),
    );
    await Promise.all(children.map((child) => child.start()));
    await Promise.all([pass(shared.handle, false), ...children.map((child) => child.result)]);
    await Promise.all(children.map((child) => child.join()));
    assert.deepEqual([...shared.words.subarray(0, 2)], [600, 0]);
    shared.letGo();
  });

  test("its action crosses with it", async () => {
    const shared = makeSharedWords();
    const { handle } = shared;
    const barrier = new Barrier(2, { action: () => Atomics.add(joinSharedWords(handle), 5, 1) });
    const child = new context.Process({ target: (theirs: Barrier) => theirs.wait(bounded), args: [barrier] });
    const wait = barrier.wait(bounded);
    await child.start();
    await Promise.all([wait, child.result]);
    await child.join();
    assert.equal(shared.words[5], 1);
    shared.letGo();
  });

  for (const blocking of [true, false]) {
    test(`it breaks when a party is killed while it waits, ${blocking ? "blocking" : "asynchronously"}`, async () => {
      const barrier = new Barrier(3);
      const waits = new Semaphore(0);
      const pass = async (): Promise<unknown> => {
        waits.release();
        // Returned and not thrown: an uncaught error would be on stderr too.
        return (async () => (blocking ? barrier.waitSync(bounded) : barrier.wait(bounded)))().catch(
          (error: unknown) => error,
        );
      };
      const children = [0, 1].map(() => new context.Process({ target: pass }));
      await Promise.all(children.map((child) => child.start()));
      for (const _ of children) await waits.acquire(bounded);
      while (barrier.waiting < 2) await new Promise((resolve) => setTimeout(resolve, 2));
      children[0]!.kill();
      const reason = await children[1]!.result;
      assert.ok(reason instanceof BrokenBarrierError);
      assert.equal(reason.pid, children[0]!.pid);
      await assert.rejects(barrier.wait(bounded), broken);
      await Promise.all(children.map((child) => child.join()));
    });
  }

  test("the last party to come does not pass with a dead one, of which nobody has heard yet", async () => {
    const barrier = new Barrier(2);
    const shared = makeSharedWords();
    const child = new context.Process({
      target: (handle: number) => {
        const words = joinSharedWords(handle);
        void barrier.wait();
        Atomics.store(words, 0, 1);
        for (;;);
      },
      args: [shared.handle],
    });
    await child.start();
    await reaches(shared.words, 0, 1);
    const mark = markOf(child.pid!);
    process.kill(child.pid!, "SIGKILL");
    while (isRunning(mark)); // Its owner's event loop, which would tell everybody, does not turn meanwhile.
    assert.throws(() => barrier.waitSync(bounded), broken);
    await child.join();
    shared.letGo();
  });

  const inOrder = <T>(list: readonly T[]): T[] => [...list].sort((a, b) => (String(a) < String(b) ? -1 : 1));

  /** What the work returned here, and in each of so many processes. */
  async function together<R>(processes: number, work: (blocking: boolean) => Promise<R>): Promise<R[]> {
    const children = Array.from(
      { length: processes },
      (_, n) => new context.Process({ target: work, args: [n % 2 === 0] }),
    );
    await Promise.all(children.map((child) => child.start()));
    const results = await Promise.all([work(false), ...children.map((child) => child.result)]);
    await Promise.all(children.map((child) => child.join()));
    return results as R[];
  }

  test("of those who pass together each has an index of its own", async () => {
    const barrier = new Barrier(3);
    const all = await together(2, async (blocking) => {
      const indexes: number[] = [];
      for (let round = 0; round < 20; round++) {
        indexes.push(blocking ? barrier.waitSync(bounded) : await barrier.wait(bounded));
      }
      return indexes;
    });
    for (let round = 0; round < 20; round++) {
      assert.deepEqual(new Set(all.map((indexes) => indexes[round])), new Set([0, 1, 2]));
    }
    assert.deepEqual(barrier.statistics(), { parties: 3, waiting: 0, broken: false });
  });

  test("its action is called once for all processes, before any passes; its error breaks it for all", async () => {
    const calls = new SharedValue("int32");
    const barrier = new Barrier(3, {
      action: () => {
        if (calls.add(1) === 1) throw new RangeError("on purpose");
      },
    });
    const between = new Barrier(3);
    const all = await together(2, async (blocking) => {
      const found: unknown[] = [];
      for (let round = 0; round < 2; round++) {
        try {
          if (blocking) barrier.waitSync(bounded);
          else await barrier.wait(bounded);
          found.push(calls.value);
        } catch (error) {
          found.push(error instanceof BrokenBarrierError ? "broken" : (error as Error).name);
        }
        await between.wait(bounded); // Nobody begins again before all have looked.
      }
      return found;
    });
    assert.deepEqual(
      all.map(([first]) => first),
      [1, 1, 1],
    );
    assert.deepEqual(inOrder(all.map(([, second]) => second)), ["RangeError", "broken", "broken"]);
    assert.equal(barrier.broken, true);
  });

  test("one party's abort() breaks it for those of other processes, whether they wait or come later", async () => {
    const barrier = new Barrier(4);
    const found = await together(3, async (blocking) => {
      if ((await barrier.wait(bounded)) === 1) {
        barrier.abort();
        return "aborted";
      }
      try {
        return blocking ? barrier.waitSync(bounded) : await barrier.wait(bounded);
      } catch (error) {
        return error instanceof BrokenBarrierError ? "broken" : String(error);
      }
    });
    assert.deepEqual(inOrder(found), ["aborted", "broken", "broken", "broken"]);
    assert.equal(barrier.broken, true);
  });

  test("one party's reset() sends those away who wait in other processes; then all pass again", async () => {
    const barrier = new Barrier(4);
    const found = await together(3, async (blocking) => {
      let outcome = "reset";
      if ((await barrier.wait(bounded)) === 1) {
        const until = Date.now() + bounded.timeoutMs;
        while (barrier.waiting < 3 && Date.now() < until) await new Promise((resolve) => setTimeout(resolve, 1));
        barrier.reset();
      } else {
        try {
          outcome = String(blocking ? barrier.waitSync(bounded) : await barrier.wait(bounded));
        } catch (error) {
          outcome = error instanceof BrokenBarrierError ? "broken" : String(error);
        }
      }
      return [outcome, await barrier.wait(bounded)] as const;
    });
    assert.deepEqual(inOrder(found.map(([outcome]) => outcome)), ["broken", "broken", "broken", "reset"]);
    assert.deepEqual(inOrder(found.map(([, index]) => index)), [0, 1, 2, 3]);
    assert.equal(barrier.broken, false);
  });

  test("reset() after abort() makes it as new for all processes", async () => {
    const barrier = new Barrier(3);
    const meeting = new Barrier(3);
    const found = await together(2, async (blocking) => {
      let outcome = "aborted";
      if ((await barrier.wait(bounded)) === 1) barrier.abort();
      else {
        outcome = await barrier.wait(bounded).then(String, (error: { code?: string }) => String(error.code));
      }
      // All have left it before it is reset, and nobody comes before it has been.
      if ((await meeting.wait(bounded)) === 1) barrier.reset();
      await meeting.wait(bounded);
      return [outcome, blocking ? barrier.waitSync(bounded) : await barrier.wait(bounded)] as const;
    });
    assert.deepEqual(inOrder(found.map(([outcome]) => outcome)), [broken.code, broken.code, "aborted"]);
    assert.deepEqual(inOrder(found.map(([, index]) => index)), [0, 1, 2]);
  });

  test("other than in Python, parties whose time is over, by its own limit or the call's, leave it whole", async () => {
    const barrier = new Barrier(3, { timeoutMs: 30 });
    const gaveUp = new Semaphore(0);
    const giveUp = async (blocking: boolean): Promise<unknown[]> => {
      const codes: unknown[] = [];
      for (const limits of [undefined, { timeoutMs: 20 }]) {
        try {
          codes.push(blocking ? barrier.waitSync(limits) : await barrier.wait(limits));
        } catch (error) {
          codes.push((error as { code: unknown }).code);
        }
      }
      gaveUp.release();
      await barrier.wait(bounded);
      return codes;
    };
    const children = [true, false].map((blocking) => new context.Process({ target: giveUp, args: [blocking] }));
    await Promise.all(children.map((child) => child.start()));
    for (const _ of children) await gaveUp.acquire(bounded);
    assert.equal(barrier.broken, false);
    await barrier.wait(bounded);
    for (const child of children) assert.deepEqual(await child.result, ["ERR_MP_TIMEOUT", "ERR_MP_TIMEOUT"]);
    await Promise.all(children.map((child) => child.join()));
  });

  test("processes that report after each of hundreds of passes report in step", async () => {
    const barrier = new Barrier(3);
    const reports = new Queue<number>();
    const pass = async (blocking: boolean): Promise<void> => {
      for (let round = 0; round < 300; round++) {
        if (blocking) barrier.waitSync(bounded);
        else await barrier.wait(bounded);
        reports.putSync(round);
      }
    };
    const children = [true, false, true].map((blocking) => new context.Process({ target: pass, args: [blocking] }));
    await Promise.all(children.map((child) => child.start()));
    for (let round = 0; round < 300; round++) {
      for (const _ of children) assert.equal(await reports.get(bounded), round);
    }
    await Promise.all(children.map((child) => child.join()));
  });
});
