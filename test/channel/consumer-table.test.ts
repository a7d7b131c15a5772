/** The table of consumers under every order of steps: a death, or a reader, in between. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ConsumerTable, tableBytes, type Progress } from "#src/channel/consumer-table.js";
import { Window, windowWords } from "#src/channel/window.js";
import { view } from "#src/memory/arena.js";
import { hold, letGo } from "#src/memory/holdings.js";
import { header, maxParticipants, participantBits } from "#src/memory/layout.js";
import { family } from "#src/memory/family.js";
import { indexOf, ownId } from "#src/memory/participants.js";

class Death extends Error {}

/** Calls back before each atomic step of `work`; a Death that it throws ends the work. */
function stepping(work: () => void, before: (step: number) => void): number {
  const names = ["load", "store", "add", "exchange", "compareExchange"] as const;
  const originals = names.map((name) => Atomics[name]);
  const restore = (): void => names.forEach((name, at) => void Object.assign(Atomics, { [name]: originals[at] }));
  let step = 0;
  const intercept = (): void =>
    names.forEach((name, at) => {
      const stepped = (...args: unknown[]): unknown => {
        restore();
        before(step++);
        intercept();
        return Reflect.apply(originals[at]!, Atomics, args);
      };
      Object.assign(Atomics, { [name]: stepped });
    });
  intercept();
  try {
    work();
  } catch (error) {
    if (!(error instanceof Death)) throw error;
  } finally {
    restore();
  }
  return step;
}

const dataBytes = 256 * 1024;

/** A queue's window and table; who had this process's entry before it has taken 3 of 5 items, and has done 1. */
class Memory {
  readonly #control = new Int32Array(windowWords);
  readonly #data = hold(dataBytes);
  readonly #table = hold(tableBytes);

  constructor(formerDone: number) {
    // Another generation of the entry: nobody's any more.
    const former = ownId() ^ (1 << (participantBits + 3));
    for (let n = 0; n < 5; n++) this.put();
    const window = this.window();
    for (let n = 1; n <= 3; n++) {
      window.peek();
      window.advance(1, former, n);
    }
    const { words } = view(this.#table.handle);
    // The last one is in the window alone: it died before it could write it here.
    words.set([former, 2, formerDone, 0], indexOf(ownId()) * 4);
  }

  window(): Window {
    return new Window(this.#control, 0, this.#data.handle, 0, dataBytes);
  }

  table(): ConsumerTable {
    return new ConsumerTable(this.#table.handle, this.window());
  }

  put(): void {
    assert.ok(this.window().write(0, new Uint8Array(8), 1));
  }

  take(): void {
    this.table().taking((own, count) => {
      const window = this.window();
      if (window.peek() === undefined) return undefined;
      window.advance(1, own, count);
      return true;
    });
  }

  progress(): Progress {
    return this.table().progress(false);
  }

  end(): void {
    letGo(this.#data.holding);
    letGo(this.#table.holding);
  }
}

// 4: more than it took, since it said so for items that others had taken.
for (const formerDone of [0, 1, 3, 4]) {
  const lost = Math.max(0, 3 - formerDone);
  const open = 5 - Math.max(3, formerDone);

  test(`whoever gets the entry of a dead consumer that did ${formerDone} of 3 counts on, wherever it dies`, () => {
    assert.ok(Atomics.load(family().words, header.highestParticipant) < maxParticipants);
    for (let dies = 0, steps = Infinity; dies <= steps; dies++) {
      const memory = new Memory(formerDone);
      assert.deepEqual(memory.progress(), { unfinished: open, lost });
      steps = stepping(
        () => memory.take(),
        (step) => {
          // A reader at each moment, and a death at one of them.
          assert.deepEqual(memory.progress(), { unfinished: open, lost }, `step ${step}`);
          if (step === dies) throw new Death();
        },
      );
      assert.deepEqual(memory.progress(), { unfinished: open, lost }, `dead before step ${dies}`);
      // Alive again, as it were: the same one goes on.
      while (memory.window().count > 0) memory.take();
      for (let left = open; left > 0; left--) {
        assert.deepEqual(memory.progress(), { unfinished: left, lost });
        memory.table().done();
      }
      assert.deepEqual(memory.progress(), { unfinished: 0, lost });
      memory.end();
    }
  });
}

test("a reader in whose midst others put, take and finish never sees fewer unfinished than there are", () => {
  for (let at = 0, steps = Infinity; at < steps; at++) {
    const memory = new Memory(1);
    let seen: Progress | undefined;
    steps = stepping(
      () => {
        seen = memory.progress();
      },
      (step) => {
        if (step !== at) return;
        // There are never fewer than the two that nobody has taken.
        for (let n = 0; n < 3; n++) {
          memory.put();
          memory.take();
          memory.table().done();
        }
      },
    );
    assert.ok(seen!.unfinished >= 2, `${seen!.unfinished} unfinished, with a step in between before ${at}`);
    assert.deepEqual(memory.progress(), { unfinished: 2, lost: 2 });
    memory.end();
  }
});
