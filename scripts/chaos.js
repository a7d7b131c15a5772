/**
 * Storms of kills over each part that must survive them. `npm run chaos -- [part …] [--seed n] [--seconds n] [--method m]`
 *
 * A part is a file of `test/chaos/` that exports `run(seed, seconds, method)`; the seconds are shared out among them, and
 * without --method among the start methods: most go to the fork server, by which many times as many can be killed.
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { build } from "./build.js";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seed: { type: "string" }, seconds: { type: "string" }, method: { type: "string" } },
});
await build();
const folder = fileURLToPath(new URL("../build/test/chaos/", import.meta.url));
const parts = readdirSync(folder)
  .filter((file) => /^[a-z-]+\.js$/.test(file) && file !== "storm.js")
  .map((file) => file.replace(".js", ""))
  .filter((part) => positionals.length === 0 || positionals.includes(part));
const { getAllStartMethods } = await import("../dist/index.js");
const seed = Number(values.seed ?? Math.trunc(Math.random() * 1e9));
const seconds = Number(values.seconds ?? 60) / Math.max(1, parts.length);
/** Of a part's seconds. */
const spawnsShare = 0.15;
const shares =
  values.method === undefined && getAllStartMethods().includes("forkserver")
    ? { forkserver: 1 - spawnsShare, spawn: spawnsShare }
    : { [values.method ?? "spawn"]: 1 };
console.log(`seed ${seed}, ${seconds} s for each of ${parts.join(", ")}`);

let failed = parts.length === 0;
let all = 0;
for (const part of parts) {
  const { run } = await import(join(folder, `${part}.js`));
  for (const [method, share] of Object.entries(shares)) {
    const { kills, problems, notes } = await run(seed, seconds * share, method);
    const facts = Object.entries(notes).map(([name, value]) => `${name} ${value}`);
    console.log(`${part}, ${method}: ${kills} kills, ${problems.length} problems (${facts.join(", ")})`);
    for (const problem of problems) console.log(`  ${problem}`);
    failed ||= problems.length > 0;
    all += kills;
  }
}
console.log(`${all} kills, ${failed ? "and something is wrong" : "and nothing is wrong"}`);
process.exitCode = failed ? 1 : 0;
