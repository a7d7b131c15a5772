/** Functions that travel: each row of the contract's table, in a real child process. */
import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import * as path from "node:path";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { Process } from "#src/index.js";
import byDefault, { arrow, Exported, handOut, renamed, settings, twice } from "../modules/exports.ts";
import * as exportsOfModule from "../modules/exports.ts";
import { inChild } from "../support/in-child.ts";
import { leaveNothingBehind } from "../support/leaks.ts";

leaveNothingBehind();

let count = 0;
function increment(): number {
  return ++count;
}
const readCount = (): number => count;

test("functions of this file see its variables; one that a function assigns is one variable for all of them", async () => {
  const answer = await inChild(() => {
    increment();
    increment();
    return [count, readCount()];
  });
  assert.deepEqual(answer, [2, 2]);
  assert.equal(count, 0);
});

function makeCounter(): { up: () => number; read: () => number } {
  let n = 0;
  return { up: () => ++n, read: () => n };
}

test("closures of one call share the variable that one of them assigns; those of another call do not", async () => {
  const a = makeCounter();
  const b = makeCounter();
  const answer = await inChild(() => [a.up(), a.up(), a.read(), b.read(), b.up()]);
  assert.deepEqual(answer, [1, 2, 2, 0, 1]);
  assert.deepEqual([a.read(), b.read()], [0, 0]);
});

test("recursion, mutual recursion, default parameters, destructuring, rest", async () => {
  const factorial = (n: number): number => (n < 2 ? 1 : n * factorial(n - 1));
  const even = (n: number): boolean => n === 0 || odd(n - 1);
  const odd = (n: number): boolean => n !== 0 && even(n - 1);
  const base = 10;
  const shape = (a: number, { b = base, ...rest }: Record<string, number> = {}, ...more: number[]): unknown => [
    a,
    b,
    rest,
    more,
  ];
  assert.deepEqual(await inChild(() => [factorial(5), even(10), shape(1, { c: 2 }, 3)]), [
    120,
    true,
    [1, 10, { c: 2 }, [3]],
  ]);
});

test("async functions, generators, async generators, methods, getters, bound functions, functions with properties", async () => {
  const delayed = async (n: number): Promise<number> => {
    await new Promise((resolve) => setImmediate(resolve));
    return n;
  };
  function* numbers(n: number): Generator<number> {
    for (let i = 0; i < n; i++) yield i;
  }
  async function* later(n: number): AsyncGenerator<number> {
    for (const i of numbers(n)) yield await delayed(i);
  }
  const object = {
    method(n: number): number {
      return n * 2;
    },
    get seven(): number {
      return 7;
    },
  };
  const { method } = object;
  const getter = Object.getOwnPropertyDescriptor(object, "seven")!.get!;
  function add(this: { base: number }, a: number, b: number): number {
    return this.base + a + b;
  }
  const bound = add.bind({ base: 100 }, 10).bind(null, 1);
  const tagged = Object.assign((): unknown => tagged.note, { note: { deep: [1] } });
  const answer = await inChild(async () => {
    const all: number[] = [];
    for await (const n of later(3)) all.push(n);
    return [all, method(4), getter(), bound(), bound.name, tagged(), add.length];
  });
  assert.deepEqual(answer, [[0, 1, 2], 8, 7, 111, "bound bound add", { deep: [1] }, 2]);
});

test("exports of other modules are the module's own there: functions, classes, renamed, default, namespaces", async () => {
  const answer = await inChild(
    async (url: string) => {
      const there = await import(url);
      return [
        there.twice === twice,
        there.Exported === Exported,
        there.arrow === arrow,
        there.renamed === renamed,
        there.default === byDefault,
        there.settings === settings,
        there === exportsOfModule,
        Exported.make(3).get(),
      ];
    },
    new URL("../modules/exports.js", import.meta.url).href,
  );
  assert.deepEqual(answer, [true, true, true, true, true, true, true, 3]);
});

test("exported functions as arguments, and instances of exported classes, arrive as such", async () => {
  const check = (fn: unknown, statik: unknown, object: Exported): unknown[] => [
    fn === twice,
    statik === Exported.make,
    object instanceof Exported,
    object.get(),
  ];
  assert.deepEqual(await inChild(check, twice, Exported.make, new Exported(9)), [true, true, true, 9]);
});

test("functions that a module hands out without exporting them share its variable", async () => {
  const { read, write } = handOut();
  const answer = await inChild(() => {
    write(8);
    return read();
  });
  assert.equal(answer, 8);
  assert.equal(read(), 7);
});

test("standard globals and exports of node: modules are those of the other side", async () => {
  const names = { sqrt: Math.sqrt, parse: JSON.parse, join, whole: path, math: Math, map: Array.prototype.map };
  const answer = await inChild(
    (given: typeof names) => [
      given.sqrt === Math.sqrt,
      given.parse === JSON.parse,
      given.join === join,
      given.math === Math,
      given.map === Array.prototype.map,
      given.whole === path,
    ],
    names,
  );
  assert.deepEqual(answer, [true, true, true, true, true, true]);
});

let evaluations = 0;
const dynamicKey = `dynamic${1}`;
class Animal {
  name: string;
  constructor(name: string) {
    this.name = name;
  }
  describe(): string {
    return `animal ${this.name}`;
  }
  static create(name: string): Animal {
    return new this(name);
  }
}
class Dog extends Animal {
  static kennel = { count: 0 };
  static {
    evaluations++;
  }
  readonly bark = "woof";
  #secret = 5;
  override describe(): string {
    return `dog: ${super.describe()}`;
  }
  [dynamicKey](): number {
    return this.#secret;
  }
  get loud(): string {
    return this.bark.toUpperCase();
  }
}

test("classes: heritage, super, statics, fields, private members inside, computed names; nothing is evaluated twice", async () => {
  Dog.kennel.count = 3;
  const answer = await inChild(() => {
    const dog = new Dog("rex") as Dog & Record<string, () => number>;
    const made = Dog.create("fido");
    return [
      dog.describe(),
      dog.loud,
      dog[dynamicKey]!(),
      Dog.kennel.count,
      made instanceof Dog,
      made instanceof Animal,
      evaluations,
    ];
  });
  assert.deepEqual(answer, ["dog: animal rex", "WOOF", 5, 3, true, true, 1]);
});

test("subclasses of built-in and imported classes, with their instances", async () => {
  class Stack<T> extends Array<T> {
    top(): T | undefined {
      return this.at(-1);
    }
  }
  class Registry extends Map<string, number> {
    sum(): number {
      return [...this.values()].reduce((a, b) => a + b, 0);
    }
  }
  class Child extends Exported {
    override get(): number {
      return super.get() * 10;
    }
  }
  class Bus extends EventEmitter {
    readonly label = "bus";
  }
  const registry = new Registry([
    ["a", 1],
    ["b", 2],
  ]);
  const stack = Stack.of(1, 2, 3) as Stack<number>;
  const bus = new Bus();
  bus.on("ping", (n: number) => n);
  const check = (s: Stack<number>, r: Registry, c: Child, b: Bus): unknown[] => [
    s.top(),
    s.length,
    r.sum(),
    c.get(),
    c instanceof Exported,
    b.label,
    b.listenerCount("ping"),
    b.emit("ping", 1),
  ];
  assert.deepEqual(await inChild(check, stack, registry, new Child(4), bus), [3, 3, 3, 40, true, "bus", 1, true]);
});

test("what comes home is the original: functions, classes, errors of a class of this file", async () => {
  class Refused extends Error {
    override name = "Refused";
    readonly status = 403;
  }
  const helper = (): number => 1;
  const [back, itsClass] = await inChild(() => [helper, Dog] as const);
  assert.equal(back, helper);
  assert.equal(itsClass, Dog);
  const child = new Process({
    target: () => {
      throw new Refused("no entry", { cause: new Dog("guard").describe() });
    },
    stdio: "ignore",
  });
  await child.start();
  await assert.rejects(child.result, (error: Refused) => {
    assert.ok(error instanceof Refused);
    assert.deepEqual([error.status, error.message, error.cause], [403, "no entry", "dog: animal guard"]);
    assert.match(error.stack!, /functions\.test\.js:\d+/);
    return true;
  });
  await child.join();
});

test("an instance that its own class's method captures arrives, and is the same there", async () => {
  class Node_ {
    self(): Node_ {
      return single;
    }
  }
  const single = new Node_();
  assert.equal(await inChild((node: Node_) => node.self() === node && node instanceof Node_, single), true);
});

test("two variables that hold one object hold one object there", async () => {
  const shared = { n: 1 };
  const first = (): object => shared;
  const second = (): object => shared;
  assert.equal(await inChild((also: object) => first() === second() && also === first(), shared), true);
});

test("stack traces, import.meta and import() are those of the function's own file", async () => {
  const line = new Error("here").stack!.split("\n")[1]!.replace(/^.*?\w+\.test\.js:(\d+).*$/, "$1");
  const answer = await inChild(async () => {
    const stack = new Error("there").stack!.split("\n")[1]!;
    const module = (await import("../modules/exports.ts" as string).catch(
      () => import("../modules/exports.js" as string),
    )) as object;
    return [stack, import.meta.url, Object.keys(module).includes("twice")] as const;
  });
  // Where coverage is measured, Node knows the source's map, and the other side names the source itself.
  assert.match(answer[0], new RegExp(`functions\\.test\\.(js:${Number(line) + 2}|ts:\\d+):`));
  assert.equal(answer[1], import.meta.url);
  assert.equal(answer[2], true);
});

test("a function that came by value may be sent on, to a grandchild", async () => {
  const offset = 5;
  const inner = (n: number): string => join("sum", String(n + offset));
  const answer = await inChild(async () => {
    const grandchild = new Process({ target: inner, args: [1] });
    await grandchild.start();
    const result = await grandchild.result;
    await grandchild.join();
    return result;
  });
  assert.equal(answer, "sum/6");
});

test("closures that are generated answer the same in another process", async () => {
  type Op = "add" | "multiply" | "collect";
  const make = (
    op: Op,
    a: number,
    text: string,
    inner: ((x: number) => unknown) | undefined,
  ): ((x: number) => unknown) => {
    switch (op) {
      case "add":
        return (x) => [x + a, inner?.(x)];
      case "multiply":
        return function named(x) {
          return { product: x * a, inner: inner?.(x + 1) };
        };
      case "collect": {
        const list = [a, text];
        return (x) => list.concat([text.repeat(2), String(x)], inner === undefined ? [] : [JSON.stringify(inner(x))]);
      }
    }
  };
  const ops = fc.array(fc.tuple(fc.constantFrom<Op>("add", "multiply", "collect"), fc.integer(), fc.string()), {
    minLength: 1,
    maxLength: 6,
  });
  const closures = fc
    .sample(ops, 60)
    .map((chain) =>
      chain.reduce<((x: number) => unknown) | undefined>(
        (inner, [op, a, text]) => make(op, a, text, inner),
        undefined,
      )!,
    );
  const here = closures.map((closure, at) => closure(at));
  assert.deepEqual(await inChild((all: typeof closures) => all.map((closure, at) => closure(at)), closures), here);
});

test("values that are generated come back from another process as they were", async () => {
  const anything = fc.anything({
    withBigInt: true,
    withMap: true,
    withSet: true,
    withTypedArray: true,
    withSparseArray: true,
  });
  const values = fc.sample(anything, 300);
  assert.deepStrictEqual(await inChild((all: unknown[]) => all, values), values);
});
