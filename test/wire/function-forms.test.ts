/** Forms of functions and classes whose text alone does not say what they mean: each in a real child process. */
import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { promises, promises as fsPromises } from "node:fs";
import { createRequire } from "node:module";
import path, { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { Process } from "#src/index.js";
import { decodeSync, encode, decode } from "#src/wire/codec.js";
import { projectRoot } from "../support/project.ts";
import { afterwards, duringEvaluation, inCallbackDuringEvaluation } from "../modules/still-evaluating.ts";
import byDefault, { bag } from "../modules/defaults.ts";
import { inChild } from "../support/in-child.ts";

/** They are not compiled. */
const fromSources = createRequire(join(projectRoot, "test", "modules", "x.js"));

/** As a plain call, without an object. */
const bare = (f: () => unknown): string => {
  const answer = f();
  return answer === undefined ? "strict" : answer === globalThis ? "sloppy" : "neither";
};

test("a function that is called default is not taken for its module's default export", async () => {
  const { default: other } = bag;
  assert.deepEqual(await inChild(() => [byDefault(1), other(1)]), ["default 1", "bag 1"]);
});

interface Sloppy {
  readonly ofClass: () => unknown;
  readonly inside: () => unknown;
  readonly plain: () => unknown;
  readonly ofModule: () => unknown;
}

test("CommonJS: strict and sloppy code stay what they are, by the class, function or file around them", async () => {
  const sloppy = (fromSources("./sloppy.cjs") as { handOut: () => Sloppy }).handOut();
  const strict = (fromSources("./strict.cjs") as { handOut: () => () => unknown }).handOut();
  const all = [sloppy.ofClass, sloppy.inside, sloppy.plain, strict];
  const answers = await inChild((functions) => functions.map((each) => bare(each)), all);
  assert.deepEqual(answers, ["strict", "strict", "sloppy", "strict"]);
});

test("CommonJS: module and exports are those of the function's file", async () => {
  const { ofModule } = (fromSources("./sloppy.cjs") as { handOut: () => Sloppy }).handOut();
  assert.deepEqual(await inChild(ofModule), ["function", "function", true]);
});

test("methods with computed names: the name is what it came to, and not computed again", async () => {
  let times = 0;
  const name = (): string => `made ${++times}`;
  const holder: Record<string, () => unknown> = {
    [name()]() {
      return 5;
    },
    [name()]: async function* () {
      yield 6;
    },
  };
  const first = holder["made 1"]!;
  const answer = await inChild(
    async (method, object) => [method(), method.name, object["made 1"]!(), Object.keys(object)],
    first,
    holder,
  );
  assert.deepEqual(answer, [5, "made 1", 5, ["made 1", "made 2"]]);
  assert.equal(times, 2);
});

test("fields with computed names cross where the name is written out, and are refused where it was computed", async () => {
  class Named {
    ["a-b"] = 1;
    [`c`] = 2;
    [Symbol.toStringTag] = "Named";
    static [Symbol.iterator] = 3;
  }
  const answer = await inChild(() => [
    Object.entries(new Named()),
    new Named()[Symbol.toStringTag],
    Named[Symbol.iterator],
  ]);
  const entries = [
    ["a-b", 1],
    ["c", 2],
  ];
  assert.deepEqual(answer, [entries, "Named", 3]);
  const again = async <T>(value: T): Promise<T> => (await decode(encode(value).bytes)) as T;
  const Copy = await again(await again(Named));
  assert.equal(new Copy()[Symbol.toStringTag], "Named");
  const key = `k${process.pid}`;
  class Computed {
    [key] = 1;
  }
  assert.throws(() => encode(Computed), { code: "ERR_MP_UNSERIALIZABLE", message: /field with a computed name/ });
});

test("private static fields have the values that they had; private methods and accessors stay", async () => {
  class Meter {
    static #count = 5;
    static #never: string | undefined;
    static #self: typeof Meter | undefined;
    static bump(): number {
      Meter.#self = Meter;
      return ++Meter.#count;
    }
    static #hidden(): string {
      return `hidden ${String(Meter.#never)}`;
    }
    static open(): unknown[] {
      return [Meter.#hidden(), Meter.#self === Meter];
    }
  }
  Meter.bump();
  assert.deepEqual(await inChild(() => [Meter.open(), Meter.bump()]), [["hidden undefined", true], 7]);
  assert.equal(Meter.bump(), 7);
});

test("variables whose names the library might use itself are the user's", async () => {
  const [$i, $v, $_i, $importMeta, $heritage, $key0, $plant] = [1, 2, 3, 4, 5, 6, 7];
  class Base {}
  const key = "k";
  class Derived extends Base {
    static #n = 8;
    [key](): number {
      return $heritage! + $key0! + $plant! + Derived.#n;
    }
  }
  const answer = await inChild(() => [
    $i,
    $v,
    $_i,
    $importMeta,
    new Derived().k(),
    typeof import.meta.url,
    new Derived() instanceof Base,
  ]);
  assert.deepEqual(answer, [1, 2, 3, 4, 26, "string", true]);
});

test("a function inside a function or class expression sees that one's own name", async () => {
  const outer = Object.assign(
    function own(n: number): () => unknown {
      return () => [own === own, (own as unknown as { label: string }).label, n];
    },
    { label: "mine" },
  );
  assert.deepEqual(await inChild(outer(3)), [true, "mine", 3]);
  const Outer = class Own {
    static readonly label = "class";
    static make(): () => unknown {
      return () => Own.label;
    }
  };
  assert.deepEqual(await inChild(Outer.make()), "class");
});

test("a subclass of Process with private state is refused before anything is started", async () => {
  class Secretive extends Process {
    #secret = 1;
    override run(): number {
      return this.#secret;
    }
  }
  await assert.rejects(new Secretive().start(), { code: "ERR_MP_UNSERIALIZABLE", message: /#secret/ });
});

test("the texts of a template keep their raw forms", async () => {
  const texts = ((strings: TemplateStringsArray) => strings)`a\n`;
  const answer = await inChild((strings) => [strings[0], strings.raw[0], Object.isFrozen(strings)], texts);
  assert.deepEqual(answer, ["a\n", "a\\n", true]);
});

test("a module that was imported or required crosses as that module, as an argument too", async () => {
  const required = fromSources("./sloppy.cjs") as object;
  const answer = await inChild((builtin, other) => [builtin.join("a", "b"), Object.keys(other)], path, required);
  assert.deepEqual(answer, ["a/b", ["handOut"]]);
  assert.ok(encode(required).bytes.length < 200);
});

test("what is inside the exports of node: modules, and Node's own objects, are found on the other side", async () => {
  const { readFile } = fsPromises;
  const { join: joined } = path.posix;
  const { log } = console;
  const { env, nextTick } = process;
  const { on } = EventEmitter.prototype;
  const web = crypto;
  const clock = performance;
  const answer = await inChild(() => [
    readFile === promises.readFile,
    joined("a", "b"),
    log === console.log,
    env === process.env,
    nextTick === process.nextTick,
    on === EventEmitter.prototype.on,
    web === crypto,
    clock === performance,
  ]);
  assert.deepEqual(answer, [true, "a/b", true, true, true, true, true, true]);
});

test("what is frozen, sealed or closed stays so: functions, classes, instances", async () => {
  class Point {
    x = 1;
  }
  const f = Object.freeze(() => 1);
  const answer = await inChild(
    (frozen, sealed, closed, itsFunction, itsClass) => [
      Object.isFrozen(frozen),
      Object.isSealed(sealed) && !Object.isFrozen(sealed),
      !Object.isExtensible(closed) && !Object.isSealed(closed),
      Object.isFrozen(itsFunction),
      Object.isExtensible(itsClass),
    ],
    Object.freeze(new Point()),
    Object.seal(new Point()),
    Object.preventExtensions(new Point()),
    f,
    Point,
  );
  assert.deepEqual(answer, [true, true, true, true, true]);
});

test("subclasses of URL and URLSearchParams keep what they hold", async () => {
  class Link extends URL {
    label = "here";
    shout(): string {
      return `${this.host}!`;
    }
  }
  class Query extends URLSearchParams {
    first(): string {
      return [...this.keys()][0]!;
    }
  }
  const answer = await inChild(
    (link, query) => [link.shout(), link.href, link.label, query.first(), query.get("b")],
    new Link("http://a.example/x?y=1#z"),
    new Query("a=1&b=2"),
  );
  assert.deepEqual(answer, ["a.example!", "http://a.example/x?y=1#z", "here", "a", "2"]);
});

test("a copy of a copy is as good as the copy: import.meta, heritage, computed names, private fields, shared variables", async () => {
  const again = async <T>(value: T): Promise<T> => (await decode(encode(value).bytes)) as T;
  const meta = await again(await again(() => import.meta.url));
  assert.equal(meta(), import.meta.url);
  const key = "made";
  class Base {
    value(): number {
      return 1;
    }
  }
  class Derived extends Base {
    static #secret = 2;
    static times = 3;
    [key](): number {
      return super.value() + Derived.#secret + Derived.times;
    }
  }
  const Copy = await again(await again(Derived));
  assert.equal(new Copy().made(), 6);
  const counter = (): { up: () => number; read: () => number } => {
    let n = 0;
    return { up: () => ++n, read: () => n };
  };
  const first = await again(counter());
  first.up();
  const second = decodeSync(encode(first).bytes) as typeof first;
  second.up();
  assert.deepEqual([first.read(), second.read()], [1, 2]);
});

test("exports of a module go by value while it is evaluated, and by reference afterwards, from anonymous callbacks too", () => {
  assert.deepEqual([duringEvaluation, inCallbackDuringEvaluation, afterwards()], [false, false, true]);
});

test("the initialiser of a private static field is not evaluated again, however it is written", () => {
  let evaluated = 0;
  class Meter {
    static #first = (evaluated++, 2);
    static #second = evaluated++;
    static sum(): number {
      return Meter.#first + Meter.#second;
    }
  }
  const Copy = decodeSync(encode(Meter).bytes) as typeof Meter;
  assert.deepEqual([Copy.sum(), evaluated], [3, 2]);
});

test("functions cross in a program that has imported JSON", async () => {
  await import(pathToFileURL(join(projectRoot, "package.json")).href, { with: { type: "json" } });
  const word = "sent";
  assert.equal((decodeSync(encode(() => word).bytes) as () => string)(), "sent");
});

test("the example of docs/functions.md answers what it says", async () => {
  let total = 0;
  const add = (n: number): number => (total += n);
  assert.deepEqual(await inChild(() => [add(1), add(2), total]), [1, 3, 3]);
  assert.equal(total, 0);
});
