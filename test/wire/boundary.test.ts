/** Each row of docs/boundary.md, as it says. */
import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { readFileSync } from "node:fs";
import { Socket } from "node:net";
import * as path from "node:path";
import { join } from "node:path";
import { after, test } from "node:test";
import { Process, SharedArray, SharedMemory, SharedValue, ShareableList, TimeoutError } from "#src/index.js";
import { decode, encode } from "#src/wire/codec.js";
import { projectRoot } from "../support/project.ts";

const rows = [...readFileSync(join(projectRoot, "docs", "boundary.md"), "utf8").matchAll(/^\| (.+?) \| .+ \|$/gm)]
  .map(([, first = ""]) => first)
  .filter((first) => first !== "value" && !first.startsWith("---"));
const covered = new Set<string>();

async function trip<T>(value: T): Promise<T> {
  return (await decode(encode(value).bytes)) as T;
}

function row(name: string, check: () => Promise<void> | void): void {
  covered.add(name);
  test(name, check);
}

function same(name: string, ...values: unknown[]): void {
  row(name, async () => {
    for (const value of values) assert.deepStrictEqual(await trip(value), value);
  });
}

function refused(name: string, ...values: unknown[]): void {
  row(name, () => {
    for (const value of values) assert.throws(() => encode(value), { code: "ERR_MP_UNSERIALIZABLE" });
  });
}

class Point {
  x: number;
  constructor(x: number) {
    this.x = x;
  }
  double(): number {
    return this.x * 2;
  }
}
class Secret {
  #hidden = 1;
  read(): number {
    return this.#hidden;
  }
}
class Failure extends Error {
  readonly status = 500;
}
const offset = 3;

same("`undefined`, `null`, booleans, strings (lone surrogates too)", undefined, null, true, "x", "漢", "\ud800");
same("numbers (`NaN`, `-0`, infinities)", NaN, -0, Infinity, 1.5, -7);
same("bigints", 0n, -(2n ** 70n));
same("registered and well-known symbols", Symbol.for("a"), Symbol.asyncIterator);
same("plain objects, objects without prototype", { a: 1 }, Object.assign(Object.create(null) as object, { b: 2 }));
row("arrays", async () => {
  const copy = await trip(Object.assign(new Array<number>(3), { 1: 5, note: "n" }));
  assert.deepEqual([copy.length, 0 in copy, copy[1], copy.note], [3, false, 5, "n"]);
});
row("the `arguments` of a function", async () => {
  const argumentsOf = function (): IArguments {
    return arguments; // oxlint-disable-line prefer-rest-params -- this object itself is what is tested
  } as (...all: unknown[]) => IArguments;
  const copy = await trip(argumentsOf(1, 2));
  assert.deepEqual([...copy], [1, 2]);
});
row("cycles, one object in two places", async () => {
  const shared = {};
  const value: unknown[] = [shared, shared];
  value.push(value);
  const copy = await trip(value);
  assert.equal(copy[0], copy[1]);
  assert.equal(copy[2], copy);
});
same("Map, Set", new Map([[{ k: 1 }, [1]]]), new Set(["a", 1]));
same("Date, RegExp", new Date(5), /a+/giu);
same("boxed primitives", Object(1), Object("s"), Object(1n), Object(false));
row("ArrayBuffer, resizable ArrayBuffer", async () => {
  assert.deepEqual(await trip(new ArrayBuffer(3)), new ArrayBuffer(3));
  const Resizable = ArrayBuffer as unknown as new (n: number, o: object) => ArrayBuffer & { resizable: boolean };
  assert.equal((await trip(new Resizable(2, { maxByteLength: 8 }))).resizable, true);
});
row("typed arrays, DataView", async () => {
  const buffer = new ArrayBuffer(8);
  const [a, b] = await trip([new Int16Array(buffer, 2), new DataView(buffer)] as const);
  assert.ok(a instanceof Int16Array && b instanceof DataView && a.buffer === b.buffer);
});
row("Buffer", async () => assert.ok(Buffer.isBuffer(await trip(Buffer.from("abc")))));
row("errors of the language", async () => {
  const copy = await trip(Object.assign(new RangeError("m", { cause: 1 }), { extra: [2] }));
  assert.ok(copy instanceof RangeError);
  assert.deepEqual([copy.message, copy.cause, copy.extra], ["m", 1, [2]]);
});
row("errors of Node's own, DOMException", async () => {
  const copy = await trip(AbortSignal.abort().reason as DOMException);
  assert.deepEqual([copy.name, copy.code], ["AbortError", 20]);
});
row("AggregateError", async () => assert.equal((await trip(new AggregateError([new Error("a")]))).errors.length, 1));
row("errors of this library", async () => {
  const copy = await trip(new TimeoutError("late", { pid: 3 }));
  assert.ok(copy instanceof TimeoutError);
  assert.deepEqual([copy.code, copy.pid], ["ERR_MP_TIMEOUT", 3]);
});
row("errors of your own classes", async () => {
  const copy = await trip(new Failure("bad"));
  assert.deepEqual(
    [copy.constructor.name, copy.status, copy.message, copy instanceof Error],
    ["Failure", 500, "bad", true],
  );
});
row("URL, URLSearchParams", async () => {
  assert.equal((await trip(new URL("http://a/?b=1"))).href, "http://a/?b=1");
  assert.equal((await trip(new URLSearchParams("b=1"))).get("b"), "1");
});
row("functions", async () => assert.equal((await trip((n: number) => n + offset))(1), 4));
row("classes", async () => assert.equal(new (await trip(Point))(4).double(), 8));
row("instances of your own classes", async () => {
  const point = Object.freeze(new Point(2));
  const copy = await trip(Object.defineProperty(new Point(2), "hidden", { value: 1 }));
  assert.equal(copy.double(), point.double());
  assert.deepEqual(Object.keys(copy), ["x"]);
  assert.equal((copy as unknown as { hidden: number }).hidden, 1);
});
row("subclasses of Array, Map, Set, Error, typed arrays, EventEmitter", async () => {
  class List extends Array<number> {}
  class Table extends Map<string, number> {}
  class Bag extends Set<number> {}
  class Vector extends Float64Array {}
  class Bus extends EventEmitter {}
  const bus = new Bus().on("x", () => {});
  const copy = await trip({ a: List.of(1), b: new Table([["k", 1]]), c: new Bag([1]), d: Vector.of(1.5), e: bus });
  assert.deepEqual(
    [copy.a.length, copy.b.get("k"), copy.c.has(1), copy.d[0], copy.e.listenerCount("x")],
    [1, 1, true, 1.5, 1],
  );
  assert.deepEqual(
    Object.values(copy).map((each) => each.constructor.name),
    ["List", "Table", "Bag", "Vector", "Bus"],
  );
  const { Float16Array } = globalThis as { Float16Array?: typeof Float32Array }; // Not before Node 24.
  if (Float16Array === undefined) return;
  class Halves extends Float16Array {}
  const halves = await trip(Halves.of(1.5));
  assert.deepEqual([halves[0], halves.constructor.name], [1.5, "Halves"]);
});
row("namespaces of modules, what a `node:` or CommonJS module exports", async () => {
  assert.equal(await trip(path), path);
  assert.equal(await trip(path.posix), path.posix);
});
row("standard globals, exports of node: modules", async () => {
  assert.deepEqual(await trip([Math, Math.max, join, JSON]), [Math, Math.max, join, JSON]);
});
row("a Process", async () => {
  const copy = await trip(new Process({ name: "mentioned" }));
  assert.equal(copy.name, "mentioned");
  await assert.rejects(copy.start(), { code: "ERR_MP_INVALID_STATE" });
});
row("SharedArray, SharedValue", async () => {
  const [array, value] = [new SharedArray(Int8Array, [1]), new SharedValue("bool")];
  assert.deepEqual(
    (await trip([array, value])).map((each, at) => each === [array, value][at]),
    [true, true],
  );
  array.close();
});
row("SharedMemory, ShareableList", async () => {
  const [memory, list] = [SharedMemory.create({ size: 1 }), new ShareableList(["a"])];
  const [sameMemory, sameList] = await trip([memory, list] as const);
  new Uint8Array(memory.buffer)[0] = 7;
  assert.deepEqual([new Uint8Array(sameMemory.buffer)[0], sameList[0]], [7, "a"]);
  for (const each of [memory, list.shm]) each.unlink();
});
row("accessors of an instance", async () => {
  const point = new Point(3) as Point & { triple: number };
  Object.defineProperty(point, "triple", {
    get(this: Point) {
      return this.x * 3;
    },
  });
  const copy = await trip(point);
  copy.x = 5;
  assert.equal(copy.triple, 15);
});
row("unregistered symbols as keys of plain objects", async () => {
  assert.deepEqual(Reflect.ownKeys(await trip({ a: 1, [Symbol("own")]: 2 })), ["a"]);
});
refused("instances with `#private` state", new Secret());
refused(
  "promises, generators, iterators, WeakMap, WeakSet, WeakRef",
  Promise.resolve(),
  (function* () {})(),
  [1].values(),
  new WeakMap(),
  new WeakSet(),
  new WeakRef({}),
);
refused("SharedArrayBuffer", new SharedArrayBuffer(1));
refused(
  "sockets, streams, AbortSignal, other classes of Node's own",
  new Socket(),
  process.stdin,
  new AbortController().signal,
  new TextEncoder(),
);
refused("proxies", new Proxy({}, {}), new Proxy(() => {}, {}));
refused("unregistered symbols", Symbol("x"));

after(() => assert.deepEqual([...covered], rows));

test("a Date or Map that was given the prototype of plain objects is still one", async () => {
  const date = Object.setPrototypeOf(new Date(5), Object.prototype) as object;
  const map = Object.setPrototypeOf(new Map([[1, 2]]), Object.prototype) as object;
  assert.equal(Date.prototype.getTime.call((await trip(date)) as Date), 5);
  assert.equal(Map.prototype.get.call((await trip(map)) as Map<number, number>, 1), 2);
});
