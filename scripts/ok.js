/** `npm run ok`: every check, one after the other, until one fails. What it says of each is shown only when it fails. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const terminal = process.stdout.isTTY === true;
const { name: packageName, version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const packed = mkdtempSync(join(tmpdir(), "packed-"));

const checks = [
  ["build", "node", "scripts/build.js"],
  ["format", "npx", "oxfmt", "--check", "src", "test", "examples", "scripts", "bench"],
  ["lint", "npx", "oxlint", "--type-aware", "--deny-warnings"],
  ["reference", "node", "scripts/docs.js", "--check"],
  ["prebuilt addons", "node", "scripts/prebuild.js"],
  ["pack", "npm", "pack", "--ignore-scripts", "--pack-destination", packed],
  ["package", "npx", "publint", "--strict"],
  ["types of the package", "npx", "attw", join(packed, `${packageName}-${version}.tgz`), "--no-emoji"],
  // Children that are killed write no coverage, so the floor is what the others show. Measured, less a margin.
  [
    "tests with coverage",
    "npx",
    "c8",
    "--reporter=text-summary",
    "--merge-async", // Thousands of processes write one: they do not fit in a heap together.
    "--check-coverage",
    "--lines=90",
    "--include=dist/**",
    "node",
    "scripts/test.js",
  ],
];

let failed = "";
for (const [name, command, ...args] of checks) {
  if (terminal) process.stdout.write(`${name} ...`);
  const start = performance.now();
  const { status, stdout, stderr } = spawnSync(command, args, {
    cwd: root,
    encoding: "utf8",
    env: { ...process.env, FORCE_COLOR: "0", NODE_MULTIPROCESSING_BUILT: "1" },
    maxBuffer: 2 ** 28,
  });
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  console.log(`${terminal ? "\r\x1b[K" : ""}${status === 0 ? "ok    " : "FAILED"}  ${name} (${seconds} s)`);
  if (status !== 0) {
    console.log(`${stdout}\n${stderr}`);
    failed = name;
    break;
  }
  const tests = /\d+ passed, \d+ failed.*/.exec(stdout)?.[0];
  if (tests !== undefined) console.log(`        ${tests}`);
}
rmSync(packed, { recursive: true });
process.exitCode = failed === "" ? 0 : 1;
