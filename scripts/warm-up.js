/**
 * Uses the bundle as programs do, so that V8 compiles what they need, and writes down what it has compiled.
 * `node warm-up.js <loader.cjs>`, with the options of a program or of a fork server.
 */
import { renameSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { setFlagsFromString } from "node:v8";

const [, , loader] = process.argv;
const isServer = process.execArgv.includes("--single-threaded");
// As `server-heap.ts` does, before all else: V8 takes back only what it compiled with the same options.
if (isServer) setFlagsFromString("--no-incremental-marking");
const load = createRequire(loader)(loader);

const captured = { number: 1 };
const closure = () => captured.number;

async function asProgram() {
  const { Process } = load("core").main;
  const child = new Process({ target: closure });
  await child.start();
  await child.result;
  await child.join();
}

async function asServer() {
  const { addonOrUndefined } = load("core")["host/addon.js"];
  const { rehearse } = load("programs")["process/rehearsal.js"];
  const addon = addonOrUndefined();
  if (addon !== undefined) await rehearse(addon, () => {});
}

await (isServer ? asServer() : asProgram());
for (const [file, data] of load.compiled()) {
  // Another process may read it at this moment.
  writeFileSync(`${file}.${process.pid}`, data);
  renameSync(`${file}.${process.pid}`, file);
}
