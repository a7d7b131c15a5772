/** What cannot cross is refused, with its path, the reason and the remedy; nothing is dropped in silence. */
import assert from "node:assert/strict";
import { Socket } from "node:net";
import { Readable } from "node:stream";
import { test } from "node:test";
import type { UnserializableError } from "#src/index.js";
import { encode } from "#src/wire/codec.js";

class Secretive {
  #hidden = 1;
  open(): number {
    return this.#hidden;
  }
}
class Parent {
  greet(): string {
    return "hello";
  }
}
class WithSuper extends Parent {
  override greet(): string {
    return super.greet();
  }
}

function arrowWithThis(this: unknown): () => unknown {
  return () => this;
}
function arrowWithNewTarget(): () => unknown {
  return () => new.target;
}
function* generator(): Generator<number> {
  yield 1;
}

function revoked(target: object): object {
  const { proxy, revoke } = Proxy.revocable(target, {});
  revoke();
  return proxy;
}

const refused: readonly (readonly [string, () => unknown, RegExp])[] = [
  ["an arrow function that uses this", () => arrowWithThis.call(1), /`this`/],
  [
    "an arrow function that uses new.target",
    () => arrowWithNewTarget(),
    /"anonymous" at refusals\.test\.js:\d+ .*new\.target/,
  ],
  ["a method that uses super", () => new WithSuper().greet, /super/],
  ["a method that uses a private name", () => new Secretive().open, /#hidden/],
  ["an instance with private state", () => new Secretive(), /Secretive.*#hidden/],
  ["a function that calls eval", () => (text: string) => eval(text), /eval/],
  ["a proxy", () => new Proxy({}, {}), /proxy/],
  ["a proxy of a function", () => new Proxy(() => 1, {}), /proxy/],
  ["a proxy that has been revoked", () => revoked({}), /a proxy cannot/],
  ["a proxy of a function that has been revoked", () => revoked(() => 1), /a proxy cannot/],
  [
    "a function that uses such a proxy",
    () =>
      (
        (proxy) => () =>
          proxy
      )(revoked({})),
    /variable "proxy".*a proxy cannot/,
  ],
  ["a native function", () => new Intl.Collator().compare, /native/],
  ["a promise", () => Promise.resolve(1), /Promise/],
  ["a generator", () => generator(), /generator/],
  ["an iterator of an array", () => [1].values(), /an Array Iterator cannot/],
  ["an iterator of a map", () => new Map().entries(), /a Map Iterator cannot/],
  ["what a transpiler makes of #private", () => new WeakMap(), /a WeakMap cannot.*ES2022/s],
  ["a socket", () => new Socket(), /Socket/],
  ["a stream", () => Readable.from([]), /Readable/],
  ["an AbortSignal", () => new AbortController().signal, /AbortSignal/],
  ["a symbol of its own", () => Symbol("mine"), /Symbol\(mine\)/],
  ["an object with such a symbol as value", () => ({ inner: Symbol("x") }), /inner/],
];

for (const [what, make, why] of refused) {
  test(`${what} is refused`, () => {
    const value = make();
    assert.throws(
      () => encode({ deep: [value] }, { root: "args" }),
      (error: UnserializableError) => {
        assert.equal(error.code, "ERR_MP_UNSERIALIZABLE", error.stack);
        assert.match(error.message, /^Cannot send args\.deep\[0\]/);
        assert.match(error.message, why);
        assert.match(error.message, /\n {2}do this: {2}\S/);
        return true;
      },
    );
  });
}

test("the message names the variable, the function that uses it, and its place", () => {
  const db = new Socket();
  function query(): unknown {
    return db.address();
  }
  const handler = (): unknown => query();
  assert.throws(
    () => encode(handler, { root: 'process "p" target' }),
    /variable "query" used by "handler" at refusals\.test\.js:\d+ variable "db" used by "query" at refusals\.test\.js:\d+: a Socket cannot/,
  );
});

test("the own name of an expression around it is refused where to read it would run code of the user's", () => {
  let runs = 0;
  const outer = function itself(): () => unknown {
    return (n = ++runs) => [itself, n];
  };
  assert.throws(() => encode(outer()), /variable "itself".*own name/s);
  assert.ok(encode(outer).bytes.length > 0);
  assert.equal(runs, 0);
});

test("a name that nothing declares is left to the other side", () => {
  const probe = (): string => typeof (globalThis as Record<string, unknown>)["undeclared"];
  assert.ok(encode(probe).bytes.length > 0);
});

test("a variable that has no value yet is refused, and one that is undefined is not", () => {
  const early = (): unknown => late;
  assert.throws(() => encode(early), { code: "ERR_MP_UNSERIALIZABLE" });
  const late = 1;
  assert.ok(early() === late && encode(early).bytes.length > 0);
  let nothing: unknown;
  const useNothing = (): unknown => nothing;
  assert.ok(encode(useNothing).bytes.length > 0);
  nothing = undefined;
});
