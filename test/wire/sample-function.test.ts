/** The function with which a fork server rehearses. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeSync } from "#src/wire/codec.js";
import { sampleFunction } from "#src/wire/sample-function.js";

test("the sample is a message as any other: a function that reads what it has captured", () => {
  const made = decodeSync(sampleFunction()) as () => number;
  assert.equal(made(), 1);
});
