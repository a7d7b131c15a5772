/** The addon under the address sanitizer: a program that starts, signals, kills and nests forked processes. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { startNode } from "../support/programs.ts";
import { projectRoot } from "../support/project.ts";

const folder = mkdtempSync(join(tmpdir(), "sanitizer-"));
after(() => rmSync(folder, { recursive: true, force: true }));

/** The library that has to be loaded first; undefined where the compiler has none. */
function sanitizerLibrary(): string | undefined {
  const { stdout, status } = spawnSync("gcc", ["-print-file-name=libasan.so"], { encoding: "utf8" });
  const file = stdout?.trim();
  return status === 0 && file !== undefined && existsSync(file) ? file : undefined;
}

const library = sanitizerLibrary();
const skip = library === undefined && "there is no gcc with its address sanitizer here";

test("no bad access in processes that are forked, killed, nested and detached", { skip }, async () => {
  cpSync(join(projectRoot, "dist"), join(folder, "dist"), { recursive: true });
  symlinkSync(join(projectRoot, "node_modules"), join(folder, "node_modules"));
  const { buildNative } = (await import(join(projectRoot, "scripts", "build-native.js"))) as {
    buildNative: (options: { output: string; flags: string[] }) => void;
  };
  const output = join(folder, "dist", "native", "node_multiprocessing.node");
  rmSync(`${output}.stamp`, { force: true });
  buildNative({ output, flags: ["-fsanitize=address", "-g"] });
  assert.match(execFileSync("nm", ["-D", output], { encoding: "utf8" }), /__asan_init/);
  const program = join(projectRoot, "build", "test", "programs", "forks-in-all-ways.js");
  const { stdout, stderr, code } = await startNode([program, join(folder, "dist", "index.js")], {
    env: { ...process.env, LD_PRELOAD: library, ASAN_OPTIONS: "detect_leaks=0:abort_on_error=0:exitcode=99" },
  }).ended;
  assert.doesNotMatch(stderr, /AddressSanitizer/);
  assert.deepEqual([code, stdout], [0, "12 results, 4 killed, 3 nested\n"], stderr);
});
