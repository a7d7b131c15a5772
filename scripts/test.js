/**
 * Runs the compiled tests with the Node that runs this script. `node scripts/test.js [part of a file's name ...]`
 *
 * Not `node --test`: what it makes of a folder or a glob differs between Node 20, 22 and 24.
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { run } from "node:test";
import { spec } from "node:test/reporters";
import { fileURLToPath } from "node:url";
import { build } from "./build.js";

if (process.env["NODE_MULTIPROCESSING_BUILT"] === undefined) await build();

const folder = fileURLToPath(new URL("../build/test/", import.meta.url));
const wanted = process.argv.slice(2);
const all = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) => /\.test\.c?js$/.test(file));
// One that matches nothing is a mistake, whatever the others match: its tests would be taken for run.
const unmatched = wanted.filter((part) => !all.some((file) => file.includes(part)));
if (unmatched.length > 0) {
  console.error(
    `No test file matches: ${unmatched.join(" ")}\n  do this:  name a part of its path below test/, as in "channel/queue"`,
  );
  process.exit(1);
}
const files = all
  .filter((file) => wanted.length === 0 || wanted.some((part) => file.includes(part)))
  .map((file) => join(folder, file))
  .sort();

let passed = 0;
let failed = 0;
let skipped = 0;
const stream = run({ files, concurrency: 2, timeout: 300_000 });
const counts = ({ type, details, skip, todo }, which) => {
  if (details?.type === "suite" || type === "suite") return;
  if (skip !== undefined || todo !== undefined) skipped++;
  else if (which === "pass") passed++;
  else failed++;
};
stream.on("test:pass", (data) => counts(data, "pass"));
stream.on("test:fail", (data) => counts(data, "fail"));
stream.on("end", () => {
  process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
  setImmediate(() => console.log(`\n${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`));
});
stream.compose(spec).pipe(process.stdout);
