/** `npm run soak [-- --minutes 10]`: builds, and runs test/soak/soak-main.ts. */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { build } from "./build.js";

await build();
const program = fileURLToPath(new URL("../build/test/soak/soak-main.js", import.meta.url));
const { status, signal } = spawnSync(process.execPath, [program, ...process.argv.slice(2)], { stdio: "inherit" });
process.exitCode = signal === null ? (status ?? 1) : 1;
