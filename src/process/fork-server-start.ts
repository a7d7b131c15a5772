/**
 * A fork server on its way: its program started, told what to load, and heard until it can fork or cannot.
 *
 * Runs in: the owner. The other end is `entry/fork-server-main.ts`.
 * Guarantees: the outcome is told exactly once, while this thread blocks, too; a server that never becomes ready is ended.
 */
import type { ChildProcess } from "node:child_process";
import { closeSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { after } from "../base/deadline.ts";
import { MultiprocessingError } from "../base/errors.ts";
import { preloadedLibrary, type Addon, type Watcher } from "../host/addon.ts";
import { family } from "../memory/family.ts";
import { owe } from "../sync/debts.ts";
import { withoutInspector } from "./exec-arguments.ts";
import { ForkServer, isBroken } from "./fork-server.ts";
import { forkServerFlags } from "./fork-server-flags.ts";
import type { ServerOrders, ServerReady, ServerSettings } from "./fork-server-protocol.ts";
import { modulesInUse } from "./warm-modules.ts";

const program = fileURLToPath(new URL("../entry/fork-server-main.js", import.meta.url));

/** The descriptors at which a server finds its owner, and the family's memory. */
export const serverConnectionDescriptor = 3;
export const serverFamilyDescriptor = 4;
/** And the pipe whose closing kills it: it must end with its root even while it is stopped. */
export const serverLifelineDescriptor = 5;

/** ld.so(8). The server takes it out of its environment again. */
export const bindNow = "LD_BIND_NOW";

/** What LD_PRELOAD held before; the library takes both out of the environment again. */
const preloadedBeside = "NODE_MULTIPROCESSING_PRELOADED_BESIDE";

/** Preloading may be slow, but a module that never finishes must not hang its user. Arbitrary. */
const longestPreloadMs = 300_000;

export interface ServerStart {
  ready(server: ForkServer): void;
  /** `unsafe`: forking would leave something behind that a child needs. */
  failed(error: MultiprocessingError, unsafe?: string): void;
}

/** @throws {MultiprocessingError} when it cannot even be tried; then no outcome is told */
export function startForkServer(addon: Addon, settings: ServerSettings, then: ServerStart): void {
  const { ours, theirs, lifeline, itsLifeline } = openConnection(addon);
  let child: ChildProcess;
  try {
    const flags = forkServerFlags(process.execArgv, process.versions.node, process.env["NODE_OPTIONS"]);
    child = process.getBuiltinModule("node:child_process").spawn(process.execPath, [...flags, program], {
      argv0: process.argv0,
      stdio: ["ignore", "inherit", "inherit", theirs, family().descriptor, itsLifeline],
      env: serverEnvironment(),
    });
  } catch (cause) {
    closeSync(ours);
    closeSync(lifeline);
    throw cannotStart(String(cause), cause);
  } finally {
    closeSync(theirs);
    closeSync(itsLifeline);
  }
  child.unref();
  new Newcomer(addon, child, ours, lifeline, then).tell(settings);
}

function serverEnvironment(): NodeJS.ProcessEnv {
  const own = withoutInspector(process.env);
  // Symbols of the C library are looked up at once, in the server: else each child would look up the same again.
  const env: NodeJS.ProcessEnv = { ...own, [bindNow]: "1" };
  const library = preloadedLibrary();
  if (library === undefined) return env;
  const others = own["LD_PRELOAD"] ?? "";
  // Behind the others: the runtime of a sanitizer has to be the first.
  return { ...env, LD_PRELOAD: others === "" ? library : `${others}:${library}`, [preloadedBeside]: others };
}

class Newcomer {
  readonly #addon: Addon;
  readonly #child: ChildProcess;
  readonly #connection: number;
  readonly #lifeline: number;
  readonly #then: ServerStart;
  readonly #watcher: Watcher;
  readonly #cancel: () => void;
  #settled = false;

  constructor(addon: Addon, child: ChildProcess, connection: number, lifeline: number, then: ServerStart) {
    this.#addon = addon;
    this.#child = child;
    this.#connection = connection;
    this.#lifeline = lifeline;
    this.#then = then;
    addon.setNonBlocking(connection, true);
    this.#watcher = addon.watch(connection, () => this.#hear());
    this.#cancel = after(longestPreloadMs, () => {
      child.kill("SIGKILL");
      this.#fail(cannotStart(`it was not ready after ${longestPreloadMs} ms`));
    });
    child.once("error", (cause) => this.#fail(cannotStart(String(cause), cause)));
    owe(() => this.#hear());
  }

  tell(settings: ServerSettings): void {
    const orders: ServerOrders = { ...settings, inUse: modulesInUse() };
    try {
      // The server is loading its own modules meanwhile.
      this.#addon.sendDescriptors(this.#connection, Buffer.from(JSON.stringify(orders)), []);
    } catch (cause) {
      // One that has ended already is found out when the connection is read.
      if (!isBroken(cause)) this.#fail(cannotStart(`it cannot be told what to load (${String(cause)})`, cause));
    }
  }

  /** True when there is nothing more to wait for on the connection. */
  #hear(): boolean {
    if (this.#settled) return true;
    let packet: ReturnType<Addon["receiveDescriptors"]>;
    try {
      packet = this.#addon.receiveDescriptors(this.#connection);
    } catch {
      packet = null; // ECONNRESET: it died with its settings unread.
    }
    if (packet === undefined) return false;
    this.#watcher.close();
    if (packet === null) {
      this.#awaitItsEnd();
      return true;
    }
    const { problem, unsafe } = JSON.parse(Buffer.from(packet.bytes).toString()) as ServerReady;
    if (problem !== undefined) {
      this.#fail(cannotStart(problem));
    } else if (unsafe !== undefined) {
      this.#fail(new MultiprocessingError(`Cannot fork: ${unsafe}`, { code: "ERR_MP_NOT_SUPPORTED" }), unsafe);
    } else if (this.#settle()) {
      this.#then.ready(new ForkServer(this.#addon, this.#connection, this.#lifeline));
    }
    return true;
  }

  /** How it ended is known only when this thread does not block. */
  #awaitItsEnd(): void {
    const child = this.#child;
    const ended = (): void => {
      const how = child.signalCode ?? `exit code ${child.exitCode}`;
      this.#fail(cannotStart(`it ended with ${how} before it was ready; its stderr says more`));
    };
    if (child.exitCode !== null || child.signalCode !== null) ended();
    else child.once("exit", ended);
  }

  #fail(error: MultiprocessingError, unsafe?: string): void {
    if (!this.#settle()) return;
    closeSync(this.#connection);
    closeSync(this.#lifeline);
    this.#then.failed(error, unsafe);
  }

  #settle(): boolean {
    if (this.#settled) return false;
    this.#settled = true;
    this.#watcher.close();
    this.#cancel();
    return true;
  }
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

function cannotStart(why: string, cause?: unknown): MultiprocessingError {
  const message =
    `Cannot start the fork server: ${why}\n` +
    `  do this:  check the modules given to setForkserverPreload(), or use setStartMethod("spawn")`;
  return new MultiprocessingError(message, {
    code: "ERR_MP_PROCESS_START",
    ...(cause === undefined ? {} : { cause }),
  });
}
