/** Errors keep class, message, stack, cause and fields; what cannot cross is refused with its path. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { ProcessExitedError, RemoteError, UnserializableError } from "#src/index.js";
import { decodeSync, encode } from "#src/wire/codec.js";
import { reportError } from "#src/wire/error-report.js";

function roundTrip<T>(value: T): T {
  return decodeSync(encode(value).bytes) as T;
}

test("an error of the language keeps class, message, stack, cause and fields", () => {
  const cause = new RangeError("inner");
  const error = Object.assign(new TypeError("outer", { cause }), { status: 404 });
  const copy = roundTrip(error);
  assert.ok(copy instanceof TypeError);
  assert.equal(copy.stack, error.stack);
  assert.equal(copy.message, "outer");
  assert.ok(copy.cause instanceof RangeError);
  assert.equal(copy.status, 404);
  assert.deepEqual(Object.keys(copy), ["status"]);
});

test("errors of Node's own cross as the class of the language that they are of, with their code", () => {
  const caught = ((): unknown => {
    try {
      return Buffer.alloc("x" as never);
    } catch (error) {
      return error;
    }
  })() as Error & { code: string };
  const copy = roundTrip(caught);
  assert.ok(copy instanceof TypeError);
  assert.deepEqual([copy.code, copy.message, copy.stack], ["ERR_INVALID_ARG_TYPE", caught.message, caught.stack]);
  const aborted = AbortSignal.abort().reason as DOMException & { extra?: number };
  aborted.extra = 5;
  const its = roundTrip(aborted);
  assert.ok(its instanceof DOMException);
  assert.deepEqual(
    [its.name, its.message, its.code, its.stack, its.extra],
    ["AbortError", aborted.message, 20, aborted.stack, 5],
  );
});

test("errors of assert, of what was aborted and of WebAssembly keep their classes and fields", async () => {
  const caught = async (work: () => unknown): Promise<Error> => {
    try {
      await work();
    } catch (error) {
      return error as Error;
    }
    throw new Error("nothing was thrown");
  };
  const failed = await caught(() => assert.deepEqual({ a: 1 }, { a: 2 }, "not equal"));
  const failedCopy = roundTrip(failed);
  assert.ok(failedCopy instanceof assert.AssertionError);
  const { name, message, stack, code, actual, expected, operator } = failedCopy;
  assert.deepEqual(
    { name, message, stack, code, actual, expected, operator },
    { ...pick(failed as assert.AssertionError), actual: { a: 1 }, expected: { a: 2 } },
  );
  const aborted = await caught(() => delay(1000, undefined, { signal: AbortSignal.abort() }));
  const abortedCopy = roundTrip(aborted) as Error & { code: string };
  assert.equal(abortedCopy.constructor, aborted.constructor);
  assert.deepEqual([abortedCopy.name, abortedCopy.code, abortedCopy.stack], ["AbortError", "ABORT_ERR", aborted.stack]);
  assert.ok(abortedCopy.cause instanceof DOMException);
  const { WebAssembly } = globalThis as unknown as {
    WebAssembly: { compile(bytes: Uint8Array): Promise<unknown>; CompileError: ErrorConstructor };
  };
  const malformed = await caught(() => WebAssembly.compile(new Uint8Array([1])));
  assert.ok(malformed instanceof WebAssembly.CompileError);
  assert.ok(roundTrip(malformed) instanceof WebAssembly.CompileError);
  // A class of the user's own that has such a name is the user's.
  class AssertionError extends Error {}
  const own = roundTrip(new AssertionError("own"));
  assert.deepEqual([own.constructor.name, own instanceof assert.AssertionError], ["AssertionError", false]);
});

function pick({ name, message, stack, code, operator }: assert.AssertionError): object {
  return { name, message, stack, code, operator };
}

test("an AggregateError keeps its errors, and an error may be its own cause", () => {
  const error = new AggregateError([new Error("a"), 1], "both");
  (error as Error).cause = error;
  const copy = roundTrip(error);
  assert.equal(copy.errors.length, 2);
  assert.equal((copy.errors[0] as Error).message, "a");
  assert.equal(copy.cause, copy);
});

test("errors of this library keep their class and facts", () => {
  const copy = roundTrip(new ProcessExitedError("gone", { pid: 7, exitCode: -9, signalCode: "SIGKILL" }));
  assert.ok(copy instanceof ProcessExitedError);
  assert.deepEqual([copy.code, copy.pid, copy.exitCode, copy.signalCode], ["ERR_MP_PROCESS_EXITED", 7, -9, "SIGKILL"]);
});

const refused: readonly (readonly [string, () => unknown])[] = [
  ["a promise", () => Promise.resolve()],
  ["a WeakMap", () => new WeakMap()],
  ["a WeakRef", () => new WeakRef({})],
  ["a SharedArrayBuffer", () => new SharedArrayBuffer(8)],
  ["a symbol of its own", () => Symbol("mine")],
];
for (const [what, make] of refused) {
  test(`${what} is refused, with its path and a remedy`, () => {
    assert.throws(
      () => encode({ list: [0, { "a key": make() }] }, { root: "args" }),
      (error: UnserializableError) =>
        error instanceof UnserializableError &&
        error.code === "ERR_MP_UNSERIALIZABLE" &&
        error.message.includes('args.list[1]["a key"]') &&
        error.message.includes("do this:"),
    );
  });
}

test("an error that cannot be copied degrades to what is known of it", () => {
  const error = Object.assign(new Error("deep trouble"), { code: "E_DEEP", secret: Promise.resolve() });
  const copy = decodeSync(reportError(error)) as RemoteError & { remote: { code: string } };
  assert.ok(copy instanceof RemoteError);
  assert.equal(copy.message, "deep trouble");
  assert.equal(copy.stack, error.stack);
  assert.equal(copy.remote.code, "E_DEEP");
  assert.match((copy.cause as Error).message, /error\.secret/);
});

test("even an error that fails whenever it is looked at is reported", () => {
  const hostile = {
    get message(): string {
      throw new Error("no");
    },
    secret: Promise.resolve(),
  };
  assert.ok(decodeSync(reportError(hostile)) instanceof RemoteError);
});
