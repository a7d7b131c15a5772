/** The package as a user gets it: packed, unpacked into an empty project, by every door. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { startNode } from "../support/programs.ts";
import { projectRoot } from "../support/project.ts";

let folder: string;

before(() => {
  folder = mkdtempSync(join(tmpdir(), "consumer-"));
  execFileSync("npm", ["pack", "--ignore-scripts", "--pack-destination", folder], {
    cwd: projectRoot,
    stdio: "ignore",
  });
  const tarball = readdirSync(folder).find((file) => file.endsWith(".tgz"))!;
  const target = join(folder, "node_modules", "node-multiprocessing");
  mkdirSync(target, { recursive: true });
  execFileSync("tar", ["xzf", join(folder, tarball), "-C", target, "--strip-components=1"]);
  for (const name of ["acorn", "@types", "undici-types"]) {
    symlinkSync(join(projectRoot, "node_modules", name), join(folder, "node_modules", name));
  }
});
after(() => rmSync(folder, { recursive: true, force: true }));

const body = `
const base = 40;
const child = new Process({ target: (n) => base + n, args: [2] });
child.start().then(async () => { console.log(await child.result); await child.join(); });
`;

test("ESM: a closure runs in another process", async () => {
  writeFileSync(join(folder, "main.mjs"), `import { Process } from "node-multiprocessing";${body}`);
  const { stdout, stderr, code } = await startNode([join(folder, "main.mjs")], { cwd: folder }).ended;
  assert.deepEqual([code, stdout, stderr], [0, "42\n", ""]);
});

test("CommonJS: the same; and both doors lead to one instance", async () => {
  writeFileSync(
    join(folder, "main.cjs"),
    `const { Process } = require("node-multiprocessing");${body}
import("node-multiprocessing").then((esm) => console.log(esm.Process === Process));`,
  );
  const { stdout, stderr, code } = await startNode([join(folder, "main.cjs")], { cwd: folder }).ended;
  assert.deepEqual([code, stdout.split("\n").sort(), stderr], [0, ["", "42", "true"], ""]);
});

test("TypeScript (nodenext): the types are found, and right", () => {
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  writeFileSync(
    join(folder, "main.ts"),
    `import { Process } from "node-multiprocessing";
const child = new Process({ target: (n: number) => String(n), args: [1] });
export const result: Promise<string> = child.result;
`,
  );
  const compiler = join(projectRoot, "node_modules", ".bin", "tsc");
  const options = ["--noEmit", "--strict", "--module", "nodenext", "--target", "es2023", "--types", "node", "main.ts"];
  execFileSync(compiler, options, { cwd: folder, stdio: "pipe" });
});

test("importing it starts nothing, and prints nothing", async () => {
  const text = `import "node-multiprocessing"; import fs from "node:fs";
const children = fs.readFileSync("/proc/self/task/" + process.pid + "/children", "utf8");
console.log(JSON.stringify([children, process.getActiveResourcesInfo().filter((each) => !/Pipe|TTY|CloseReq|FSReq/.test(each))]));`;
  writeFileSync(join(folder, "quiet.mjs"), text);
  const { stdout, stderr } = await startNode([join(folder, "quiet.mjs")], { cwd: folder }).ended;
  assert.deepEqual([JSON.parse(stdout), stderr], [["", []], ""]);
});
