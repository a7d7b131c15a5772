/**
 * What a forked child takes over from its owner, and a spawned one has from the operating system: environment,
 * directory, umask, options of Node.
 *
 * Runs in: both: the owner writes it, the child applies it.
 */
import { fileURLToPath } from "node:url";
import { requireAddon } from "../host/addon.ts";
import { inheritedExecArgv, withoutInspector } from "./exec-arguments.ts";
import type { ServerSettings } from "./fork-server-protocol.ts";
import { forkserverPreload, inheritForkserverPreload } from "./fork-server-preload.ts";
import type { LaunchOptions } from "./launcher.ts";

interface Surroundings {
  readonly cwd: string;
  readonly umask: number;
  readonly execArgv: readonly string[];
  readonly title: string;
  readonly preload: ServerSettings;
}

/** Before the environment stands how many bytes it has: it is mostly the server's own, and then needs not be read. */
const lengthBytes = 4;

/** As things are at this moment. */
export function surroundings({ env, cwd }: Pick<LaunchOptions, "env" | "cwd">): Uint8Array {
  const told: Surroundings = {
    cwd: cwd === undefined ? process.cwd() : cwd instanceof URL ? fileURLToPath(cwd) : cwd,
    umask: process.umask(),
    execArgv: inheritedExecArgv(process.execArgv),
    title: process.title,
    preload: forkserverPreload(),
  };
  const environment = env === undefined ? ownEnvironment() : Buffer.from(JSON.stringify({ ...env }));
  const length = Buffer.allocUnsafe(lengthBytes);
  length.writeUInt32LE(environment.length);
  return Buffer.concat([length, environment, Buffer.from(JSON.stringify(told))]);
}

const { env: environmentOfProcess } = process;
let ownText: Buffer | undefined;

/** Reading a variable costs two calls into the C library: all are read only where one has changed. */
function ownEnvironment(): Buffer {
  const text = (): Buffer => Buffer.from(JSON.stringify({ ...withoutInspector(process.env) }));
  if (process.env !== environmentOfProcess) return text(); // A program may put an object of its own in its place.
  if (requireAddon().environmentChanged() || ownText === undefined) ownText = text();
  return ownText;
}

/** @throws when the directory cannot be entered */
export function applySurroundings(payload: Uint8Array): void {
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
  const end = lengthBytes + bytes.readUInt32LE();
  applyEnvironment(bytes.subarray(lengthBytes, end));
  const told = JSON.parse(bytes.toString("utf8", end)) as Surroundings;
  process.umask(told.umask);
  process.execArgv.splice(0, process.execArgv.length, ...told.execArgv);
  if (process.title !== told.title) process.title = told.title;
  inheritForkserverPreload(told.preload);
  if (process.cwd() !== told.cwd) process.chdir(told.cwd);
}

/** Most children have the environment of their server, and each variable costs two calls into the C library. */
let environment = { ...process.env };
let environmentAsTold = Buffer.from(JSON.stringify(environment));

function applyEnvironment(told: Buffer): void {
  if (environmentAsTold.equals(told)) return;
  const wanted = JSON.parse(told.toString()) as NodeJS.ProcessEnv;
  for (const name of Object.keys(environment)) if (!(name in wanted)) delete process.env[name];
  for (const [name, value] of Object.entries(wanted)) if (environment[name] !== value) process.env[name] = value;
  environment = wanted;
  environmentAsTold = Buffer.from(told);
}
