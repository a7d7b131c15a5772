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
});
