/**
 * SharedArray: the scenarios of CPython's _TestArray and _TestHeap; its memory goes back with the last one that has it.
 * Other than in Python, nothing takes its lock by itself: there is no RawArray.
 */
import assert from "node:assert/strict";
import { fstatSync } from "node:fs";
import { describe, test } from "node:test";
import { inspect } from "node:util";
import { family } from "#src/memory/family.js";
import { holders } from "#src/memory/arena.js";
import { handleOf, holdingCount } from "#src/memory/holdings.js";
import {
  MultiprocessingError,
  SharedArray,
  SharedValue,
  UnserializableError,
  type TypedArrayConstructor,
} from "#src/index.js";
import { leaveNothingBehind } from "../support/leaks.ts";
import { comesBackTo } from "../support/memory.ts";
import { forEachStartMethod } from "../support/methods.ts";

const withCode = (code: string) => (error: unknown) => error instanceof MultiprocessingError && error.code === code;
/** Bytes of the family's memory that exist. */
const bytesInUse = (): number => fstatSync(family().descriptor).blocks * 512;
const mib = 2 ** 20;

const numberTypes = [
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  (globalThis as { Float16Array?: typeof Float32Array }).Float16Array,
].filter((type) => type !== undefined) as unknown as TypedArrayConstructor<Float64Array>[];

describe("SharedArray", () => {
  leaveNothingBehind();

  test("every class of typed arrays can be shared, by its length or its values", () => {
    for (const type of numberTypes) {
      using zeros = new SharedArray(type, 5);
      assert.equal(zeros.array.constructor, type);
      assert.deepEqual([...zeros.array], [0, 0, 0, 0, 0]);
      using filled = new SharedArray(type, [1, 2, 3]);
      assert.deepEqual([...filled.array], [1, 2, 3]);
      assert.equal(filled.array.buffer.byteLength, 3 * type.BYTES_PER_ELEMENT, "the buffer is the elements, no more");
    }
    for (const type of [BigInt64Array, BigUint64Array] as TypedArrayConstructor<BigInt64Array>[]) {
      using filled = new SharedArray(type, new Set([1n, 2n ** 62n]));
      assert.deepEqual([...filled.array], [1n, 2n ** 62n]);
    }
    using copied = new SharedArray(Uint8Array, Buffer.from("abc"));
    assert.equal(inspect(copied), "<SharedArray Uint8Array(3)>");
    assert.deepEqual([copied.length, copied.byteLength], [3, 3]);
  });

  test("one without elements is possible", () => {
    using none = new SharedArray(Float64Array, 0);
    using nothing = new SharedArray(Int8Array, []);
    assert.deepEqual([none.length, nothing.array.length, none.byteLength], [0, 0, 0]);
  });

  test("what cannot be an array is an error at the door, and holds nothing", () => {
    const before = holdingCount();
    const bad = [
      () => new SharedArray(Array as never, 1),
      () => new SharedArray(undefined as never, 1),
      () => new SharedArray(null as never, 1),
      () => new SharedArray(Float64Array, -1),
      () => new SharedArray(Float64Array, 1.5),
      () => new SharedArray(Float64Array, undefined as never),
      () => new SharedArray(Float64Array, "3" as never),
      () => new SharedArray(Float64Array, null as never),
      () => new SharedArray(Float64Array, {} as never),
      () => new SharedArray(Float64Array, [1n] as never),
      () => new SharedArray(BigInt64Array, [1] as never),
    ];
    for (const each of bad) assert.throws(each, withCode("ERR_MP_INVALID_ARGUMENT"), String(each));
    assert.throws(() => new SharedArray(Uint8Array, 2 ** 50), withCode("ERR_MP_OUT_OF_MEMORY"));
    assert.throws(() => new SharedArray(Float64Array, 2 ** 32 - 1), withCode("ERR_MP_OUT_OF_MEMORY"));
    assert.equal(holdingCount(), before);
  });

  test("its pages are there at once, and go back when it is closed; twice is fine", () => {
    const before = bytesInUse();
    const shared = new SharedArray(Uint8Array, 64 * mib);
    assert.ok(bytesInUse() - before >= 64 * mib);
    const { array } = shared;
    shared.close();
    shared.close();
    assert.deepEqual([array.length, shared.length], [0, 0]);
    assert.ok(bytesInUse() - before < mib);
    assert.throws(() => shared.lock, withCode("ERR_MP_CLOSED"));
    assert.equal(inspect(shared), "<SharedArray Uint8Array(0) closed>");
  });

  test("it has one lock, which keeps no memory once both are gone", async () => {
    const before = holdingCount();
    const shared = new SharedArray(Int32Array, 1);
    const { lock } = shared;
    assert.equal(shared.lock, lock);
    assert.equal(await lock.withLock(() => 7), 7);
    const handle = handleOf(lock)!;
    assert.equal(holders(handle), 2); // This process, and the array.
    shared.close();
    assert.deepEqual([holders(handle), holdingCount()], [1, before + 1]);
  });

  test("those that nobody has closed go back once they are lost; whoever has only the elements has lost nothing", async () => {
    const before = bytesInUse();
    const lose = (): void => {
      for (let n = 0; n < 50; n++) new SharedArray(Uint8Array, mib).array[0] = n;
    };
    const elementsOnly = ((): Int32Array => new SharedArray(Int32Array, [7, 8]).array)();
    lose();
    await comesBackTo(before, mib);
    assert.deepEqual([...elementsOnly], [7, 8]);
  });

  test("a thousand arrays come and go", () => {
    const before = bytesInUse();
    for (let i = 0; i < 1000; i++) {
      using shared = new SharedArray(Float64Array, [i]);
      assert.equal(shared.array[0], i);
    }
    assert.ok(bytesInUse() - before < mib);
  });
});

forEachStartMethod((context, method) => {
  leaveNothingBehind();
  const { Process } = context;
  /** Kills by each of two; a spawned process takes its time to start. */
  const rounds = method === "forkserver" ? 30 : 5;

  test("it crosses by handle and comes home as itself, in arguments, closures and results", async () => {
    using passed = new SharedArray(Float64Array, 3);
    using captured = new SharedArray(BigInt64Array, [5n]);
    const child = new Process({
      target: (first: SharedArray<Float64Array>) => {
        first.array[1] = 1.5;
        captured.array[0]! += 2n;
        return { first, same: first === first };
      },
      args: [passed],
    });
    await child.start();
    const { first } = await child.result;
    await child.join();
    assert.equal(first, passed);
    assert.deepEqual([...passed.array, ...captured.array], [0, 1.5, 0, 7n]);
    assert.equal(holders(handleOf(passed)!), 1);
  });

  test("siblings add to one array under its lock, and none of it is lost", async () => {
    using shared = new SharedArray(Float64Array, 1);
    const adds = async (): Promise<void> => {
      for (let i = 0; i < 200; i++) await shared.lock.withLock(() => (shared.array[0]! += 0.5));
    };
    const children = [adds, adds, adds].map((target) => new Process({ target }));
    await Promise.all(children.map((child) => child.start()));
    await Promise.all(children.map((child) => child.result));
    await Promise.all(children.map((child) => child.join()));
    assert.equal(shared.array[0], 300);
  });

  test("what a grandchild has made is its grandparent's, when both it and its parent have ended", async () => {
    const child = new Process({
      target: async () => {
        const grandchild = new Process({ target: () => new SharedArray(Int16Array, [1, 2, 3]) });
        await grandchild.start();
        const made = await grandchild.result;
        await grandchild.join();
        made.array[2] = 33;
        return made;
      },
    });
    await child.start();
    using made = await child.result;
    await child.join();
    assert.deepEqual([...made.array], [1, 2, 33]);
    assert.equal(holders(handleOf(made)!), 1);
  });

  test("an error brings what it refers to along, though its process has ended", async () => {
    const child = new Process({
      target: () => {
        throw Object.assign(new Error("on purpose"), { array: new SharedArray(Int16Array, [7]) });
      },
      stdio: "ignore",
    });
    await child.start();
    const error = await child.result.then(assert.fail, (reason: { array: SharedArray<Int16Array> }) => reason);
    await child.join();
    assert.deepEqual([...error.array.array], [7]);
    error.array.close();
  });

  test("100 MB go to a child and back; nothing is copied", async () => {
    const before = bytesInUse();
    using shared = new SharedArray(Uint8Array, 100_000_000);
    shared.array[99_999_999] = 1;
    const child = new Process({
      target: (big: SharedArray<Uint8Array>) => {
        big.array[0] = big.array[99_999_999]!;
        return big;
      },
      args: [shared],
    });
    await child.start();
    assert.equal(await child.result, shared);
    await child.join();
    assert.equal(shared.array[0], 1);
    assert.ok(bytesInUse() - before < 101_000_000);
  });

  test("its memory comes back after the death of the last who has it, and not before", async () => {
    const before = bytesInUse();
    const word = new SharedArray(Int32Array, 1);
    const waiting = async (big: SharedArray<Uint8Array>): Promise<void> => {
      word.array[0] = big.array.length;
      await new Promise((resolve) => setTimeout(resolve, 60_000));
    };
    const shared = new SharedArray(Uint8Array, 32 * mib);
    const child = new Process({ target: waiting, args: [shared] });
    await child.start();
    while (Atomics.load(word.array, 0) === 0) await new Promise((resolve) => setTimeout(resolve, 2));
    shared.close();
    assert.ok(bytesInUse() - before > 32 * mib, "the child still has it");
    child.kill();
    await child.join();
    assert.ok(bytesInUse() - before < mib);
    word.close();
  });

  test("a closed one cannot be sent, and the message says what to do", async () => {
    const shared = new SharedArray(Int8Array, 1);
    shared.close();
    await assert.rejects(new Process({ target: () => shared.length }).start(), UnserializableError);
  });

  test("a storm of kills: values stay whole, locks come free, and all memory comes back", async () => {
    const before = bytesInUse();
    const shared = new SharedArray(Int32Array, 2);
    const sum = new SharedValue("int64");
    const restless = async (seed: number): Promise<void> => {
      for (let n = seed; ; n++) {
        const made = new SharedArray(Uint8Array, (n % 7) * 50_000);
        await made.lock.withLock(() => made.array.fill(n));
        await sum.update((value) => value + 2n);
        await shared.lock.withLock(async () => {
          shared.array[0] = n;
          await null;
          shared.array[1] = n;
        });
        if (n % 3 === 0) made.close();
      }
    };
    let killed = 0;
    const victims = async (seed: number): Promise<void> => {
      for (let n = 0; n < rounds; n++) {
        const child = new Process({ target: restless, args: [seed + n] });
        await child.start();
        const from = sum.value;
        while (sum.value === from) await new Promise((resolve) => setTimeout(resolve, 1));
        // Not the same moment each time, and the same moments each run.
        for (let spin = ((seed + n) * 7919) % 2000; spin > 0; spin--) Atomics.load(shared.array, 0);
        child.kill();
        await child.join();
        killed++;
      }
    };
    await Promise.all([victims(1), victims(1000)]);
    assert.equal(sum.value % 2n, 0n);
    await shared.lock.withLock(() => {}, { timeoutMs: 1000 });
    await sum.update((value) => value, { timeoutMs: 1000 });
    shared.close();
    assert.equal(killed, 2 * rounds);
    assert.ok(bytesInUse() - before < 2 * mib, `${bytesInUse() - before} bytes are left`);
  });

  test("a child works on the list in place, and its parent sees what an array of its own would hold", async () => {
    const list = [680, 626, 934, 821, 150, 233, 548, 982, 714, 831];
    using shared = new SharedArray(Int32Array, list);
    assert.deepEqual([...shared.array.subarray(2, 7)], list.slice(2, 7));
    list.splice(4, 4, 1, 2, 3, 4);
    shared.array.set([1, 2, 3, 4], 4);
    const before = shared.array.slice(); // A copy, which nobody else changes.
    const addUp = (numbers: { [index: number]: number; length: number }): void => {
      for (let n = 1; n < numbers.length; n++) numbers[n]! += numbers[n - 1]!;
    };
    const child = new Process({ target: (theirs: typeof shared) => addUp(theirs.array), args: [shared] });
    await child.start();
    await child.result;
    await child.join();
    assert.deepEqual([...before], list);
    addUp(list);
    assert.deepEqual([...shared.array], list);
  });

  test("one made where another was, which a child has filled, is all zeros", async () => {
    for (let round = 0; round < 3; round++) {
      using shared = new SharedArray(Int32Array, 10);
      assert.deepEqual(
        [...shared.array],
        Array.from({ length: 10 }, () => 0),
      );
      const child = new Process({ target: () => void shared.array.fill(-1) });
      await child.start();
      await child.result;
      await child.join();
      assert.ok(shared.array.every((element) => element === -1));
    }
  });
});
