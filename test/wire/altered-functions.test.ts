/** Functions and classes to which something was done after their text was evaluated: each in a real child process. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { runInThisContext } from "node:vm";
import { inChild } from "../support/in-child.ts";

test("a prototype that was put in the place of a function's own stays one object, with what inherits from it", async () => {
  const Parent = function () {} as unknown as new () => { hi(): string };
  Parent.prototype = { hi: () => "hi" };
  const Child = function () {} as unknown as new () => { hi(): string };
  Child.prototype = Object.create(Parent.prototype as object, {
    constructor: { value: Child, writable: true, configurable: true },
  });
  const Other = function () {} as unknown as new () => object;
  Other.prototype = Parent.prototype;
  const Bare = function () {} as unknown as new () => object;
  Bare.prototype = Object.create(null);
  const answer = await inChild(() => [
    new Child().hi(),
    new Child() instanceof Parent,
    new Other() instanceof Parent,
    (Parent.prototype as object).constructor === Object,
    Object.getPrototypeOf(Bare.prototype),
  ]);
  assert.deepEqual(answer, ["hi", true, true, true, null]);
});

test("a class keeps what was done to it: methods replaced, deleted, made enumerable, another heritage", async () => {
  class Base {
    which(): string {
      return "base";
    }
  }
  class Mixed {
    which(): string {
      return "mixed";
    }
  }
  class Patched extends Base {
    static replaced(): number {
      return 1;
    }
    static /* it goes */ gone(): number {
      return 1;
    }
    replaced(): number {
      return 1;
    }
    gone(): number {
      return 1;
    }
    shown(): string {
      return super.which();
    }
    get half(): number {
      return 1;
    }
    set half(_: number) {}
  }
  const own = 2;
  Patched.replaced = () => own;
  Patched.prototype.replaced = () => own;
  Reflect.deleteProperty(Patched, "gone");
  Reflect.deleteProperty(Patched.prototype, "gone");
  Object.setPrototypeOf(Patched.prototype, Mixed.prototype);
  class Plain {
    seen(): number {
      return 3;
    }
  }
  Object.defineProperty(Plain.prototype, "seen", { enumerable: true });
  Object.setPrototypeOf(Plain.prototype, Mixed.prototype);
  const answer = await inChild(() => [
    [Patched.replaced(), new Patched().replaced(), "gone" in Patched, "gone" in Patched.prototype],
    [new Patched().shown(), new Patched().half, Object.getPrototypeOf(Patched) === Base],
    [Object.keys(Plain.prototype), (new Plain() as unknown as Mixed).which()],
  ]);
  assert.deepEqual(answer, [
    [2, 2, false, false],
    ["mixed", 1, true],
    [["seen"], "mixed"],
  ]);
});

test("a function in a variable that changes is called without an object, as it is here", async () => {
  const sloppy = runInThisContext("(function () { return this === globalThis; })") as () => unknown;
  let call: (...all: unknown[]) => unknown = sloppy;
  const change = (): void => {
    call = function (this: unknown) {
      return this;
    };
  };
  const answer = await inChild(() => {
    const first = [call()];
    call();
    if (first.length > 0) call();
    else change();
    change();
    const { own } = { own: (call: () => number) => call() };
    return [first[0], call(), call?.(), typeof call`x`, own(() => 5)];
  });
  assert.deepEqual(answer, [true, undefined, undefined, "undefined", 5]);
});

test("functions keep a changed name, length and prototype, and bound ones their properties", async () => {
  const renamed = Object.defineProperties((a: number, b: number) => a + b, {
    name: { value: "other" },
    length: { value: 9 },
  });
  const nameless = (): number => 1;
  Reflect.deleteProperty(nameless, "name");
  const orphan = Object.setPrototypeOf(() => 1, null) as () => number;
  const heir = Object.setPrototypeOf(() => 1, { inherited: 5 }) as (() => number) & { inherited: number };
  const bound = Object.assign(renamed.bind(null, 1), { extra: 7 });
  const answer = await inChild(() => [
    renamed.name,
    renamed.length,
    Object.hasOwn(nameless, "name"),
    Object.getPrototypeOf(orphan),
    orphan(),
    heir.inherited,
    bound(2),
    bound.extra,
  ]);
  assert.deepEqual(answer, ["other", 9, false, null, 1, 5, 3, 7]);
});
