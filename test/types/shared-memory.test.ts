/** The types of what is shared: elements and values keep theirs, and nothing becomes any. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  Process,
  SharedArray,
  SharedValue,
  ShareableList,
  SharedMemory,
  type ShareableValue,
} from "node-multiprocessing";

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function is<T extends true>(): T | void {}

test("an array has the type of its class, and takes that class's elements", () => {
  using floats = new SharedArray(Float64Array, 2);
  is<Equal<(typeof floats.array)[number], number>>();
  using longs = new SharedArray(BigInt64Array, [1n]);
  is<Equal<(typeof longs.array)[number], bigint>>();
  // @ts-expect-error -- a number is no bigint
  assert.throws(() => new SharedArray(BigInt64Array, [1]));
  // @ts-expect-error -- no class of typed arrays
  assert.throws(() => new SharedArray(Array, 1));
  const child = new Process({ target: (array: SharedArray<Float64Array>) => array, args: [floats] });
  is<Equal<Awaited<typeof child.result>["length"], number>>();
  // @ts-expect-error -- an array of another kind
  assert.ok(new Process({ target: (array: SharedArray<Float64Array>) => array.length, args: [longs] }));
});

test("a value is number, bigint or boolean by its kind; only integers have atomic operations", async () => {
  const int = new SharedValue("int32", 1);
  const long = new SharedValue("int64", 1n);
  const bool = new SharedValue("bool", true);
  const float = new SharedValue("float64");
  is<Equal<typeof int.value, number>>();
  is<Equal<typeof long.value, bigint>>();
  is<Equal<typeof bool.value, boolean>>();
  const before = long.add(1n);
  is<Equal<typeof before, bigint>>();
  const after = await bool.update((on) => !on);
  is<Equal<typeof after, boolean>>();
  // @ts-expect-error -- a bigint is needed
  assert.throws(() => long.add(1));
  // @ts-expect-error -- a float has no add
  assert.throws(() => float.add(1));
  // @ts-expect-error -- no such kind
  assert.throws(() => new SharedValue("int8", 1));
  // @ts-expect-error -- a boolean is needed
  assert.throws(() => new SharedValue("bool", 1));
});

test("elements of a list, and what makes a segment", () => {
  const list = new ShareableList([1, "a", null]);
  is<Equal<ReturnType<typeof list.get>, ShareableValue>>();
  list.close();
  list.shm.unlink();
  // @ts-expect-error -- an object is no element
  assert.throws(() => new ShareableList([{}]));
  // @ts-expect-error -- the size is missing
  assert.throws(() => SharedMemory.create({}));
  // @ts-expect-error -- it is made by create() or open()
  assert.throws(() => new SharedMemory());
});
