/**
 * Joins the compiled modules into a few files, and lets the package's doors lead there.
 *
 * Why: importing 180 small modules costs Node 0.4 ms each; a program that starts, and each spawned child, pays for all.
 * Tests of internals use the modules as tsc wrote them; programs that import the package by name, and the children of
 * those, use the bundle. One process never has both.
 */
import { build } from "esbuild";
import { createHash } from "node:crypto";
import { copyFileSync, existsSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const dist = join(root, "dist");
const doors = { "index.js": "main.js", "pool.js": "pool.js", "shared-memory.js": "shared-memory.js" };
const programs = ["child-main.js", "fork-server-main.js", "mp-main.js"];
const stampFile = join(root, "build", "bundle.stamp");

export async function bundle() {
  const stamp = stampOfModules();
  if (existsSync(stampFile) && readFileSync(stampFile, "utf8") === stamp) return;
  const folder = join(dist, "bundle");
  const fresh = join(dist, `bundle.${process.pid}`);
  await build({
    absWorkingDir: dist,
    entryPoints: [
      ...Object.values(doors).map((door) => join(dist, "doors", door)),
      ...programs.map((program) => join(dist, "entry", program)),
    ],
    outdir: fresh,
    outbase: dist,
    // What is found beside a module by its URL is one folder up from the bundle's files, as it is from the modules.
    chunkNames: "chunks/[hash]",
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node20",
    packages: "external",
    sourcemap: true,
    sourcesContent: false,
    legalComments: "none",
    logLevel: "warning",
  });
  copyFileSync(join(dist, "entry", "watchdog-main.cjs"), join(fresh, "entry", "watchdog-main.cjs"));
  rmSync(folder, { recursive: true, force: true });
  renameSync(fresh, folder);
  for (const [name, door] of Object.entries(doors)) {
    writeFileSync(join(dist, name), `export * from "./bundle/doors/${door}";\n`);
    rmSync(join(dist, `${name}.map`), { force: true });
  }
  writeFileSync(stampFile, stampOfModules());
}

/** The doors themselves are written here and by tsc: whoever wrote last is asked as well. */
function stampOfModules() {
  const hash = createHash("sha256").update(readFileSync(fileURLToPath(import.meta.url)));
  const files = readdirSync(dist, { recursive: true, encoding: "utf8" })
    .filter((file) => /\.c?js$/.test(file) && !file.startsWith("bundle") && !(file in doors))
    .sort();
  for (const file of files) hash.update(file).update(readFileSync(join(dist, file)));
  const led = Object.keys(doors).every((name) => readFileSync(join(dist, name), "utf8").includes("./bundle/"));
  return `${hash.digest("hex")}${led ? "" : " doors"}`;
}
