/**
 * Builds everything that the other scripts run: the library, its tests, its examples, and the addon.
 * Incremental: when nothing has changed it costs a fraction of a second, so each command may call it.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildNative } from "./build-native.js";
import { bundle } from "./bundle.js";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");

function compilerProgram() {
  const manifest = createRequire(import.meta.url).resolve("typescript/package.json");
  return join(dirname(manifest), "bin", existsSync(join(dirname(manifest), "bin", "tsc")) ? "tsc" : "tsc.js");
}

/** tsc -b leaves a project alone whose record of the last build is there, even when its output is gone. */
function outputIsMissing() {
  const has = (folder) => existsSync(join(root, folder)) && readdirSync(join(root, folder)).length > 0;
  return !["dist", "build/test", "build/examples"].every(has);
}

export async function build() {
  const force = outputIsMissing() ? ["--force"] : [];
  const typescript = spawnSync(process.execPath, [compilerProgram(), "-b", ...force], { cwd: root, stdio: "inherit" });
  if (typescript.status !== 0) process.exit(typescript.status ?? 1);
  buildNative();
  await bundle(); // Which is tried out, and then wants the addon.
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await build();
