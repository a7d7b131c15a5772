/** The benchmarks' harness: what is measured in turns, what is skipped, what a table says. No time is asserted. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { join } from "node:path";
import { startNode } from "../support/programs.ts";
import { projectRoot } from "../support/project.ts";

interface Result {
  readonly name: string;
  readonly skipped?: string;
  readonly reached?: boolean;
  readonly contenders: Record<string, { samples?: number[]; median?: number; ratio?: number; skipped?: string }>;
}
const load = (name: string): Promise<Record<string, (...args: unknown[]) => unknown>> =>
  import(pathToFileURL(join(projectRoot, "bench", name)).href);
const { measure } = (await load("harness.js")) as unknown as { measure(row: object, run: object): Promise<Result> };
const run = { available: new Set(["Process"]), scale: 1, progress() {} };

test("contenders are measured in turns, after one round that is not counted", async () => {
  const said: string[] = [];
  const contender = (name: string, value: number): object => ({
    open: () => void said.push(`${name} opens`),
    sample: () => (said.push(name), value),
    close: () => void said.push(`${name} closes`),
  });
  const row = {
    ...{ part: "test", name: "turns", unit: "ms", better: "less", rounds: 3 },
    target: { text: "≤ 3 ms", reached: (m: Record<string, number>) => m["a"]! <= 3 },
    contenders: () => ({ a: contender("a", 2), b: contender("b", 5) }),
  };
  const result = await measure(row, run);
  assert.deepEqual(said, [...["a opens", "b opens", "a", "b", "a", "b", "a", "b", "a", "b", "a closes", "b closes"]]);
  assert.deepEqual(result.contenders["a"]!.samples, [2, 2, 2]);
  assert.equal(result.contenders["b"]!.ratio, 2.5);
  assert.equal(result.reached, true);
});

test("what cannot be measured says why: a part that is missing, a contender that fails or is not there", async () => {
  const parts = { part: "test", name: "missing", unit: "/s", better: "more" };
  const waiting = await measure({ ...parts, needs: ["Process", "Teleporter"], contenders: () => ({}) }, run);
  assert.match(waiting.skipped!, /Teleporter/);
  const contenders = (): object => ({
    well: { sample: () => 10 },
    failing: {
      sample() {
        throw new Error("it broke");
      },
    },
    absent: { open: () => ({ skip: "not installed" }), sample: () => 1 },
  });
  const result = await measure({ ...parts, contenders }, run);
  assert.equal(result.contenders["well"]!.median, 10);
  assert.match(result.contenders["failing"]!.skipped!, /it broke/);
  assert.equal(result.contenders["absent"]!.skipped, "not installed");
});

test("npm run bench -- --list names a row for each part, and each curve that has a title has rows", async () => {
  const env = { ...process.env, NODE_MULTIPROCESSING_BUILT: "1" };
  const { stdout, code } = await startNode([join(projectRoot, "bench", "run.js"), "--list"], { env }).ended;
  assert.equal(code, 0);
  const parts = new Set(stdout.split("\n").map((line) => line.split(" ")[0]));
  for (const part of ["start", "wire", "sync", "channel", "pool", "curves"]) assert.ok(parts.has(part), part);
  const { curves } = (await load("curve-titles.js")) as unknown as { curves: Record<string, unknown> };
  const { default: rows } = (await load("curves.js")) as unknown as { default: readonly { readonly curve: string }[] };
  assert.deepEqual([...new Set(rows.map(({ curve }) => curve))], Object.keys(curves));
});
