/**
 * Builds the native addon with the C compiler that is there, from headers that come from npm. Without a compiler it
 * says what is missing, and the library does without.
 *
 * The addon is put in place whole, by a rename, and left alone while its sources are the same.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const sources = join(root, "native");
const warnings = ["-Wall", "-Wextra", "-Werror"];

/** @param {{ output?: string, flags?: string[] }} options flags in addition, for a build of another kind */
export function buildNative({ output = join(root, "dist", "native", "node_multiprocessing.node"), flags = [] } = {}) {
  if (process.platform !== "linux") return;
  const compiler = findCompiler([process.env["CC"], "cc", "gcc", "clang"].filter(Boolean));
  if (compiler === undefined) {
    console.warn(
      "node-multiprocessing: no C compiler with the C library's headers was found, so the native addon is not built.\n" +
        '  Processes are started by "spawn" (tens of milliseconds each instead of three), and what needs shared memory is not there.\n' +
        "  To have them, install one (on Debian: apt-get install gcc libc6-dev) and run npm ci again.",
    );
    return;
  }
  compile({ compiler, output, flags });
}

/**
 * The addon, and beside it the library that a fork server preloads.
 *
 * @param {{ compiler: string, output: string, flags?: readonly string[] }} options
 */
export function compile({ compiler, output, flags = [] }) {
  compileFiles({ compiler, output, flags, files: sourceFiles() });
  const preloaded = join(dirname(output), "heap_places.so");
  compileFiles({ compiler, output: preloaded, flags, files: ["heap_places.h", "preload/heap_places.c"] });
}

function compileFiles({ compiler, output, flags, files }) {
  const command = [
    ...["-std=gnu11", "-O2", "-fPIC", "-shared", "-fvisibility=hidden", "-Wl,-z,now", ...warnings, ...flags],
    ...["-isystem", headers()],
    ...files.filter((file) => file.endsWith(".c")).map((file) => join(sources, file)),
  ];
  const stamp = stampOf(compiler, command, files);
  const stampFile = `${output}.stamp`;
  if (existsSync(output) && existsSync(stampFile) && readFileSync(stampFile, "utf8") === stamp) return;
  mkdirSync(dirname(output), { recursive: true });
  const fresh = `${output}.${process.pid}`;
  const made = spawnSync(compiler, [...command, "-o", fresh], { stdio: "inherit" });
  if (made.status !== 0) {
    rmSync(fresh, { force: true });
    throw new Error(`the native addon could not be built: ${compiler} ended with ${made.status ?? made.signal}`);
  }
  renameSync(fresh, output);
  writeFileSync(stampFile, stamp);
}

/** The first that has the headers which the sources ask for. */
export function findCompiler(candidates, flags = []) {
  // One without the C library's headers (Debian's gcc alone) is none: asked here, so that -Werror stays loud.
  const asked = sourceFiles().flatMap(
    (file) => readFileSync(join(sources, file), "utf8").match(/^#include <.*>/gm) ?? [],
  );
  const input = `#define _GNU_SOURCE\n${[...new Set(asked)].join("\n")}\n`;
  const question = ["-fsyntax-only", ...flags, "-isystem", headers(), "-xc", "-"];
  return candidates.find(
    (name) => spawnSync(name, question, { input, stdio: ["pipe", "ignore", "ignore"] }).status === 0,
  );
}

function sourceFiles() {
  return readdirSync(sources)
    .filter((file) => /\.[ch]$/.test(file))
    .sort();
}

function headers() {
  return join(dirname(createRequire(import.meta.url).resolve("node-api-headers/package.json")), "include");
}

function stampOf(compiler, command, files) {
  const hash = createHash("sha256").update(JSON.stringify([compiler, command]));
  for (const file of files) hash.update(readFileSync(join(sources, file)));
  return hash.digest("hex");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) buildNative();
