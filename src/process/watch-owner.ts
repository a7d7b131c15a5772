/**
 * A spawned child's end with its owner's: the kernel sees to it; without native code a thread that reads the lifeline.
 *
 * Runs in: the child.
 * Why a thread: the main one may be in a loop that never ends, and then no callback of its own is ever called.
 */
import { fileURLToPath } from "node:url";
import { addonOrUndefined } from "../host/addon.ts";

const program = fileURLToPath(new URL("../entry/watchdog-main.cjs", import.meta.url));

export function watchOwner(lifeline: number): void {
  const addon = addonOrUndefined();
  if (addon === undefined) startWatchdog();
  else if (!addon.armLifeline(lifeline)) process.kill(process.pid, "SIGKILL"); // The owner has ended meanwhile.
}

function startWatchdog(): void {
  // Its own options and environment: the program's loaders and preloads are none of its business.
  const watchdog = new (process.getBuiltinModule("node:worker_threads").Worker)(program, {
    execArgv: [],
    env: {},
    argv: [],
    name: "owner-watchdog",
    resourceLimits: { maxOldGenerationSizeMb: 8, maxYoungGenerationSizeMb: 2, stackSizeMb: 1 },
  });
  watchdog.unref();
}
