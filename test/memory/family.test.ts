/** The family's memory: ranges, holders, and what a death gives back. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { holders, releaseFrom, view } from "#src/memory/arena.js";
import { handOnTo, hold, holdingCount, holdToo, letGo } from "#src/memory/holdings.js";
import { classOfHandle, sizeClasses } from "#src/memory/layout.js";
import { idOfIndex, isGone, ownId, participants, pidOf } from "#src/memory/participants.js";
import { leaveNothingBehind } from "../support/leaks.ts";
import { forEachStartMethod } from "../support/methods.ts";

async function holdAndTell(handle: number, ending: "return" | "kill"): Promise<number> {
  const memory = await import("#src/memory/holdings.js");
  const arena = await import("#src/memory/arena.js");
  memory.holdToo(handle);
  const { words, base } = arena.view(handle);
  Atomics.store(words, base + 1, process.pid);
  if (ending === "kill") process.kill(process.pid, "SIGKILL");
  return arena.holders(handle);
}

describe("ranges", () => {
  leaveNothingBehind();

  test("a range comes zeroed, also one that has been used before", () => {
    for (const sizeBytes of [64, 2048, 4096, 1 << 20]) {
      const first = hold(sizeBytes);
      view(first.handle).bytes.fill(7);
      letGo(first.holding);
      const { ranges } = classOfHandle(first.handle)!;
      for (let i = 0; i < Math.min(ranges, 3); i++) {
        const next = hold(sizeBytes);
        assert.ok(view(next.handle).bytes.every((byte) => byte === 0));
        letGo(next.holding);
      }
    }
  });

  test("a hundred thousand ranges are held and given back", () => {
    const before = holdingCount();
    const held = Array.from({ length: 100_000 }, () => hold(64));
    assert.equal(new Set(held.map(({ handle }) => handle)).size, held.length);
    for (const { holding } of held) letGo(holding);
    assert.equal(holdingCount(), before);
    assert.ok(held.every(({ handle }) => holders(handle) === 0));
  });

  test("what is handed on to a word is let go with it, and stays held here where the word names something already", () => {
    const [held, second, outer] = [hold(64), hold(64), hold(64)];
    const { words, base } = view(outer.handle);
    const before = holdingCount();
    assert.equal(handOnTo(words, base + 1, held), 0);
    assert.equal(handOnTo(words, base + 1, second), held.handle);
    assert.equal(holdingCount(), before - 1);
    letGo(second.holding);
    assert.deepEqual([holders(held.handle), holders(second.handle)], [1, 0]);
    releaseFrom(words, base + 1);
    assert.equal(holders(held.handle), 0);
    letGo(outer.holding);
  });

  test("nobody can hold what has been given back", () => {
    const { handle, holding } = hold(64);
    letGo(holding);
    assert.equal(holdToo(handle), undefined);
  });

  test("the regions of the sizes do not overlap", () => {
    const [...regions] = sizeClasses;
    for (let i = 1; i < regions.length; i++) {
      const { offset, ranges, sizeBytes, firstHandle } = regions[i - 1]!;
      assert.ok(offset + ranges * sizeBytes <= regions[i]!.offset);
      assert.equal(firstHandle + ranges, regions[i]!.firstHandle);
    }
  });
});

forEachStartMethod((context) => {
  leaveNothingBehind();

  for (const ending of ["return", "kill"] as const) {
    test(`what a child held is given back when it ends by ${ending}`, async () => {
      const { handle, holding } = hold(64);
      const { words, base } = view(handle);
      const child = new context.Process({ target: holdAndTell, args: [handle, ending] });
      await child.start();
      if (ending === "return") assert.equal(await child.result, 2);
      await child.join();
      assert.equal(words[base + 1], child.pid);
      assert.equal(holders(handle), 1);
      letGo(holding);
    });
  }

  test("a child that has ended is gone for those who knew its id, whoever has its entry now", async () => {
    const identify = async (): Promise<number> => (await import("#src/memory/participants.js")).ownId();
    const child = new context.Process({ target: identify });
    await child.start();
    const id = await child.result;
    await child.join();
    assert.ok(isGone(id));
    assert.equal(pidOf(id), child.pid);
    assert.ok(!isGone(ownId()));
    assert.ok(![...participants()].map(idOfIndex).includes(id));
  });
});
