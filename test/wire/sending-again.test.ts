/** A function that is sent again crosses as it is by then, however much was remembered of it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createRequire } from "node:module";
import { join } from "node:path";
import * as everything from "#src/index.js";
import { Process } from "#src/index.js";
import { decodeSync, encode } from "#src/wire/codec.js";
import { projectRoot } from "../support/project.ts";

const again = <T>(value: T): T => decodeSync(encode(value).bytes) as T;

const box = { n: 1 };
const list = [1];
const useBox = (): number => box.n + list.length;
let changing = 1;
const useChanging = (): number => changing;
const viaOther = (): number => useBox() + useChanging();

class Settings {
  static level = 1;
}
const useClass = (): number => Settings.level;

test("objects, classes and variables that change between sends cross as they are at each send", () => {
  for (let i = 1; i <= 5; i++) {
    box.n = i;
    list.push(i);
    changing = 10 * i;
    Settings.level = i;
    assert.equal(again(useBox)(), i + i + 1);
    assert.equal(again(useChanging)(), 10 * i);
    assert.equal(again(viaOther)(), i + i + 1 + 10 * i);
    assert.equal(again(useClass)(), i);
  }
});

test("variables assigned by loops, patterns and updates are not taken for constants", () => {
  let byLoop = 0;
  let byPattern = 0;
  let byUpdate = 0;
  const read = (): number[] => [byLoop, byPattern, byUpdate];
  for (let i = 1; i <= 4; i++) {
    for (byLoop of [i]);
    [byPattern] = [i];
    byUpdate++;
    assert.deepEqual(again(read)(), [i, i, i]);
  }
});

test("each closure of one maker keeps its own constants", () => {
  const made = [1, 2, 3].map((n) => {
    const own = n * 2;
    return () => own;
  });
  for (let round = 0; round < 4; round++)
    assert.deepEqual(
      made.map((each) => again(each)()),
      [2, 4, 6],
    );
});

test("a constant that had no value yet at the first sends has it later", () => {
  const early = (): unknown => late;
  for (let i = 0; i < 3; i++) {
    try {
      encode(early);
    } catch (error) {
      assert.equal((error as { code?: string }).code, "ERR_MP_UNSERIALIZABLE");
    }
  }
  const late = "now";
  for (let i = 0; i < 3; i++) assert.equal(again(early)(), "now");
});

test("a namespace that a copy was given is sent on by a function inside the copy", async () => {
  const child = new Process({
    target: async () => {
      const inner = new everything.Process({ target: () => typeof everything.getContext });
      await inner.start();
      return inner.result;
    },
  });
  await child.start();
  assert.equal(await child.result, "function");
  await child.join();
});

test("a function that goes on and comes back is the same to each process that it comes back to", async () => {
  const original = (n: number): number => n + box.n;
  const child = new Process({
    target: async (copy: typeof original) => {
      const inner = new Process({ target: (further: typeof original) => further, args: [copy] });
      await inner.start();
      const back = await inner.result;
      await inner.join();
      return [back === copy, back];
    },
    args: [original],
  });
  await child.start();
  const [sameThere, back] = await child.result;
  assert.equal(sameThere, true);
  assert.equal(back, original);
  await child.join();
});

test("a require function resolves from where it did, whatever it is called", () => {
  const elsewhere = createRequire(join(projectRoot, "test", "modules", "x.js"));
  const copy = again(() => elsewhere("./strict.cjs") as unknown);
  assert.equal(copy(), elsewhere("./strict.cjs"));
  {
    const require = elsewhere;
    assert.equal(again(() => require("./strict.cjs") as unknown)(), elsewhere("./strict.cjs"));
  }
});
