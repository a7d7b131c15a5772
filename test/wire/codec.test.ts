/** What is sent is what arrives. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decode, decodeSync, encode } from "#src/wire/codec.js";

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
