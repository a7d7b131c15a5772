/**
 * Keeps what V8 compiles of the bundle beside it, for the Node that builds: of the library as a program uses it, and of the
 * fork server, whose options of V8 are its own.
 */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const program = fileURLToPath(new URL("warm-up.js", import.meta.url));

export async function keepCompiled(folder) {
  const loader = join(folder, "chunks", "loader.cjs");
  const { forkServerFlags } = await import("../dist/process/fork-server-flags.js");
  for (const flags of [[], forkServerFlags([], process.versions.node, undefined)]) {
    const { status } = spawnSync(process.execPath, [...flags, program, loader], { stdio: "inherit", timeout: 60_000 });
    if (status !== 0) {
      console.warn(
        `What V8 compiles of the bundle is not kept (warm-up.js ended with ${status}): the library works, and loads more slowly`,
      );
    }
  }
}
