/**
 * SharedValue: the scenarios of CPython's _TestValue; no lost increments, nothing half written, and a death in an update
 * changes nothing. Other than in Python, `.value` takes no lock, since it is never seen half written: so there is no
 * RawValue, and its lock is always one of its own.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { inspect } from "node:util";
import { MultiprocessingError, SharedArray, SharedValue, TimeoutError, type SharedValueKind } from "#src/index.js";
import { leaveNothingBehind } from "../support/leaks.ts";
import { forEachStartMethod } from "../support/methods.ts";

const withCode = (code: string) => (error: unknown) => error instanceof MultiprocessingError && error.code === code;
const invalid = withCode("ERR_MP_INVALID_ARGUMENT");

describe("SharedValue", () => {
  leaveNothingBehind();

  test("each kind keeps what it is given, and begins with nothing", () => {
    const cases: [SharedValueKind, unknown[]][] = [
      ["int32", [0, -(2 ** 31), 2 ** 31 - 1]],
      ["uint32", [0, 1, 2 ** 32 - 1]],
      ["int64", [0n, -(2n ** 63n), 2n ** 63n - 1n]],
      ["float64", [0, -0, 0.1, NaN, -Infinity, Number.MIN_VALUE]],
      ["bool", [false, true]],
    ];
    for (const [kind, values] of cases) {
      const shared = new SharedValue(kind);
      assert.ok(Object.is(shared.value, values[0]), kind);
      for (const value of values) {
        shared.value = value as never;
        assert.ok(Object.is(shared.value, value), `${kind} ${String(value)}`);
        assert.ok(Object.is(new SharedValue(kind, value as never).value, value));
      }
      assert.equal(shared.kind, kind);
    }
    assert.equal(inspect(new SharedValue("int64", 7n)), "<SharedValue int64 7>");
  });

  test("operations on integers return what was there before, and wrap around", () => {
    const small = new SharedValue("int32", 2 ** 31 - 1);
    assert.deepEqual(
      [small.add(1), small.value, small.sub(1), small.value],
      [2147483647, -2147483648, -2147483648, 2147483647],
    );
    const unsigned = new SharedValue("uint32", 1);
    assert.deepEqual(
      [unsigned.sub(2), unsigned.value, unsigned.add(2 ** 32 - 1), unsigned.value],
      [1, 4294967295, 4294967295, 4294967294],
    );
    const long = new SharedValue("int64", 5n);
    assert.deepEqual([long.add(-7n), long.exchange(2n ** 62n), long.value], [5n, -2n, 2n ** 62n]);
    assert.deepEqual(
      [long.compareExchange(1n, 2n), long.compareExchange(2n ** 62n, 3n), long.value],
      [2n ** 62n, 2n ** 62n, 3n],
    );
    assert.deepEqual(
      [small.compareExchange(2147483647, 4), small.compareExchange(0, 9), small.exchange(-1), small.value],
      [2147483647, 4, 4, -1],
    );
  });

  test("what is none of the kind is an error that changes nothing", () => {
    const wrong: [SharedValueKind, unknown[]][] = [
      ["int32", [2 ** 31, 0.5, "1", 1n, null, true, NaN]],
      ["uint32", [-1, 2 ** 32, 0.5, 1n]],
      ["int64", [1, 2n ** 63n, "1"]],
      ["float64", [1n, "1", null]],
      ["bool", [1, "true", null]],
    ];
    for (const [kind, values] of wrong) {
      const shared = new SharedValue(kind) as SharedValue<"int32">;
      const before = shared.value;
      for (const value of values as never[]) {
        for (const call of [
          () => (shared.value = value),
          () => shared.add(value),
          () => shared.sub(value),
          () => shared.exchange(value),
          () => shared.compareExchange(value, before),
          () => shared.compareExchange(before, value),
          () => new SharedValue(kind, value),
        ]) {
          assert.throws(call, invalid, `${kind} ${String(value)} ${String(call)}`);
        }
      }
      assert.equal(shared.value, before);
    }
    for (const kind of ["float64", "bool"] as const) {
      const shared = new SharedValue(kind) as never as SharedValue<"int32">;
      for (const value of [1, true] as never[]) assert.throws(() => shared.add(value), invalid);
    }
    for (const kind of ["int8", undefined, null, 1]) assert.throws(() => new SharedValue(kind as never), invalid);
  });

  test("update() gives the new value; what it throws, and what is no value, leaves the old one", async () => {
    const shared = new SharedValue("float64", 2);
    assert.equal(await shared.update((value) => value * 1.5), 3);
    assert.equal(await shared.update(async (value) => value + 1), 4);
    await assert.rejects(
      shared.update(() => {
        throw new Error("on purpose");
      }),
      /on purpose/,
    );
    await assert.rejects(
      shared.update(() => "5" as never),
      invalid,
    );
    assert.equal(shared.value, 4);
    const flag = new SharedValue("bool");
    assert.deepEqual([await flag.update((on) => !on), flag.value], [true, true]);
  });

  test("an update under way neither loses an add() nor lets another in; a wait for it can be limited", async () => {
    const shared = new SharedValue("int32", 1);
    const seen: number[] = [];
    let begun!: () => void;
    let proceed!: () => void;
    const hasBegun = new Promise<void>((resolve) => (begun = resolve));
    const maybeProceed = new Promise<void>((resolve) => (proceed = resolve));
    const slow = shared.update(async (value) => {
      seen.push(value);
      begun();
      await maybeProceed;
      return value * 10;
    });
    await hasBegun;
    shared.add(1);
    await assert.rejects(
      shared.update((value) => value, { timeoutMs: 5 }),
      TimeoutError,
    );
    await assert.rejects(
      shared.update((value) => value, { signal: AbortSignal.abort(new Error("enough")) }),
      /enough/,
    );
    proceed();
    assert.equal(await slow, 20);
    assert.deepEqual([seen, shared.value], [[1, 2], 20]);
  });

  test("a hundred thousand values are memory only", () => {
    const values = Array.from({ length: 100_000 }, (_, n) => new SharedValue("int32", n));
    assert.ok(values.every((value, n) => value.add(1) === n));
  });
});

forEachStartMethod((context) => {
  leaveNothingBehind();
  const { Process } = context;

  test("siblings and a grandchild count together: no increment is lost", async () => {
    const small = new SharedValue("int32");
    const long = new SharedValue("int64");
    const float = new SharedValue("float64");
    const count = async (): Promise<void> => {
      for (let i = 0; i < 20_000; i++) {
        small.add(1);
        long.sub(2n);
      }
      for (let i = 0; i < 100; i++) await float.update((sum) => sum + 0.25);
    };
    const viaGrandchild = async (): Promise<void> => {
      const grandchild = new Process({ target: count });
      await grandchild.start();
      await grandchild.result;
      await grandchild.join();
    };
    const children = [count, count, viaGrandchild].map((target) => new Process({ target }));
    await Promise.all(children.map((child) => child.start()));
    await Promise.all(children.map((child) => child.result));
    await Promise.all(children.map((child) => child.join()));
    assert.deepEqual([small.value, long.value, float.value], [60_000, -120_000n, 75]);
  });

  test("it comes home as itself, and one made by a child that has ended is there", async () => {
    const shared = new SharedValue("bool", true);
    const child = new Process({
      target: (passed: SharedValue<"bool">) => [passed, new SharedValue("int64", 9n)],
      args: [shared],
    });
    await child.start();
    const [same, made] = await child.result;
    await child.join();
    assert.equal(same, shared);
    assert.equal(made!.value, 9n);
  });

  test("a process that is killed in the middle of an update changes nothing, and the next update goes on", async () => {
    const shared = new SharedValue("int32", 5);
    const begun = new SharedValue("bool");
    const child = new Process({
      target: () =>
        shared.update((value) => {
          begun.value = true;
          for (;;) if (!begun.value) return value + 1; // Busy: nothing but a kill ends it.
        }),
    });
    await child.start();
    while (!begun.value) await new Promise((resolve) => setTimeout(resolve, 2));
    const next = shared.update((value) => value + 100);
    child.kill();
    assert.equal(await next, 105);
    await child.join();
    assert.equal(shared.value, 105);
  });

  test("a float is never seen half written", async () => {
    const shared = new SharedValue("float64", 1);
    const stop = new SharedArray(Int32Array, 1);
    // All bits of the two differ.
    const [one, other] = new Float64Array(
      new BigUint64Array([0x0123456789abcdefn, ~0x0123456789abcdefn & (2n ** 64n - 1n)]).buffer,
    );
    shared.value = one!;
    const child = new Process({
      target: () => {
        while (Atomics.load(stop.array, 0) === 0)
          for (let i = 0; i < 1000; i++) shared.value = i % 2 === 0 ? one! : other!;
      },
    });
    await child.start();
    const until = performance.now() + 150;
    let torn = 0;
    while (performance.now() < until) {
      for (let i = 0; i < 1000; i++) {
        const { value } = shared;
        if (value !== one && value !== other) torn++;
      }
    }
    Atomics.store(stop.array, 0, 1);
    await child.join();
    assert.equal(torn, 0);
    stop.close();
  });

  test("a child sets one of each kind, and its parent sees it, and the other way round", async () => {
    const number = new SharedValue("int32", 4343);
    const unsigned = new SharedValue("uint32", 1);
    const long = new SharedValue("int64", 2n ** 33n);
    const float = new SharedValue("float64", 3.625);
    const flag = new SharedValue("bool", false);
    const values = [number, unsigned, long, float, flag] as const;
    const target = (...[a, b, c, d, e]: typeof values): unknown[] => {
      const found = [a.value, b.value, c.value, d.value, e.value];
      [a.value, b.value, c.value, d.value, e.value] = [-24234, 2 ** 32 - 1, 2n ** 34n, -4.25, true];
      return found;
    };
    const child = new Process({ target, args: values as never });
    await child.start();
    assert.deepEqual(await child.result, [4343, 1, 2n ** 33n, 3.625, false]);
    await child.join();
    assert.deepEqual(
      values.map((each) => each.value),
      [-24234, 2 ** 32 - 1, 2n ** 34n, -4.25, true],
    );
  });

  test("its lock is one for all processes: `+=`, which is two steps, is whole under it", async () => {
    const sum = new SharedValue("float64");
    const add = async (): Promise<void> => {
      for (let n = 0; n < 300; n++) {
        using _ = await sum.lock.acquire({ timeoutMs: 10_000 });
        sum.value += 0.5;
      }
    };
    const children = [1, 2].map(() => new Process({ target: add }));
    await Promise.all(children.map((child) => child.start()));
    await Promise.all([add(), ...children.map((child) => child.result)]);
    await Promise.all(children.map((child) => child.join()));
    assert.equal(sum.value, 450);
  });
});
