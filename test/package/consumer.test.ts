/** The package as a user gets it: packed, installed into an empty project without a compiler, by every door. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { after, before, test } from "node:test";
import { startNode, type Ended } from "../support/programs.ts";
import { projectRoot } from "../support/project.ts";

const folder = mkdtempSync(join(tmpdir(), "consumer-"));
const installed = join(folder, "node_modules", "node-multiprocessing");
/** Nothing but Node: no compiler, no package manager. */
const bin = join(folder, "bin");
const environment = { ...process.env, PATH: bin };
let packed: string[];

function npm(args: readonly string[], cwd: string): string {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  const program = folders.map((each) => join(each, "npm")).find((each) => existsSync(each));
  assert.ok(program !== undefined, "npm is on the path");
  const env = { ...process.env, npm_config_audit: "false", npm_config_fund: "false" };
  return execFileSync(program, args, { cwd, env, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

function pack(what: string): string {
  const made = npm(["pack", what, "--ignore-scripts", "--json", "--pack-destination", folder], projectRoot);
  const [{ filename, files }] = JSON.parse(made) as [{ filename: string; files: { path: string }[] }];
  packed = files.map(({ path }) => path);
  return join(folder, filename);
}

before(() => {
  mkdirSync(bin);
  symlinkSync(process.execPath, join(bin, "node"));
  execFileSync(process.execPath, [join(projectRoot, "scripts", "prebuild.js"), "--quiet"], { stdio: "pipe" });
  // Its dependencies, and theirs, from here, so that no registry is asked.
  const bar = [
    "cli-progress",
    "string-width",
    "strip-ansi",
    "strip-ansi/node_modules/ansi-regex",
    "emoji-regex",
    "is-fullwidth-code-point",
  ];
  const parts = ["acorn", ...bar].map((name) => pack(join(projectRoot, "node_modules", name)));
  parts.push(pack(projectRoot));
  writeFileSync(join(folder, "package.json"), '{ "private": true }');
  npm(["install", "--offline", ...parts], folder);
});
after(() => rmSync(folder, { recursive: true, force: true }));

const run = (file: string): Promise<Ended> => startNode([join(folder, file)], { cwd: folder, env: environment }).ended;

const body = `
const base = 40;
const child = new Process({ target: (n) => base + n, args: [2] });
child.start().then(async () => { console.log(await child.result); await child.join(); });
`;

test("it holds prebuilt addons only: none of the builder's own, no install script, no binding.gyp", () => {
  const addons = packed.filter((path) => /\.(?:node|so)$/.test(path));
  const folderOfAll = join(projectRoot, "native", "prebuilt");
  const targets = existsSync(folderOfAll) ? readdirSync(folderOfAll).sort() : [];
  assert.deepEqual(
    addons.sort(),
    targets.flatMap((target) =>
      ["heap_places.so", "node_multiprocessing.node"].map((file) => `native/prebuilt/${target}/${file}`),
    ),
  );
  const own = /binding\.gyp|^(?:test|scripts|bench|examples|build|docs\/)|\.stamp$|^native\/(?!prebuilt\/)/;
  assert.deepEqual(
    packed.filter((path) => own.test(path)),
    [],
  );
  const { scripts } = JSON.parse(readFileSync(join(installed, "package.json"), "utf8")) as {
    scripts: Record<string, string>;
  };
  for (const name of ["preinstall", "install", "postinstall"]) assert.ok(!(name in scripts), name);
});

test("ESM: a closure runs in another process", async () => {
  writeFileSync(join(folder, "main.mjs"), `import { Process } from "node-multiprocessing";${body}`);
  const { stdout, stderr, code } = await run("main.mjs");
  assert.deepEqual([code, stdout, stderr], [0, "42\n", ""]);
});

test("a queue, a lock, shared memory and a pool work by the prebuilt addon", async (t) => {
  if (!existsSync(join(installed, "native"))) return t.skip("no prebuilt addon: no compiler here");
  writeFileSync(
    join(folder, "shared.mjs"),
    `import { Lock, Pool, Process, Queue, SharedArray } from "node-multiprocessing";
const [queue, lock, array] = [new Queue(), new Lock(), new SharedArray(Int32Array, 1)];
const children = [1, 2].map((n) => new Process({ target: async () => {
  for (let i = 0; i < 50; i++) await lock.withLock(() => { array.array[0] += n; });
  await queue.put(n);
} }));
await Promise.all(children.map((child) => child.start()));
console.log(await queue.get() + await queue.get(), array.array[0]);
await Promise.all(children.map((child) => child.join()));
const pool = new Pool(2);
console.log((await pool.map((n) => n * 10, [1, 2, 3])).join());
pool.close();
await pool.join();`,
  );
  const { stdout, stderr, code } = await run("shared.mjs");
  assert.deepEqual([code, stdout, stderr], [0, "3 150\n10,20,30\n", ""]);
});

test("what the package offers is found again in a child, however a closure holds it", async () => {
  const body = `
const { Queue, TimeoutError } = lib;
const put = Queue.prototype.put;
const held = { lib, log: lib.getLogger(), me: lib.currentProcess() };
class Mine extends lib.Process {
  run() { return [lib.Queue === Queue, held.lib.Queue === Queue, put === Queue.prototype.put, new TimeoutError("x") instanceof Error, held.me.name]; }
}
const child = new Mine();
child.start().then(async () => { console.log(JSON.stringify(await child.result)); await child.join(); });`;
  writeFileSync(join(folder, "held.mjs"), `const lib = await import("node-multiprocessing");${body}`);
  writeFileSync(join(folder, "held.cjs"), `const lib = require("node-multiprocessing");${body}`);
  for (const file of ["held.mjs", "held.cjs"]) {
    const { stdout, stderr, code } = await run(file);
    assert.deepEqual([code, stdout, stderr], [0, '[true,true,true,true,"MainProcess"]\n', ""], file);
  }
});

test("CommonJS: the same; and both doors lead to one instance", async () => {
  writeFileSync(
    join(folder, "main.cjs"),
    `const { Process } = require("node-multiprocessing");${body}
import("node-multiprocessing").then((esm) => console.log(esm.Process === Process));`,
  );
  const { stdout, stderr, code } = await run("main.cjs");
  assert.deepEqual([code, stdout.split("\n").sort(), stderr], [0, ["", "42", "true"], ""]);
});

test("TypeScript (nodenext): the types are found, and right", () => {
  for (const name of ["@types", "undici-types"]) {
    symlinkSync(join(projectRoot, "node_modules", name), join(folder, "node_modules", name));
  }
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  writeFileSync(
    join(folder, "main.ts"),
    `import { Process } from "node-multiprocessing";
import { SharedMemory } from "node-multiprocessing/shared-memory";
export const size: number = SharedMemory.open("name").size;
const child = new Process({ target: (n: number) => String(n), args: [1] });
export const result: Promise<string> = child.result;
`,
  );
  const compiler = join(projectRoot, "node_modules", "typescript", "bin", "tsc");
  const options = ["--noEmit", "--strict", "--module", "nodenext", "--target", "es2023", "--types", "node", "main.ts"];
  execFileSync(process.execPath, [compiler, ...options], { cwd: folder, stdio: "pipe" });
});

test("the addon that came with it is the one that is used, by the fork server too", async (t) => {
  const target = `linux-${process.arch}-glibc`;
  const file = join(installed, "native", "prebuilt", target, "node_multiprocessing.node");
  if (!existsSync(file)) return t.skip(`no prebuilt addon for ${target}: no compiler here`);
  writeFileSync(
    join(folder, "method.mjs"),
    `import { getStartMethod } from "node-multiprocessing"; console.log(getStartMethod());`,
  );
  assert.equal((await run("method.mjs")).stdout, "forkserver\n");
  const doctor = await startNode([join(installed, "dist", "entry", "mp-main.js"), "doctor"], { env: environment })
    .ended;
  assert.match(doctor.stdout, /native addon +.*native\/prebuilt\//);
});

test("where the package has no addon for the machine, mp doctor says what a user of the package can do", async (t) => {
  const [native, away] = [join(installed, "native"), join(folder, "away")];
  if (!existsSync(native)) return t.skip("no prebuilt addon: no compiler here");
  renameSync(native, away);
  try {
    const { stdout } = await startNode([join(installed, "dist", "entry", "mp-main.js"), "doctor"]).ended;
    assert.match(stdout, /missing: the package has none for linux-\w+-\w+\n +do this: .*npm pack/);
    assert.match(stdout, /start method spawn +can be used; chosen by default/);
  } finally {
    renameSync(away, native);
  }
});

test("importing it starts nothing, and prints nothing", async () => {
  const text = `import "node-multiprocessing"; import fs from "node:fs";
const children = fs.readFileSync("/proc/self/task/" + process.pid + "/children", "utf8");
console.log(JSON.stringify([children, process.getActiveResourcesInfo().filter((each) => !/Pipe|TTY|CloseReq|FSReq/.test(each))]));`;
  writeFileSync(join(folder, "quiet.mjs"), text);
  const { stdout, stderr } = await run("quiet.mjs");
  assert.deepEqual([JSON.parse(stdout), stderr], [["", []], ""]);
});

test("the door ./shared-memory leads to the same classes, from both kinds of modules", async () => {
  writeFileSync(
    join(folder, "doors.cjs"),
    `const { SharedMemory, ShareableList } = require("node-multiprocessing/shared-memory");
const all = require("node-multiprocessing");
import("node-multiprocessing/shared-memory").then((esm) =>
  console.log([all, esm].every((door) => door.SharedMemory === SharedMemory && door.ShareableList === ShareableList)));`,
  );
  const { stdout, stderr, code } = await startNode([join(folder, "doors.cjs")], { cwd: folder }).ended;
  assert.deepEqual([code, stdout, stderr], [0, "true\n", ""]);
});
