/**
 * Storms of kills over each part that must survive them. `npm run chaos -- [part …] [--seed n] [--seconds n] [--method m]`
 *
 * A part is a file of `test/chaos/` that exports `run(seed, seconds, method)`; the seconds are shared out among them.
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
const { getStartMethod } = await import("../dist/index.js");
const method = values.method ?? getStartMethod();
const seed = Number(values.seed ?? Math.trunc(Math.random() * 1e9));
const seconds = Number(values.seconds ?? 60) / Math.max(1, parts.length);
console.log(`seed ${seed}, start method ${method}, ${seconds} s for each of ${parts.join(", ")}`);

let failed = parts.length === 0;
for (const part of parts) {
  const { run } = await import(join(folder, `${part}.js`));
  const { kills, problems, notes } = await run(seed, seconds, method);
  const facts = Object.entries(notes).map(([name, value]) => `${name} ${value}`);
  console.log(`${part}: ${kills} kills, ${problems.length} problems (${facts.join(", ")})`);
  for (const problem of problems) console.log(`  ${problem}`);
  failed ||= problems.length > 0;
}
process.exitCode = failed ? 1 : 0;
