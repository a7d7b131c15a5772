/** Installing where there is no C compiler, or one that cannot compile: the library does without the addon. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { startNode } from "../support/programs.ts";
import { projectRoot } from "../support/project.ts";

const folder = mkdtempSync(join(tmpdir(), "build-native-"));
after(() => rmSync(folder, { recursive: true, force: true }));

/** A script in place of each compiler, which answers for its version and does the rest as `otherwise` says. */
function compilers(name: string, otherwise: string | undefined): string {
  const bin = join(folder, name);
  mkdirSync(bin);
  if (otherwise === undefined) return bin;
  const script = `#!/bin/sh\n[ "$1" = --version ] && exit 0\n${otherwise}\n`;
  for (const compiler of ["cc", "gcc", "clang"]) writeFileSync(join(bin, compiler), script, { mode: 0o755 });
  return bin;
}

/** Builds into a folder of its own, with nothing on the path but what is in `bin`. */
async function buildWith(bin: string): Promise<{ code: number | null; stderr: string; made: boolean }> {
  const output = join(bin, "addon.node");
  const program = join(bin, "build.mjs");
  const script = join(projectRoot, "scripts", "build-native.js");
  writeFileSync(
    program,
    `import { buildNative } from ${JSON.stringify(script)};\nbuildNative({ output: ${JSON.stringify(output)} });\n`,
  );
  const { CC: _, ...env } = process.env;
  const { code, stderr } = await startNode([program], { env: { ...env, PATH: bin } }).ended;
  return { code, stderr, made: existsSync(output) };
}

test("without a C compiler, the build says what is missing and succeeds", async () => {
  const { code, stderr, made } = await buildWith(compilers("none", undefined));
  assert.match(stderr, /no C compiler/);
  assert.deepEqual([code, made], [0, false]);
});

test("with a compiler that finds no headers of the C library, it says the same", async () => {
  const complaint = `echo "<stdin>:1:10: fatal error: stdlib.h: No such file or directory" >&2; exit 1`;
  const { code, stderr, made } = await buildWith(compilers("headless", complaint));
  assert.match(stderr, /no C compiler.*\n.*\n.*libc6-dev/);
  assert.deepEqual([code, made], [0, false]);
});

test("with one that has the headers and fails at the sources, the build fails loudly", async () => {
  const bin = compilers("failing", `case "$1" in -fsyntax-only) exit 0;; esac; exit 1`);
  const { code, stderr, made } = await buildWith(bin);
  assert.match(stderr, /the native addon could not be built/);
  assert.deepEqual([code, made], [1, false]);
});
