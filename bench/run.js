/**
 * `npm run bench [-- --only <part or words of a row> …] [--json <file>] [--from <file>] [--write] [--rounds <factor>] [--list]`
 *
 * All rows, or those of a part (start, wire, sync, memory, channel, pool, curves). --from: rows that are not measured now
 * are taken from a file of --json, of the same machine and Node, so that one can be measured anew without the others.
 * What it compares with is installed into bench/node_modules when it is missing; where no registry can be reached, those
 * rows say so and the others are measured.
 */
import { fork, spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { build } from "../scripts/build.js";

const here = fileURLToPath(new URL(".", import.meta.url));
const { values: options } = parseArgs({
  options: {
    only: { type: "string", multiple: true, default: [] },
    json: { type: "string" },
    from: { type: "string" },
    write: { type: "boolean", default: false },
    rounds: { type: "string", default: "1" },
    list: { type: "boolean", default: false },
  },
});

const terminal = process.stderr.isTTY === true;
const notes = [];

function progress(text) {
  if (terminal) process.stderr.write(`\r\x1b[K${text.slice(0, (process.stderr.columns ?? 80) - 1)}`);
}

function installPeers() {
  if (existsSync(join(here, "node_modules", "vega"))) return;
  progress("installing what it compares with (bench/package.json) ...");
  const npm = spawnSync("npm", ["ci", "--no-audit", "--no-fund"], { cwd: here, encoding: "utf8" });
  if (npm.status === 0) return;
  const reason = npm.stderr?.split("\n").find((line) => /code E|errno/.test(line)) ?? "npm is not there";
  notes.push(
    `The pools of npm, and the library that plots, could not be installed (${reason.trim()}): their rows are skipped. By hand: cd bench && npm ci`,
  );
}

if (process.env["NODE_MULTIPROCESSING_BUILT"] === undefined) await build();
if (!options.list) installPeers();
// A certificate store that Node 20 reads at each start would slow down only those who start a new Node.
delete process.env["NODE_EXTRA_CA_CERTS"];

const { cpuCount } = await import("../dist/index.js");
const { findPython } = await import("./python.js");
const { markdown, terminalTable } = await import("./report.js");
const { allRows } = await import("./rows.js");
const wanted = allRows.filter(
  ({ part, name }) => options.only.length === 0 || options.only.some((each) => part === each || name.includes(each)),
);
if (options.list || wanted.length === 0) {
  if (wanted.length === 0) console.error(`No row is named like ${options.only.join(", ")}; there are:`);
  for (const { part, name } of allRows) console.log(`${part.padEnd(8)} ${name}`);
  process.exit(options.list ? 0 : 1);
}

const peer = findPython();
notes.push("why" in peer ? `No rows of CPython: ${peer.why}.` : `CPython ${peer.version} (${peer.command}).`);
const gibibytes = (totalmem() / 2 ** 30).toFixed(0);
const machine = `Node ${process.version}, ${cpuCount()} cores (${cpus()[0]?.model ?? "unknown"}), ${gibibytes} GiB, Linux ${release()}`;
const date = new Date().toISOString().slice(0, 10);
console.log(`${machine}, ${date}\n${notes.join("\n")}\n`);

const results = [];
const earlier = options.from === undefined ? undefined : JSON.parse(readFileSync(options.from, "utf8"));
if (earlier !== undefined && earlier.machine !== machine) {
  throw new Error(`${options.from} is of another machine: ${earlier.machine}`);
}

/** What is measured now, and for the other rows what was measured earlier. */
function everything() {
  const kept = new Map([...(earlier?.results ?? []), ...results].map((row) => [row.name, row]));
  return allRows.flatMap(({ name }) => kept.get(name) ?? []);
}

/** After each row: what ends this run leaves what it has. */
function save() {
  if (options.json === undefined) return;
  writeFileSync(options.json, `${JSON.stringify({ machine, date, notes, results: everything() }, null, 2)}\n`);
}

/** In a process of its own: what the rows before it have left in theirs (heap, compiled code, threads) is not there. */
function measured(name, where) {
  return new Promise((resolve, reject) => {
    const child = fork(join(here, "measure-row.js"), [name, options.rounds]);
    child.on("message", (message) => {
      if (message.progress !== undefined) progress(where + message.progress);
      else resolve(message.result);
    });
    child.on("error", reject);
    child.on("exit", (code, signal) =>
      reject(new Error(`The row "${name}" ended with ${signal ?? code} and no result`)),
    );
  });
}

for (const [index, { name }] of wanted.entries()) {
  const result = await measured(name, `[${index + 1}/${wanted.length}] `);
  results.push(result);
  save();
  progress("");
  console.log(`${terminalTable([result])}\n`);
}

const missed = results.filter((row) => row.reached === false);
const unmeasured = results.filter((row) => row.skipped !== undefined);
console.log(
  `${results.length} rows: ${results.filter((row) => row.reached === true).length} targets reached, ${missed.length} missed, ${unmeasured.length} not measured`,
);
if (options.write) {
  const docs = fileURLToPath(new URL("../docs/", import.meta.url));
  const drawn = await import("./plots.js")
    .then(({ draw }) => draw(everything(), join(docs, "plots")))
    .catch((error) => {
      if (error.code !== "ERR_MODULE_NOT_FOUND") throw error;
      console.error("The plots are not drawn: vega is not installed (cd bench && npm ci)");
      return [];
    });
  writeFileSync(join(docs, "benchmarks.md"), markdown(everything(), { machine, date, notes }, drawn));
  console.log("docs/benchmarks.md is written");
}
