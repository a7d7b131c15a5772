/** A function that is sent again crosses as it is by then, however much was remembered of it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeSync, encode } from "#src/wire/codec.js";

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
