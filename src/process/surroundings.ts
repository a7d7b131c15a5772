/**
 * What a forked child takes over from its owner, and a spawned one has from the operating system: environment,
 * directory, umask, options of Node.
 *
 * Runs in: both: the owner writes it, the child applies it.
 */
import { fileURLToPath } from "node:url";
import { inheritedExecArgv, withoutInspector } from "./exec-arguments.ts";
import type { ServerSettings } from "./fork-server-protocol.ts";
import { forkserverPreload, inheritForkserverPreload } from "./fork-server-preload.ts";
import type { LaunchRequest } from "./launcher.ts";

interface Surroundings {
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  readonly umask: number;
  readonly execArgv: readonly string[];
  readonly title: string;
  readonly preload: ServerSettings;
}

/** As things are at this moment. */
export function surroundings({ env, cwd }: LaunchRequest): Uint8Array {
  const told: Surroundings = {
    env: { ...(env ?? withoutInspector(process.env)) },
    cwd: cwd === undefined ? process.cwd() : cwd instanceof URL ? fileURLToPath(cwd) : cwd,
    umask: process.umask(),
    execArgv: inheritedExecArgv(process.execArgv),
    title: process.title,
    preload: forkserverPreload(),
  };
  return Buffer.from(JSON.stringify(told));
}

/** @throws when the directory cannot be entered */
export function applySurroundings(payload: Uint8Array): void {
  const told = JSON.parse(Buffer.from(payload).toString()) as Surroundings;
  applyEnvironment(told.env);
  process.umask(told.umask);
  process.execArgv.splice(0, process.execArgv.length, ...told.execArgv);
  if (process.title !== told.title) process.title = told.title;
  inheritForkserverPreload(told.preload);
  if (process.cwd() !== told.cwd) process.chdir(told.cwd);
}

/** Each variable costs two calls into the C library, and most children have the environment of their server. */
let environment = { ...process.env };

function applyEnvironment(wanted: NodeJS.ProcessEnv): void {
  for (const name of Object.keys(environment)) if (!(name in wanted)) delete process.env[name];
  for (const [name, value] of Object.entries(wanted)) if (environment[name] !== value) process.env[name] = value;
  environment = wanted;
}
