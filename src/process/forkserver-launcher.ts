/**
 * Start method "forkserver": a small server process that forks, so that a process starts in milliseconds.
 *
 * Runs in: the owner. The other ends are `entry/fork-server-main.ts` and `forked-child.ts`.
 * Guarantees: no descriptor of a child outlives it here; a server that has died is replaced within the same start.
 */
import { closeSync, openSync, statSync } from "node:fs";
import { Socket } from "node:net";
import { isMainThread } from "node:worker_threads";
import { MultiprocessingError } from "../base/errors.ts";
import { addonOrUndefined, requireAddon, whyNoAddon, type Addon } from "../host/addon.ts";
import { ForkServerEnded, type Forked, type ForkRequest } from "./fork-server.ts";
import { loaderOption } from "./fork-server-flags.ts";
import { currentForkServer, unsafeReason } from "./fork-servers.ts";
import { launchedByFork } from "./forked-process.ts";
import { frameHead } from "./frames.ts";
import type { Launched, Launcher, LaunchRequest } from "./launcher.ts";
import { surroundings } from "./surroundings.ts";

/** A server that dies while it is asked is replaced; one that keeps dying is a fault to be told. Arbitrary. */
const tries = 3;

export const forkserverLauncher: Launcher = { method: "forkserver", unavailable, cannotHonour, launch };

function unavailable(): string | undefined {
  if (process.platform !== "linux") return "it needs Linux";
  if (addonOrUndefined() === undefined) return `it needs the native addon (${whyNoAddon()})`;
  if (!isMainThread) return "it cannot be used from a worker thread";
  const loader = loaderOption(process.execArgv, process.env["NODE_OPTIONS"]);
  if (loader !== undefined) return `${loader} runs a loader on a thread, which a fork would leave behind`;
  return unsafeReason();
}

function cannotHonour({ execArgv, env }: LaunchRequest): string | undefined {
  if (execArgv !== undefined && execArgv.length > 0) return "execArgv belongs to the server, which is running already";
  if (env !== undefined && (env["NODE_OPTIONS"] ?? "") !== (process.env["NODE_OPTIONS"] ?? "")) {
    return "its env has another NODE_OPTIONS, which the server cannot take on";
  }
  return undefined;
}

async function launch(request: LaunchRequest): Promise<Launched> {
  const addon = requireAddon();
  checkDirectory(request);
  const told = surroundings(request);
  const ends = openEnds(addon, request);
  try {
    const forked = await fork({
      detached: request.detached,
      descriptors: ends.theirs.map(({ descriptor }) => descriptor),
    });
    const { control } = ends.ours;
    control.write(frameHead("surroundings", told.length));
    control.write(told);
    return launchedByFork(addon, forked, ends.ours);
  } catch (error) {
    ends.closeOurs();
    throw named(error, request.name);
  } finally {
    for (const { descriptor, lent } of ends.theirs) if (!lent) closeSync(descriptor);
  }
}

/** A spawned child finds out when it is started; a forked one would be there already. */
function checkDirectory({ cwd, name }: LaunchRequest): void {
  if (cwd === undefined || statSync(cwd, { throwIfNoEntry: false })?.isDirectory() === true) return;
  throw new MultiprocessingError(
    `Cannot start process "${name}": its cwd ${String(cwd)} is no directory that can be entered\n` +
      `  do this:  check that cwd exists`,
    { code: "ERR_MP_PROCESS_START" },
  );
}

async function fork(request: ForkRequest): Promise<Forked> {
  for (let attempt = 1; ; attempt++) {
    const server = await currentForkServer();
    try {
      return await server.fork(request);
    } catch (error) {
      if (!(error instanceof ForkServerEnded) || attempt === tries) throw error;
    }
  }
}

/** What this side keeps of a child's channels. */
export interface OurEnds {
  readonly control: Socket;
  /** The write end of the pipe with whose closing the kernel kills the child; undefined when it is detached. */
  readonly lifeline: number | undefined;
  readonly stdin: Socket | null;
  readonly stdout: Socket | null;
  readonly stderr: Socket | null;
}

interface Ends {
  readonly ours: OurEnds;
  /** In the order of the request: control, stdin, stdout, stderr, lifeline. `lent`: this process's own. */
  readonly theirs: readonly { readonly descriptor: number; readonly lent: boolean }[];
  closeOurs(): void;
}

function openEnds(addon: Addon, { stdio, detached }: LaunchRequest): Ends {
  const theirs: { descriptor: number; lent: boolean }[] = [];
  const ours: number[] = [];
  const pair = (): number => {
    const [mine, its] = addon.socketPair("stream");
    ours.push(mine);
    theirs.push({ descriptor: its, lent: false });
    return mine;
  };
  try {
    const control = pair();
    const streams = [0, 1, 2].map((descriptor) => {
      if (stdio === "pipe") return pair();
      if (stdio === "inherit") theirs.push({ descriptor, lent: true });
      else theirs.push({ descriptor: openSync("/dev/null", descriptor === 0 ? "r" : "w"), lent: false });
      return undefined;
    });
    let lifeline: number | undefined;
    if (!detached) {
      const [read, write] = addon.pipe();
      theirs.push({ descriptor: read, lent: false });
      ours.push(write);
      lifeline = write;
    }
    const [stdin, stdout, stderr] = streams;
    const sockets: Socket[] = [];
    const socket = (fd: number, readable: boolean, writable: boolean): Socket => {
      const made = new Socket({ fd, readable, writable });
      sockets.push(made);
      return made;
    };
    const kept: OurEnds = {
      control: socket(control, true, true),
      lifeline,
      stdin: stdin === undefined ? null : socket(stdin, false, true),
      stdout: stdout === undefined ? null : socket(stdout, true, false),
      stderr: stderr === undefined ? null : socket(stderr, true, false),
    };
    const closeOurs = (): void => {
      // The lifeline first: a child that nobody waits for ends by it, before it could see that its channel has ended.
      if (lifeline !== undefined) closeSync(lifeline);
      for (const made of sockets) made.destroy();
    };
    return { ours: kept, theirs, closeOurs };
  } catch (cause) {
    for (const descriptor of ours) closeSync(descriptor);
    for (const { descriptor, lent } of theirs) if (!lent) closeSync(descriptor);
    throw new MultiprocessingError(`Cannot start a process: its channels cannot be opened (${String(cause)})`, {
      code: "ERR_MP_PROCESS_START",
      cause,
    });
  }
}

/** The refusals below know no process; the message that a user reads should. */
function named(error: unknown, name: string): unknown {
  if (error instanceof MultiprocessingError && error.code === "ERR_MP_PROCESS_START") {
    error.message = error.message.replace(
      /^Cannot start (?:a process|the fork server)/,
      `Cannot start process "${name}"`,
    );
  }
  return error;
}
