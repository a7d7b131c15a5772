/** Many waits of one process for one object: what each of them costs. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Event } from "#src/index.js";
import { view } from "#src/memory/arena.js";
import { handleOf } from "#src/memory/holdings.js";
import { objectWord } from "#src/memory/layout.js";
import { pendingWaits } from "#src/sync/wait-places.js";
import { waitFor, wake } from "#src/sync/wait-queue.js";
import { leaveNothingBehind } from "../support/leaks.ts";

leaveNothingBehind();

const many = 1000;

/** Where waits for an object of its own are found. */
function newSpot(): { readonly spot: number; readonly object: Event } {
  const object = new Event();
  return { spot: view(handleOf(object)!).base + objectWord.spot, object };
}

test("a wait that comes costs its own attempts, however many wait already, each for itself or in turn", async () => {
  for (const each of [true, false]) {
    const { spot, object } = newSpot();
    let attempts = 0;
    let isOpen = false;
    const attempt = (): number | undefined => {
      attempts++;
      return isOpen ? 1 : undefined;
    };
    const waits = Array.from({ length: many }, () => waitFor(spot, attempt, {}, "test", each));
    assert.equal(pendingWaits(), many);
    // At its coming, once it is found, and once more where it is the one that is looked at.
    assert.ok(attempts <= 3 * many + 3, `${attempts} attempts, each: ${each}`);
    isOpen = true;
    wake(spot, Infinity);
    assert.equal((await Promise.all(waits)).length, many);
    assert.equal(pendingWaits(), 0);
    assert.equal(object.statistics().waitingProcesses, 0);
  }
});

test("a wait that comes between a wake-up and its look takes no wake-up from those who wait already", async () => {
  const { spot, object } = newSpot();
  // Who looks by itself, after a while, is thorough. On a machine that is busy enough it may be quicker than the wake-up.
  let wasWoken = false;
  for (let round = 0; round < 10 && !wasWoken; round++) {
    let open = 0;
    const first = waitFor(spot, (thorough) => (open > 0 ? { thorough } : undefined), {}, "test", true);
    open = 1;
    wake(spot, Infinity); // The record is marked, and its owner rung: it looks in a later turn of the event loop.
    const second = waitFor(spot, () => (open > 1 ? "second" : undefined), {}, "test", true);
    wasWoken = !(await first).thorough;
    open = 2;
    wake(spot, Infinity);
    assert.equal(await second, "second");
  }
  assert.ok(wasWoken);
  assert.ok(!object.isSet());
});
