/** The soak's short form: some laps of it, and nothing that is counted has grown. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { startNode } from "../support/programs.ts";
import { projectRoot } from "../support/project.ts";
import { allowedGrowth, growthOf, type Measure, type Sample } from "./growth.ts";

test("mixed work with real libraries in forked children leaves memory and descriptors as they were", async () => {
  const program = join(projectRoot, "build", "test", "soak", "soak-main.js");
  const { code, stdout, stderr } = await startNode([program, "--seconds", "5"]).ended;
  assert.deepEqual([code, stderr], [0, ""], `${stdout}\n${stderr}`);
  assert.match(stdout, /flat +descriptors /);
});

test("growth is seen: of a third's median against another's, not of one sample", () => {
  const measures = Object.keys(allowedGrowth) as Measure[];
  const flat = Object.fromEntries(measures.map((measure) => [measure, 10])) as Sample;
  const leaking = Array.from({ length: 30 }, (_, n) => ({ ...flat, descriptors: 10 + n }));
  const spike = Array.from({ length: 30 }, (_, n) => ({ ...flat, descriptors: n === 29 ? 900 : 10 }));
  const grown = (samples: Sample[]): Measure[] =>
    growthOf(samples)
      .filter((each) => each.grown)
      .map(({ measure }) => measure);
  assert.deepEqual([grown(leaking), grown(spike)], [["descriptors"], []]);
});
