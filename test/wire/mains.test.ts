/** Main modules of every kind: CommonJS, TypeScript by Node's own type stripping, TypeScript by tsx. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { startNode } from "../support/programs.ts";
import { projectRoot } from "../support/project.ts";

const main = (name: string): string => join(projectRoot, "test", "mains", name);
const stripsTypes = (process.features as { typescript?: unknown }).typescript === "strip";

test("a CommonJS main: its variables, require, sloppy functions", async () => {
  const { stdout, stderr, code } = await startNode([main("commonjs-main.cjs")]).ended;
  assert.deepEqual([code, stderr], [0, ""]);
  assert.deepEqual(JSON.parse(stdout), ["a/b", "function", 5, 2, true, "string", true]);
});

const expected = ["typed/x", 2, 9, 2];

test("a TypeScript main under Node's own type stripping", { skip: !stripsTypes }, async () => {
  const { stdout, stderr, code } = await startNode([
    "--disable-warning=ExperimentalWarning",
    main("typescript-main.ts"),
  ]).ended;
  assert.deepEqual([code, stderr], [0, ""]);
  const answer = JSON.parse(stdout) as unknown[];
  assert.deepEqual(answer.slice(0, 4), expected);
  const lines = readFileSync(main("typescript-main.ts"), "utf8").split("\n");
  const line = 1 + lines.findIndex((text) => text.includes('new Error("here")'));
  assert.match(String(answer[4]), new RegExp(`^typescript-main\\.ts:${line}:`));
});

test("a TypeScript main under tsx: spawn is taken by itself, and places are those of the source", async () => {
  const { stdout, stderr, code } = await startNode(["--import", "tsx", main("typescript-main.ts")], {
    cwd: projectRoot,
  }).ended;
  assert.deepEqual([code, stderr.replace(/^.*(?:DEP0205|trace-deprecation).*\n/gm, "")], [0, ""]);
  const answer = JSON.parse(stdout) as unknown[];
  assert.deepEqual(answer.slice(0, 4), expected);
  const lines = readFileSync(main("typescript-main.ts"), "utf8").split("\n");
  const line = 1 + lines.findIndex((text) => text.includes('new Error("here")'));
  assert.match(String(answer[4]), new RegExp(`typescript-main\\.ts:${line}:`));
});
