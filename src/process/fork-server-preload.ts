/**
 * What a fork server loads before it forks: shared, copy on write, by every process it starts.
 *
 * Runs in: every process; a child starts with its owner's choice.
 */
import { fileURLToPath, pathToFileURL } from "node:url";
import { invalidArgument } from "../base/errors.ts";
import { shown } from "../base/options.ts";
import type { ServerSettings } from "./fork-server-protocol.ts";

let settings: ServerSettings = { preload: [], from: "" };

/**
 * The modules that the fork server imports once, so that each process it starts has them, and what they hold, at once:
 * code and data are shared copy on write. Counts for the processes started from now on.
 *
 * @param modules package names, `node:` names, URLs, or paths; a relative one is meant from the current directory
 * @throws {MultiprocessingError} ERR_MP_INVALID_ARGUMENT for anything but a list of strings and URLs
 * @example
 * setForkserverPreload(["./tables.js", "typescript"]);
 */
export function setForkserverPreload(modules: readonly (string | URL)[]): void {
  if (!Array.isArray(modules)) {
    throw invalidArgument(`setForkserverPreload() takes a list of module names and URLs; received ${shown(modules)}`);
  }
  const preload = (modules as readonly unknown[]).map((module, at) => {
    if (module instanceof URL) return module.href;
    if (typeof module !== "string" || module === "") {
      throw invalidArgument(
        `setForkserverPreload() takes module names and URLs; received ${shown(module)} at index ${at}`,
      );
    }
    return /^\.{0,2}\//.test(module) ? pathToFileURL(module).href : module;
  });
  settings = { preload, from: pathToFileURL(`${process.cwd()}/`).href };
}

export function forkserverPreload(): ServerSettings {
  return settings;
}

/** What the owner of this process chose. */
export function inheritForkserverPreload(inherited: ServerSettings): void {
  settings = inherited;
}

/** For `createRequire` and the loader: a file in the folder from which bare names are meant. */
export function resolvingFile({ from }: ServerSettings): string {
  return fileURLToPath(new URL("preload.js", from));
}
