/** Main modules of every kind: CommonJS, `-e`, stdin, TypeScript by Node's own type stripping, TypeScript by tsx. */
import assert from "node:assert/strict";
import { copyFileSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { startNode } from "../support/programs.ts";
import { projectRoot } from "../support/project.ts";

const main = (name: string): string => join(projectRoot, "test", "mains", name);
const stripsTypes = (process.features as { typescript?: unknown }).typescript === "strip";

const withoutDeprecations = (stderr: string): string => stderr.replace(/^.*(?:DEP0205|trace-deprecation).*\n/gm, "");

test("a CommonJS main: its variables, require, sloppy functions", async () => {
  const { stdout, stderr, code } = await startNode([main("commonjs-main.cjs")]).ended;
  assert.deepEqual([code, stderr], [0, ""]);
  assert.deepEqual(JSON.parse(stdout), ["a/b", "function", 5, 2, true, "string", true]);
});

test("a CommonJS main in TypeScript under tsx: require() finds the library where hooks load CommonJS", async () => {
  const folder = join(projectRoot, "build", "mains");
  mkdirSync(folder, { recursive: true });
  const file = join(folder, "commonjs-main.cts");
  copyFileSync(main("commonjs-main.cjs"), file);
  const { stdout, stderr, code } = await startNode(["--import", "tsx", file], { cwd: projectRoot }).ended;
  assert.deepEqual([code, withoutDeprecations(stderr)], [0, ""]);
  assert.deepEqual(JSON.parse(stdout), ["a/b", "function", 5, 2, true, "string", true]);
});

/** As `-e` and stdin have it: `require` and its kin are properties of globalThis. */
const program = (more: string): string => `
const { Process } = require("node-multiprocessing");
let count = 0;
const up = () => ++count;
const target = () => [up(), count, require("node:path").sep, typeof module.require, typeof exports, __filename.length, ${more}];
const child = new Process({ target });
child.start().then(async () => { console.log(JSON.stringify(await child.result)); await child.join(); });`;

test("a program from -e: its variables, what Node defines for it only, and each node: module by its name", async () => {
  const text = program('os.EOL, typeof crypto.createHash, require("./package.json").name');
  const { stdout, stderr, code } = await startNode(["-e", text], { cwd: projectRoot }).ended;
  assert.deepEqual([code, stderr], [0, ""]);
  const answer = [1, 1, "/", "function", "object", 6, "\n", "function", "node-multiprocessing"];
  assert.deepEqual(JSON.parse(stdout), answer);
});

test("a program from stdin: CommonJS, and a module", async () => {
  const module = `import { sep } from "node:path";
import { createRequire } from "node:module";
const require = createRequire(import.meta.url);
const [module, exports, __filename] = [{ require }, {}, "[file]"];
${program("(await import('node:os')).EOL, sep").replace("= () => [up", "= async () => [up")}`;
  for (const [args, text, more] of [
    [[], program("typeof createHash"), ["undefined"]],
    [["--input-type=module"], module, ["\n", "/"]],
  ] as const) {
    const { child, ended } = startNode([...args, "-"], { cwd: projectRoot, stdio: ["pipe", "pipe", "pipe"] });
    child.stdin!.end(text);
    const { stdout, stderr, code } = await ended;
    assert.deepEqual([code, stderr], [0, ""]);
    const name = more.length === 1 ? "[stdin]" : "[file]";
    assert.deepEqual(JSON.parse(stdout), [1, 1, "/", "function", "object", name.length, ...more]);
  }
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
  assert.deepEqual([code, withoutDeprecations(stderr)], [0, ""]);
  const answer = JSON.parse(stdout) as unknown[];
  assert.deepEqual(answer.slice(0, 4), expected);
  const lines = readFileSync(main("typescript-main.ts"), "utf8").split("\n");
  const line = 1 + lines.findIndex((text) => text.includes('new Error("here")'));
  assert.match(String(answer[4]), new RegExp(`typescript-main\\.ts:${line}:`));
});
