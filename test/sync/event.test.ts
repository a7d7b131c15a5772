/** Event: the scenarios of CPython's _TestEvent. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Event, Semaphore } from "#src/index.js";
import { leaveNothingBehind } from "../support/leaks.ts";
import { forEachStartMethod } from "../support/methods.ts";

const bounded = { timeoutMs: 10_000 };

describe("Event, in one process", () => {
  leaveNothingBehind();

  test("it is set, and cleared, as often as wanted", async () => {
    const event = new Event();
    assert.equal(event.isSet(), false);
    assert.equal(await event.wait({ timeoutMs: 0 }), false);
    assert.equal(await event.wait({ timeoutMs: 10 }), false);
    assert.equal(event.waitSync({ timeoutMs: 10 }), false);
    event.set();
    event.set();
    assert.equal(event.isSet(), true);
    assert.equal(String(event), "<Event set>");
    assert.equal(await event.wait(), true);
    assert.equal(event.waitSync(), true);
    event.clear();
    event.clear();
    assert.equal(event.isSet(), false);
    assert.equal(await event.wait({ timeoutMs: 0 }), false);
  });

  test("who waits when it is set goes on, though it is cleared at once; who comes later waits", async () => {
    const event = new Event();
    const early = [event.wait(bounded), event.wait(bounded)];
    event.set();
    event.clear();
    const late = event.wait({ timeoutMs: 50 });
    assert.deepEqual(await Promise.all(early), [true, true]);
    assert.equal(await late, false);
  });

  test("an abort rejects with its reason", async () => {
    const event = new Event();
    const reason = new Error("no longer");
    const controller = new AbortController();
    const wait = event.wait({ signal: controller.signal });
    controller.abort(reason);
    await assert.rejects(wait, (error) => error === reason);
  });
});

forEachStartMethod((context) => {
  leaveNothingBehind();

  test("it wakes all who wait in other processes, blocking and asynchronous", async () => {
    const event = new Event();
    const waits = new Semaphore(0);
    const waitForIt = async (blocking: boolean): Promise<boolean> => {
      waits.release();
      return blocking ? event.waitSync(bounded) : event.wait(bounded);
    };
    const children = [true, false, true].map(
      (blocking) => new context.Process({ target: waitForIt, args: [blocking] }),
    );
    await Promise.all(children.map((child) => child.start()));
    for (const _ of children) await waits.acquire(bounded);
    event.set();
    assert.deepEqual(await Promise.all(children.map((child) => child.result)), [true, true, true]);
    await Promise.all(children.map((child) => child.join()));
  });

  test("a child sets it for its parent, which blocks", async () => {
    const event = new Event();
    const child = new context.Process({ target: (theirs: Event) => theirs.set(), args: [event] });
    await child.start();
    assert.equal(event.waitSync(bounded), true);
    await child.join();
  });

  test("whether it is set is the same everywhere; who finds it set does not wait", async () => {
    const event = new Event();
    const next = new Semaphore(0);
    const looked = new Semaphore(0);
    const look = async (): Promise<unknown[]> => {
      const found: unknown[] = [];
      for (let n = 0; n < 3; n++) {
        await next.acquire(bounded);
        const limits = { timeoutMs: event.isSet() ? 10_000 : 20 };
        found.push([event.isSet(), String(event), event.waitSync(limits), await event.wait(limits)]);
        looked.release();
      }
      event.set();
      return found;
    };
    const child = new context.Process({ target: look });
    await child.start();
    for (const change of [() => {}, () => event.set(), () => event.clear()]) {
      change();
      next.release();
      await looked.acquire(bounded);
    }
    const unset = [false, "<Event unset>", false, false];
    assert.deepEqual(await child.result, [unset, [true, "<Event set>", true, true], unset]);
    assert.equal(event.isSet(), true, "the child has set it last");
    await child.join();
  });

  test("other than in Python, set() waits for no waiter: one is killed, another stopped, and nobody else minds", async () => {
    const event = new Event();
    const children = [true, false, true].map(
      (blocking) =>
        new context.Process({
          target: () => (blocking ? event.waitSync(bounded) : event.wait(bounded)),
        }),
    );
    await Promise.all(children.map((child) => child.start()));
    const until = Date.now() + bounded.timeoutMs;
    while (event.statistics().waitingProcesses < 3 && Date.now() < until) {
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    assert.equal(event.statistics().waitingProcesses, 3);
    const [killed, stopped, awake] = children as [(typeof children)[0], (typeof children)[0], (typeof children)[0]];
    for (const child of [killed, stopped]) process.kill(child.pid!, "SIGSTOP");
    event.set();
    assert.equal(await awake.result, true);
    event.clear();
    killed.kill();
    await killed.join();
    assert.equal(await event.wait({ timeoutMs: 0 }), false);
    process.kill(stopped.pid!, "SIGCONT");
    assert.equal(await stopped.result, true, "it waited when it was set");
    event.set();
    assert.equal(await event.wait(bounded), true);
    await Promise.all(children.map((child) => child.join()));
  });
});
