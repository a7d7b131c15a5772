/** The window of messages, by itself: order, room, and a death at every step of writing and taking. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { makeList } from "#src/channel/lists.js";
import { Window, windowWords } from "#src/channel/window.js";
import { holders } from "#src/memory/arena.js";
import { hold, letGo } from "#src/memory/holdings.js";
import { usedBytes } from "../support/memory.ts";

/** Little, so that messages soon lie beyond it. */
const softBytes = 256 * 1024;

class Death extends Error {}

/** Does `work`, and dies before the nth change of shared memory that is atomic; true when it got to the end. */
function dyingAfter(steps: number, work: () => void): boolean {
  let left = steps;
  const names = ["store", "add", "exchange", "compareExchange"] as const;
  const originals = names.map((name) => Atomics[name]);
  names.forEach((name, at) => {
    const mortal = (...args: unknown[]): unknown => {
      if (left-- <= 0) throw new Death();
      return Reflect.apply(originals[at]!, Atomics, args);
    };
    Object.assign(Atomics, { [name]: mortal });
  });
  try {
    work();
    return true;
  } catch (error) {
    if (error instanceof Death) return false;
    throw error;
  } finally {
    names.forEach((name, at) => Object.assign(Atomics, { [name]: originals[at] }));
  }
}

/** The memory of a window, and a view of it for each process that comes by. */
class Memory {
  readonly #words = new Int32Array(windowWords);
  readonly #range: ReturnType<typeof hold>;
  readonly #sizeBytes: number;

  readonly #softBytes: number;

  constructor(sizeBytes: number, soft = softBytes) {
    this.#range = hold(sizeBytes);
    this.#sizeBytes = sizeBytes;
    this.#softBytes = soft;
    // As after 2,147,483,645 messages: a few more, and the counts and the sums of charges go over their edge. Odd, so that
    // the second copy of each side's state holds.
    const [writer, reader, secondCopy] = [0, 16, 6];
    const words = this.#words;
    words[writer] = words[reader] = 2 ** 31 - 3;
    words[writer + secondCopy + 3] = words[reader + secondCopy + 1] = 2 ** 31 - 2; // charged
  }

  window(): Window {
    return new Window(this.#words, 0, this.#range.handle, 0, this.#sizeBytes, this.#softBytes);
  }

  end(): void {
    letGo(this.#range.holding);
  }
}

function message(number: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length).fill(number & 0xff);
  new DataView(bytes.buffer).setUint32(0, number);
  return bytes;
}

function numberOf(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
}

function taken(memory: Memory): Uint8Array | undefined {
  const window = memory.window();
  const found = window.peek();
  if (found === undefined) return undefined;
  const bytes = window.bytes.slice(found.start, found.start + found.length);
  window.advance(1);
  return bytes;
}

describe("window", () => {
  test(
    "tidying at any moment takes nothing of what is to be read, and leaves no more than that",
    { timeout: 60_000 },
    () => {
      const least = 4 * 2 ** 20;
      const sizeBytes = 32 * 2 ** 20;
      const action = fc.oneof(
        {
          weight: 5,
          arbitrary: fc.record({
            write: fc.integer({ min: 1, max: 60 }),
            length: fc.integer({ min: 4, max: 200_000 }),
          }),
        },
        { weight: 4, arbitrary: fc.record({ read: fc.integer({ min: 1, max: 80 }) }) },
        { weight: 2, arbitrary: fc.constant({ tidy: true }) },
      );
      fc.assert(
        fc.property(fc.array(action, { maxLength: 40 }), (actions) => {
          const memory = new Memory(sizeBytes, sizeBytes);
          const before = usedBytes();
          const lengths: number[] = [];
          let first = 0;
          let next = 0;
          const read = (): void => {
            const bytes = taken(memory)!;
            assert.ok(bytes.length === lengths.shift() && numberOf(bytes) === first);
            assert.ok(bytes.length < 9 || (bytes[4] === (first & 0xff) && bytes.at(-1) === (first & 0xff)));
            first++;
          };
          const tidy = (): void => {
            for (let until = Infinity; until > 0;) until = memory.window().tidy(until);
            const left = lengths.reduce((sum, length) => sum + length, 0);
            if (left === 0) assert.ok(usedBytes() - before <= least + 2 ** 16, String(usedBytes() - before));
          };
          for (const each of actions) {
            if ("tidy" in each) tidy();
            else if ("read" in each) for (let n = 0; n < each.read && lengths.length > 0; n++) read();
            else {
              for (let n = 0; n < each.write; n++) {
                if (!memory.window().write(0, message(next, each.length), 1)) break;
                lengths.push(each.length);
                next++;
              }
            }
          }
          while (lengths.length > 0) read();
          tidy();
          memory.end();
        }),
        { numRuns: 40 },
      );
    },
  );

  for (const sizeBytes of [softBytes, 8 * softBytes]) {
    test(`what is written is read, in order and whole, whatever the sizes (${sizeBytes >> 10} KiB)`, () => {
      const step = fc.record({
        write: fc.array(fc.integer({ min: 4, max: 60_000 }), { maxLength: 60 }),
        read: fc.integer({ min: 0, max: 70 }),
      });
      fc.assert(
        fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
          const memory = new Memory(sizeBytes);
          const lengths: number[] = [];
          let next = 0;
          const take = (): boolean => {
            const bytes = taken(memory);
            if (bytes === undefined) return false;
            assert.equal(Buffer.compare(bytes, message(next, lengths[next]!)), 0, `message ${next}`);
            next++;
            return true;
          };
          for (const { write, read } of steps) {
            for (const length of write) {
              if (memory.window().write(0, message(lengths.length, length), 1)) lengths.push(length);
              assert.equal(memory.window().charged, lengths.length - next);
            }
            for (let i = 0; i < read; i++) take();
          }
          while (take());
          assert.equal(next, lengths.length);
          // An empty window has room for its largest message, wherever its positions stand.
          assert.ok(memory.window().write(0, new Uint8Array(memory.window().largest), 1));
          memory.end();
        }),
        { numRuns: 40 },
      );
    });
  }

  for (const withList of [false, true]) {
    const also = withList ? ", also of what a message holds" : "";

    test(`a death at any step of writing leaves nothing or all${also}`, () => {
      for (let steps = 0, finished = false; !finished; steps++) {
        for (const burialFirst of [true, false]) {
          const memory = new Memory(softBytes);
          assert.ok(memory.window().write(0, message(1, 8), 1));
          const kept = hold(64);
          const list = withList ? makeList([kept.handle]) : undefined;
          finished = dyingAfter(steps, () => {
            memory.window().write(list?.handle ?? 0, message(2, 100), 1);
          });
          // What the dead one held itself is let go by who buries it, whenever that is.
          if (list !== undefined && burialFirst) letGo(list.holding);
          memory.window().mendWriter();
          if (list !== undefined && !burialFirst) letGo(list.holding);
          const published = memory.window().count === 2;
          assert.equal(holders(kept.handle), withList && published ? 2 : 1, `after ${steps} steps`);
          assert.ok(memory.window().write(0, message(3, 8), 1));
          const seen: number[] = [];
          for (let bytes = taken(memory); bytes !== undefined; bytes = taken(memory)) seen.push(numberOf(bytes));
          assert.deepEqual(seen, published ? [1, 2, 3] : [1, 3]);
          assert.equal(holders(kept.handle), 1);
          assert.equal(memory.window().charged, 0);
          letGo(kept.holding);
          memory.end();
        }
      }
    });

    test(`a death at any step of taking takes nothing or all${also}`, () => {
      for (let steps = 0, finished = false; !finished; steps++) {
        const memory = new Memory(8 * softBytes);
        const kept = hold(64);
        const list = withList ? makeList([kept.handle]) : undefined;
        assert.ok(memory.window().write(list?.handle ?? 0, message(1, 100), 1));
        assert.ok(memory.window().write(0, message(2, 8), 1));
        // The list's holding passes from the writer to the reader here: whoever takes a message holds its list before.
        finished = dyingAfter(steps, () => {
          const window = memory.window();
          window.peek();
          window.advance(1);
        });
        if (list !== undefined && steps % 2 === 0) letGo(list.holding);
        memory.window().mendReader();
        if (list !== undefined && steps % 2 === 1) letGo(list.holding);
        const isTaken = memory.window().count === 1;
        assert.equal(holders(kept.handle), withList && !isTaken ? 2 : 1, `after ${steps} steps`);
        assert.equal(numberOf(taken(memory)!), isTaken ? 2 : 1);
        while (taken(memory) !== undefined);
        assert.equal(holders(kept.handle), 1);
        letGo(kept.holding);
        memory.end();
      }
    });
  }
});
