/** The short form of `npm run chaos`: each storm for a few seconds. */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { test } from "node:test";
import { leaveNothingBehind } from "../support/leaks.ts";
import { forEachStartMethod } from "../support/methods.ts";
import type { Storm } from "./storm.ts";

const seed = 20_261;
const seconds = 3;
const storms = readdirSync(import.meta.dirname).filter((file) => /^[a-z-]+\.js$/.test(file) && file !== "storm.js");

forEachStartMethod((_, method) => {
  leaveNothingBehind();

  for (const file of storms) {
    test(`the storm over ${file.replace(".js", "")} harms nobody but those who are killed`, async () => {
      const { run } = (await import(`./${file}`)) as { run: Storm };
      const { kills, problems } = await run(seed, seconds, method);
      assert.deepEqual(problems, []);
      assert.ok(kills > 10);
    });
  }
});
