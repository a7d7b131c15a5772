/** What a fork server brings in ahead of its children: a target that is a module's costs them nothing of Node's own. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { pathToFileURL } from "node:url";
import { getAllStartMethods, getContext } from "#src/index.js";
import { whatWasRead } from "../modules/reads-at-import.ts";
import { projectRoot } from "../support/project.ts";
import { startNode } from "../support/programs.ts";

const skip = !getAllStartMethods().includes("forkserver");
const stripsTypes = (process.features as { typescript?: unknown }).typescript === "strip";
const folder = mkdtempSync(join(tmpdir(), "warm-modules-"));
after(() => rmSync(folder, { recursive: true, force: true }));

/** As an installed package has it, and as these tests do. */
const doors = { bundle: "dist/index.js", modules: "dist/doors/main.js" };

const common = `
import { readFile } from "node:fs/promises";
import { spawn } from "node:child_process";
import path from "node:path";
import os from "node:os";
import * as util from "node:util";
import data from "./data.json" with { type: "json" };
`;
/** The bundle itself is such a module, and has its server load what finds the names of its exports. */
const ofCommonJs = `import { named } from "./required.cjs";`;
const heavier = `
import crypto from "node:crypto";
import http from "node:http";
import https from "node:https";
import zlib from "node:zlib";
import assert from "node:assert";
import { createInterface } from "node:readline";
`;

const target = (door: string): string => `
import { Queue } from ${JSON.stringify(door)};
export const loaded = () => process.moduleLoadList;
export const isQueue = (value) => value instanceof Queue;
`;

/** More than what is brought in has parts. */
const mostSteps = 20;

const program = (door: string, module: string): string => `
import { Process, Queue } from ${JSON.stringify(door)};
import { isQueue, loaded } from "./${module}";
const run = async (target, ...args) => {
  const child = new Process({ target, args });
  await child.start();
  const result = await child.result;
  await child.join();
  return result;
};
const first = await run(() => process.moduleLoadList);
// The server brings in something after each, until it has all.
for (let i = 0; i < ${mostSteps}; i++) await run(() => 0);
const before = await run(() => process.moduleLoadList);
const after = await run(loaded);
const without = (some, others) => some.filter((name) => !others.includes(name));
console.log(JSON.stringify({
  more: without(after, before),
  same: await run(isQueue, new Queue()),
  firstLacks: without(before, first).length > 0,
}));
`;

/** All that its imports need is there, and its classes are its library's; the first child was not kept waiting for it. */
const warm = { more: [], same: true, firstLacks: true };

/** @param typed what is TypeScript, and nothing without its types taken out */
async function ask(door: string, modules: string, typed?: string, options: string[] = []): Promise<unknown> {
  const ending = typed === undefined ? "mjs" : "mts";
  const url = pathToFileURL(join(projectRoot, door)).href;
  writeFileSync(join(folder, "data.json"), "[1]");
  writeFileSync(join(folder, "required.cjs"), "exports.named = function () {};");
  writeFileSync(join(folder, `target.${ending}`), modules + target(url) + (typed ?? ""));
  writeFileSync(join(folder, `program.${ending}`), program(url, `target.${ending}`) + (typed ?? ""));
  const { code, stdout, stderr } = await startNode([...options, join(folder, `program.${ending}`)]).ended;
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout);
}

for (const [flavour, door] of Object.entries(doors)) {
  const modules = flavour === "bundle" ? common + ofCommonJs : common;
  test(`a child imports a module, as ${flavour}`, { skip }, async (t) => {
    await t.test("and Node loads nothing more of its own; the classes are those of its library", async () => {
      assert.deepEqual(await ask(door, modules), warm);
    });
    await t.test("likewise where that has heavier modules of Node's, which its owner has, too", async () => {
      assert.deepEqual(await ask(door, modules + heavier), warm);
    });
    await t.test("likewise of a module in TypeScript", { skip: !stripsTypes }, async () => {
      assert.deepEqual(await ask(door, modules, "const typed: number = 1;"), warm);
    });
    await t.test("where code of the user's runs in the server, all is done before the first child", async () => {
      writeFileSync(join(folder, "first.cjs"), "");
      const options = ["--require", join(folder, "first.cjs")];
      assert.deepEqual(await ask(door, modules, undefined, options), { ...warm, firstLacks: false });
    });
  });
}

test("a target's module is read in the child's own thread, and what it reads itself is as ever", { skip }, async () => {
  const child = new (getContext("forkserver").Process)({ target: whatWasRead });
  await child.start();
  assert.deepEqual(await child.result, [1, true, "ENOENT", true, "readFile"]);
  await child.join();
});
