/** What is sent is what arrives. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decode, decodeSync, encode, encodeView, needsModules } from "#src/wire/codec.js";

function roundTrip<T>(value: T): T {
  return decodeSync(encode(value).bytes) as T;
}

test("any plain value arrives as it was (generated)", () => {
  const anything = fc.anything({
    withBigInt: true,
    withBoxedValues: true,
    withDate: false, // An invalid date does not equal itself on every Node: tested below.
    withMap: true,
    withSet: true,
    withTypedArray: true,
    withSparseArray: true,
    withNullPrototype: true,
    withUnicodeString: true,
  });
  fc.assert(
    fc.property(anything, (value) => assert.deepStrictEqual(roundTrip(value), value)),
    { numRuns: 1000 },
  );
});

test("any string arrives as it was, lone surrogates included (generated)", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 200 }), (text) => {
      const cut = text.slice(1);
      assert.equal(roundTrip(cut), cut);
    }),
  );
  assert.equal(roundTrip("\ud800"), "\ud800");
});

test("any number arrives as it was (generated)", () => {
  fc.assert(fc.property(fc.double(), (n) => assert.ok(Object.is(roundTrip(n), n))));
  fc.assert(fc.property(fc.integer(), (n) => assert.ok(Object.is(roundTrip(n), n))));
  for (const n of [-0, NaN, Infinity, 2 ** 31, -(2 ** 31), 2 ** 53, 63, 64, -1]) {
    assert.ok(Object.is(roundTrip(n), n), String(n));
  }
});

test("any bigint arrives as it was (generated)", () => {
  fc.assert(fc.property(fc.bigInt(), (n) => assert.equal(roundTrip(n), n)));
  assert.equal(roundTrip(-(2n ** 4000n)), -(2n ** 4000n));
});

test("cycles and shared objects keep their identity", () => {
  const shared = { n: 1 };
  const value: Record<string, unknown> = { a: shared, b: [shared], map: new Map<unknown, unknown>([[shared, shared]]) };
  value["self"] = value;
  (value["map"] as Map<unknown, unknown>).set("set", new Set([value]));
  const copy = roundTrip(value);
  assert.equal(copy["self"], copy);
  assert.equal(copy["a"], (copy["b"] as unknown[])[0]);
  const map = copy["map"] as Map<unknown, unknown>;
  assert.equal(map.get(copy["a"]), copy["a"]);
  assert.ok((map.get("set") as Set<unknown>).has(copy));
});

test("views of one buffer share it on the other side too", () => {
  const buffer = new ArrayBuffer(16);
  const [bytes, doubles] = roundTrip([new Uint8Array(buffer, 8), new Float64Array(buffer)] as const);
  bytes[0] = 1;
  assert.equal(bytes.buffer, doubles.buffer);
  assert.notEqual(doubles[1], 0);
});

test("a Buffer arrives as a Buffer; of a pool only its own part is sent", () => {
  const pooled = Buffer.from("hello");
  assert.ok(pooled.buffer.byteLength > pooled.length);
  const { bytes } = encode(pooled);
  assert.ok(bytes.length < 20, `${bytes.length} bytes`);
  const copy = roundTrip(pooled);
  assert.ok(Buffer.isBuffer(copy));
  assert.equal(copy.toString(), "hello");
});

test("regular expressions, dates, boxed values, URLs and symbols arrive as they were", () => {
  const expression = /a(b)/giu;
  expression.lastIndex = 3;
  const copy = roundTrip(expression);
  assert.deepEqual([copy.source, copy.flags, copy.lastIndex], ["a(b)", "giu", 3]);
  assert.equal(roundTrip(new Date(NaN)).getTime(), NaN);
  assert.equal(roundTrip(new URL("http://a.example/b?c#d")).href, "http://a.example/b?c#d");
  assert.equal(roundTrip(new URLSearchParams("a=1&a=2")).getAll("a").length, 2);
  assert.equal(roundTrip(Symbol.iterator), Symbol.iterator);
  assert.equal(roundTrip(Symbol.for("x")), Symbol.for("x"));
  assert.equal(typeof roundTrip(Object(1n)), "object");
});

test('own keys "__proto__" and registered symbols cross as what they are', () => {
  const value = JSON.parse('{"__proto__": 1, "a": 2}') as object;
  Object.assign(value, { [Symbol.for("tag")]: 3 });
  const copy = roundTrip(value);
  assert.equal(Object.getPrototypeOf(copy), Object.prototype);
  assert.deepStrictEqual(copy, value);
});

test("arrays keep holes and properties of their own", () => {
  // oxlint-disable-next-line no-sparse-arrays -- the hole is what is tested
  const value = Object.assign([1, , 3], { index: 7 });
  const copy = roundTrip(value);
  assert.ok(!(1 in copy));
  assert.equal(copy.index, 7);
  assert.equal(copy.length, 3);
});

test("a resizable ArrayBuffer stays resizable", () => {
  const Resizable = ArrayBuffer as unknown as new (n: number, o: { maxByteLength: number }) => ArrayBuffer;
  const copy = roundTrip(new Resizable(4, { maxByteLength: 64 })) as ArrayBuffer & { maxByteLength: number };
  assert.deepEqual([copy.byteLength, copy.maxByteLength], [4, 64]);
});

test("a view that is as long as its resizable buffer stays so", () => {
  const Resizable = ArrayBuffer as unknown as new (n: number, o: { maxByteLength: number }) => ArrayBuffer;
  const buffer = new Resizable(8, { maxByteLength: 64 });
  const full = new Resizable(8, { maxByteLength: 8 });
  const sent = [
    new Uint8Array(buffer),
    new DataView(buffer, 2),
    new Uint16Array(buffer, 2, 3),
    new Uint8Array(buffer, 0, 8),
    new Uint8Array(full),
  ] as const;
  const copies = roundTrip(sent);
  assert.deepEqual(sent[0].byteLength, 8);
  (copies[0].buffer as unknown as { resize(n: number): void }).resize(32);
  assert.deepEqual(
    copies.map((view) => [view.byteOffset, view.byteLength]),
    [
      [0, 32],
      [2, 30],
      [2, 6],
      [0, 8],
      [0, 8],
    ],
  );
});

test("objects of the language keep properties of their own, and arguments stay arguments", () => {
  const values = [new Map([[1, 2]]), new Set([1]), new Date(5), /x/g, Object(1) as object, new String("abc")];
  for (const value of [...values, new ArrayBuffer(2), new URL("http://a.example/")]) {
    const sent = Object.assign(value, { extra: { n: 1 }, self: value });
    const copy = roundTrip(sent);
    assert.deepEqual([copy.extra, copy.self === copy], [{ n: 1 }, true], value.constructor.name);
  }
  const argumentsOf = function (): IArguments {
    return arguments; // oxlint-disable-line prefer-rest-params -- this object itself is what is tested
  } as (...all: unknown[]) => IArguments;
  const list = argumentsOf(1, "two", { three: 3 });
  const copy = roundTrip(list);
  assert.deepEqual(
    [copy.length, [...copy], Object.prototype.toString.call(copy)],
    [3, [...list], "[object Arguments]"],
  );
});

test("what is frozen, sealed or closed stays so, plain objects and arrays in cycles too", () => {
  const cycle: { list: unknown[] } = { list: [] };
  cycle.list.push(cycle);
  Object.freeze(cycle.list);
  const copies = roundTrip([Object.freeze(cycle), Object.seal({ a: 1 }), Object.preventExtensions([1]), { open: 1 }]);
  assert.ok(Object.isFrozen(copies[0]) && Object.isFrozen((copies[0] as typeof cycle).list));
  assert.equal((copies[0] as typeof cycle).list[0], copies[0]);
  assert.deepEqual(
    copies.map((each) => [Object.isExtensible(each), Object.isSealed(each), Object.isFrozen(each)]),
    [
      [false, true, true],
      [false, true, false],
      [false, false, false],
      [true, false, false],
    ],
  );
  let nested: unknown = Object.freeze({ bottom: true });
  for (let i = 0; i < 2000; i++) nested = Object.freeze([nested]);
  let copy = roundTrip(nested);
  for (let i = 0; i < 2000; i++) {
    assert.ok(Object.isFrozen(copy));
    copy = (copy as unknown[])[0];
  }
  assert.ok(Object.isFrozen(copy));
});

test("arrays, dates and maps whose prototype was replaced keep both what they are and that", () => {
  for (const prototype of [null, Object.prototype]) {
    const list = Object.setPrototypeOf([1, 2], prototype) as number[];
    const copy = roundTrip(list);
    assert.deepEqual([Array.isArray(copy), copy.length, Object.getPrototypeOf(copy)], [true, 2, prototype]);
  }
  const date = roundTrip(Object.setPrototypeOf(new Date(5), null) as Date);
  assert.equal(Date.prototype.getTime.call(date), 5);
  const map = roundTrip(Object.setPrototypeOf(new Map([[1, 2]]), null) as Map<number, number>);
  assert.equal(Map.prototype.get.call(map, 1), 2);
  assert.throws(() => encode(Object.setPrototypeOf(Promise.resolve(), null)), { code: "ERR_MP_UNSERIALIZABLE" });
});

test("100,000 levels of nesting arrive, arrays and objects alike", () => {
  let nested: unknown = "bottom";
  for (let i = 0; i < 100_000; i++) nested = i % 2 === 0 ? [nested] : { nested };
  let copy = roundTrip(nested);
  for (let i = 0; i < 100_000; i++) copy = (copy as unknown[])[0] ?? (copy as { nested: unknown }).nested;
  assert.equal(copy, "bottom");
});

test("the bytes of a message do not change when the next one is encoded", () => {
  const first = encode({ a: "first" }).bytes;
  encode({ a: "other" });
  assert.deepEqual(decodeSync(first), { a: "first" });
});

test("a view of a message holds until the next one is encoded, and what was decoded from it for good", async () => {
  const value = {
    text: "a text of more than a few characters, read at once",
    short: "short",
    bytes: new Uint8Array([1, 2, 3]),
    long: new Uint8Array(10_000).fill(7),
    buffer: Buffer.from("pooled"),
    numbers: [1.5, 2, 3, 4, 5, 6, 7, 8],
  };
  const view = encodeView(value).bytes;
  assert.deepEqual(Uint8Array.from(view), Uint8Array.from(encode(value).bytes));
  const lent = encodeView(value).bytes;
  const copies = [decodeSync(lent), await decode(lent)];
  lent.fill(0);
  assert.deepEqual(copies, [value, value]);
  assert.equal(needsModules(encode(value).bytes), false);
});

test("a message that lies inside of others' bytes is read there", () => {
  const { bytes } = encode({ n: 0.5, list: [1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5, 8.5], text: "漢字", at: new Date(5) });
  const around = new Uint8Array(bytes.length + 30).fill(0xff);
  around.set(bytes, 13);
  const copy = decodeSync(around.subarray(13, 13 + bytes.length));
  assert.deepEqual(copy, decodeSync(bytes));
});

test("lists of numbers arrive as they were, and take few bytes (generated)", () => {
  const lists = fc.oneof(
    fc.array(fc.double(), { minLength: 7, maxLength: 200 }),
    fc.array(fc.integer(), { minLength: 7, maxLength: 200 }),
    fc.array(fc.integer({ min: -129, max: 128 }), { minLength: 7, maxLength: 200 }),
    fc.array(fc.integer({ min: -32_769, max: 32_768 }), { minLength: 7, maxLength: 200 }),
    fc.array(fc.constantFrom(0, -0, 1, NaN, 2 ** 31, -(2 ** 31), 2 ** 53), { minLength: 7, maxLength: 200 }),
    fc.array(fc.oneof(fc.double(), fc.constant(undefined), fc.constant("1")), { minLength: 7, maxLength: 200 }),
  );
  fc.assert(fc.property(lists, (list) => assert.deepStrictEqual(roundTrip(list), list)));
  const count = 10_000;
  const list = (of: (n: number) => number): number =>
    encode(Array.from({ length: count }, (_, n) => of(n))).bytes.length;
  const sizes = [list((n) => n % 100), list((n) => n), list((n) => n * 1000), list((n) => n / 3)];
  assert.deepEqual(
    sizes.map((size) => Math.floor(size / count)),
    [1, 2, 4, 8],
  );
});

test("long arrays keep holes and properties of their own, too", () => {
  const numbers = Array.from({ length: 1000 }, (_, n) => n);
  assert.deepStrictEqual(roundTrip(numbers), numbers);
  const named = Object.assign([...numbers], { index: 7 });
  assert.deepStrictEqual(roundTrip(named), named);
  const holed = [...numbers];
  Reflect.deleteProperty(holed, 500);
  assert.deepStrictEqual(roundTrip(holed), holed);
  const both = Object.assign([...holed], { 1003: "far", name: "both" });
  Reflect.deleteProperty(both, 501);
  assert.deepStrictEqual(roundTrip(both), both);
  assert.deepStrictEqual(roundTrip(Array(2000)), Array(2000));
  const objects = Object.assign(
    numbers.map((n) => ({ n })),
    { self: 1 },
  );
  assert.deepStrictEqual(roundTrip(objects), objects);
});

test("what is remembered of shapes never mixes them up (generated)", () => {
  const keys = fc.uniqueArray(fc.string({ unit: "binary", maxLength: 4 }), { maxLength: 6 });
  const object = keys.map((names) => Object.fromEntries(names.map((name, at) => [name, at])));
  fc.assert(
    fc.property(fc.array(object, { maxLength: 30 }), (objects) =>
      assert.deepStrictEqual(roundTrip([objects, objects]), [objects, objects]),
    ),
    { numRuns: 500 },
  );
  const dictionary = Object.fromEntries(Array.from({ length: 20_000 }, (_, n) => [`key number ${n}`, n]));
  assert.deepStrictEqual(roundTrip([dictionary, { ...dictionary }]), [dictionary, dictionary]);
});

test("a getter that encodes something itself spoils nothing", () => {
  const value = {
    before: [{ a: 1 }],
    get made(): number {
      assert.deepEqual(roundTrip({ inner: [1, 2, 3], a: { b: 2 } }), { inner: [1, 2, 3], a: { b: 2 } });
      assert.throws(() => encode(Promise.resolve()), { code: "ERR_MP_UNSERIALIZABLE" });
      return encode("x".repeat(20_000)).bytes.length;
    },
    after: [{ a: 2 }],
  };
  assert.deepEqual(roundTrip(value), { before: [{ a: 1 }], made: 20_005, after: [{ a: 2 }] });
});

test("after a message that failed the next one is whole, and its paths are its own", () => {
  const failing = { deep: { list: [1, 2, { promise: Promise.resolve() }] } };
  for (let i = 0; i < 3; i++) {
    assert.throws(
      () => encode(failing, { root: "first" }),
      (error: Error) => error.message.includes("first.deep.list[2].promise"),
    );
    assert.throws(
      () => encode([Symbol("own")], { root: "second" }),
      (error: Error) => error.message.includes("second[0]"),
    );
    assert.deepEqual(roundTrip([failing.deep.list[0], { deep: 1 }]), [1, { deep: 1 }]);
  }
});

test("a message that is cut off, or changed, gives MalformedMessageError or another value: never a crash (generated)", async () => {
  const { bytes } = encode({
    a: [1, 2.5, "text", "漢字"],
    map: new Map([["k", new Set([1n])]]),
    when: new Date(0),
    expression: /x/g,
    bytes: new Uint8Array(20),
    error: new TypeError("no", { cause: { deep: [1, , 2] } }), // oxlint-disable-line no-sparse-arrays
  });
  for (let length = 0; length < bytes.length; length++) {
    await assert.rejects(decode(bytes.slice(0, length)), { code: "ERR_MP_MALFORMED_MESSAGE" });
  }
  await fc.assert(
    fc.asyncProperty(fc.nat(bytes.length - 1), fc.nat(255), async (at, byte) => {
      const changed = bytes.slice();
      changed[at] = byte;
      try {
        await decode(changed);
      } catch (error) {
        assert.equal((error as { code?: string }).code, "ERR_MP_MALFORMED_MESSAGE", String((error as Error).stack));
      }
    }),
    { numRuns: 3000 },
  );
});

test("a subclass's view of no class of views gives MalformedMessageError, and no other global is called", async () => {
  class Vector extends Uint32Array {}
  const bytes = Buffer.from(encode(Vector.of(1)).bytes);
  Buffer.from("EventTarget").copy(bytes, bytes.indexOf("Uint32Array")); // The view comes before its class.
  await assert.rejects(decode(bytes), { code: "ERR_MP_MALFORMED_MESSAGE" });
});

test("random bytes give MalformedMessageError (generated)", async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 60 }), fc.boolean(), async (tail, withModules) => {
      const bytes = Uint8Array.from([withModules ? 0xa2 : 0xa1, ...tail]);
      try {
        await decode(bytes);
      } catch (error) {
        assert.equal((error as { code?: string }).code, "ERR_MP_MALFORMED_MESSAGE", String((error as Error).stack));
      }
    }),
    { numRuns: 3000 },
  );
});
