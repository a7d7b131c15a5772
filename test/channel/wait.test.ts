/** wait(): which of many is ready, and that nothing stays behind. */
import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { describe, test } from "node:test";
import { waitable, type Waitable } from "#src/base/waitable.js";
import { Event, Lock, Queue, wait } from "#src/index.js";
import { leaveNothingBehind } from "../support/leaks.ts";

/** Something to wait for that can be made ready, and counts the wishes that it has not been taken back or granted. */
class Thing {
  ready = false;
  wishes = 0;
  readonly #then: (() => void)[] = [];

  get [waitable](): Waitable[typeof waitable] {
    return {
      isReady: () => this.ready,
      onReady: (then) => {
        let wanted = true;
        this.wishes++;
        const end = (): void => {
          if (wanted) this.wishes--;
          wanted = false;
        };
        this.#then.push(() => {
          end();
          then(); // Also where it was taken back in the same moment, as of a promise that is kept already.
        });
        return end;
      },
    };
  }

  tell(): void {
    for (const then of this.#then.splice(0)) then();
  }
}

test("two that are ready in the same moment, and are not any more when the second one is told of: no wish stays", async () => {
  const [one, other] = [new Thing(), new Thing()];
  const waited = wait([one, other]);
  await new Promise(setImmediate);
  one.ready = true;
  one.tell();
  one.ready = false; // Somebody else was quicker.
  other.tell();
  await waited;
  assert.deepEqual([one.wishes, other.wishes], [0, 0]);
});

test("one that others are quicker with again and again has one wish at a time, however often it is named", async () => {
  const thing = new Thing();
  const waited = wait([thing, thing]);
  await new Promise(setImmediate);
  for (let n = 0; n < 10; n++) {
    assert.equal(thing.wishes, 1);
    thing.tell();
  }
  thing.ready = true;
  thing.tell();
  assert.deepEqual(await waited, [thing, thing]);
  assert.equal(thing.wishes, 0);
});

describe("an AbortSignal of many waits", () => {
  leaveNothingBehind();

  test("has one listener, and none once they have ended", async () => {
    const stop = new AbortController();
    const { signal } = stop;
    const listeners = (): number => getEventListeners(signal, "abort").length;
    const [event, lock, queue] = [new Event(), new Lock(), new Queue<number>({ maxSize: 1 })];
    const held = await lock.acquire();
    await queue.put(0);
    const waits = Array.from({ length: 100 }, () => [
      event.wait({ signal }),
      lock.acquire({ signal }),
      queue.put(1, { signal }),
      wait([new Queue()], { signal }),
    ]).flat();
    await new Promise(setImmediate);
    assert.equal(listeners(), 1);
    const reason = new Error("enough");
    stop.abort(reason);
    for (const each of await Promise.allSettled(waits)) {
      assert.equal(each.status === "rejected" && each.reason, reason);
    }
    assert.equal(listeners(), 0);
    held.release();
    assert.equal(await queue.get(), 0);
    assert.equal(queue.size, 0);
  });
});
