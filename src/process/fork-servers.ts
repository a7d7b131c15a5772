/**
 * The fork server that this process asks: the one it was forked by, while that lives; else one of its own, started at
 * the first need.
 *
 * Runs in: the owner.
 * Guarantees: one server for any number of starts at once; a dead one is replaced at the next start; what makes forking
 * unsafe here is found once, said by `unsafeReason()`, and never tried again.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { closeSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { after } from "../base/deadline.ts";
import { deferred, type Deferred } from "../base/deferred.ts";
import { MultiprocessingError } from "../base/errors.ts";
import { requireAddon, type Addon } from "../host/addon.ts";
import { family } from "../memory/family.ts";
import { withoutInspector } from "./exec-arguments.ts";
import { ForkServer } from "./fork-server.ts";
import { forkServerFlags } from "./fork-server-flags.ts";
import { forkserverPreload } from "./fork-server-preload.ts";
import type { ServerOrders, ServerReady, ServerSettings } from "./fork-server-protocol.ts";
import { sampleFunction } from "./rehearsal-sample.ts";

const program = fileURLToPath(new URL("../entry/fork-server-main.js", import.meta.url));

/** The descriptors at which a server finds its owner, and the family's memory. */
export const serverConnectionDescriptor = 3;
export const serverFamilyDescriptor = 4;
/** And the pipe whose closing kills it: it must end with its root even while it is stopped. */
export const serverLifelineDescriptor = 5;

/** ld.so(8). The server takes it out of its environment again. */
export const bindNow = "LD_BIND_NOW";

/** Preloading may be slow, but a module that never finishes must not hang its user. Arbitrary. */
const longestPreloadMs = 300_000;

interface Current {
  readonly server: Promise<ForkServer>;
  readonly settings: ServerSettings;
}

let current: Current | undefined;
/** A forked child's connection to its server, until it first needs it. */
let inherited: { readonly connection: number; readonly settings: ServerSettings } | undefined;
let unsafe: string | undefined;

/** Why this process cannot use a fork server, as one that was started has found; undefined as far as is known. */
export function unsafeReason(): string | undefined {
  return unsafe;
}

/** Told by a forked child of itself: the server that forked it is at this descriptor. */
export function adoptForkServer(connection: number): void {
  inherited = { connection, settings: forkserverPreload() };
}

/** @throws {MultiprocessingError} when it cannot be started, or what it preloads cannot be loaded */
export async function currentForkServer(): Promise<ForkServer> {
  const settings = forkserverPreload();
  if (inherited !== undefined) {
    const server = new ForkServer(requireAddon(), inherited.connection);
    current = { server: Promise.resolve(server), settings: inherited.settings };
    inherited = undefined;
  }
  if (current !== undefined) {
    const { server, settings: old } = current;
    const running = await server;
    if (running.isAlive() && old === settings) return running;
    if (current.server === server) {
      running.retire();
      current = undefined;
    } else {
      return currentForkServer(); // Another start has replaced it meanwhile.
    }
  }
  const server = startServer(settings);
  current = { server, settings };
  server.catch(() => {
    if (current?.server === server) current = undefined; // The next start tries again.
  });
  return server;
}

async function startServer(settings: ServerSettings): Promise<ForkServer> {
  const addon = requireAddon();
  const { ours, theirs, lifeline, itsLifeline } = openConnection(addon);
  const closeOurs = (): void => {
    closeSync(ours);
    closeSync(lifeline);
  };
  let child: ChildProcess;
  try {
    const flags = forkServerFlags(process.execArgv, process.versions.node);
    child = spawn(process.execPath, [...flags, program], {
      argv0: process.argv0,
      stdio: ["ignore", "inherit", "inherit", theirs, family().descriptor, itsLifeline],
      // Symbols of the C library are looked up at once, in the server: else each child would look up the same again.
      env: { ...withoutInspector(process.env), [bindNow]: "1" },
    });
  } catch (cause) {
    closeOurs();
    throw cannotStart(String(cause), cause);
  } finally {
    closeSync(theirs);
    closeSync(itsLifeline);
  }
  child.unref();
  const ready = deferred<ServerReady>();
  child.once("error", (cause) => ready.reject(cannotStart(String(cause), cause)));
  addon.setNonBlocking(ours, true);
  const watcher = addon.watch(ours, () => {
    if (receiveReady(ours, child, ready)) watcher.close();
  });
  const cancel = after(longestPreloadMs, () => {
    child.kill("SIGKILL");
    ready.reject(cannotStart(`it was not ready after ${longestPreloadMs} ms`));
  });
  try {
    // The server is loading its own modules meanwhile.
    const orders: ServerOrders = { ...settings, sample: sampleFunction() };
    addon.sendDescriptors(ours, Buffer.from(JSON.stringify(orders)), []);
    const { problem, unsafe: found } = await ready.promise;
    if (problem !== undefined) throw cannotStart(problem);
    if (found !== undefined) {
      unsafe = found;
      throw new UnsafeToFork(`Cannot fork: ${found}`, { code: "ERR_MP_NOT_SUPPORTED" });
    }
  } catch (error) {
    watcher.close();
    closeOurs();
    throw error;
  } finally {
    cancel();
  }
  watcher.close();
  return new ForkServer(addon, ours, lifeline);
}

function openConnection(addon: Addon): { ours: number; theirs: number; lifeline: number; itsLifeline: number } {
  try {
    const [ours, theirs] = addon.socketPair("seqpacket");
    try {
      const [itsLifeline, lifeline] = addon.pipe();
      return { ours, theirs, lifeline, itsLifeline };
    } catch (cause) {
      closeSync(ours);
      closeSync(theirs);
      throw cause;
    }
  } catch (cause) {
    throw cannotStart(`its connection cannot be opened (${String(cause)})`, cause);
  }
}

/** Threads that a fork would leave behind: another start method has to be taken. */
export class UnsafeToFork extends MultiprocessingError {}

/** True when there is nothing more to wait for on the connection. */
function receiveReady(connection: number, child: ChildProcess, ready: Deferred<ServerReady>): boolean {
  let packet: { readonly bytes: Uint8Array } | null | undefined;
  try {
    packet = requireAddon().receiveDescriptors(connection);
  } catch {
    packet = null; // ECONNRESET: it died with its settings unread.
  }
  if (packet === undefined) return false;
  if (packet !== null) {
    ready.resolve(JSON.parse(Buffer.from(packet.bytes).toString()) as ServerReady);
    return true;
  }
  const ended = (): void => {
    const how = child.signalCode ?? `exit code ${child.exitCode}`;
    ready.reject(cannotStart(`it ended with ${how} before it was ready; its stderr says more`));
  };
  if (child.exitCode !== null || child.signalCode !== null) ended();
  else child.once("exit", ended);
  return true;
}

function cannotStart(why: string, cause?: unknown): MultiprocessingError {
  const message =
    `Cannot start the fork server: ${why}\n` +
    `  do this:  check the modules given to setForkserverPreload(), or use setStartMethod("spawn")`;
  return new MultiprocessingError(message, {
    code: "ERR_MP_PROCESS_START",
    ...(cause === undefined ? {} : { cause }),
  });
}
