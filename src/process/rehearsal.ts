/**
 * Runs through what every forked child does, from its first to its last instruction, before there are children.
 *
 * Runs in: the fork server.
 * Guarantees: the process is afterwards as it was: each property, listener and exit code is put back.
 * Why: V8 compiles a function at its first call, and optimises its accesses at the next ones. What has been called before
 * the fork is compiled in every child, and its memory is shared (measured: a child's own JavaScript takes 1 ms
 * instead of 3).
 */
import { closeSync } from "node:fs";
import type { Addon } from "../host/addon.ts";
import { leaveServersPlace } from "../memory/after-fork.ts";
import { ownIdIfAny } from "../memory/participants.ts";
import { lookUpNoted } from "../wire/by-reference.ts";
import { reportError } from "../wire/error-report.ts";
import { decode, encode } from "../wire/codec.ts";
import { sampleFunction } from "../wire/sample-function.ts";
import { ControlEnd } from "./control-end.ts";
import { liveAsChild } from "./forked-child.ts";
import type { InternalProcess } from "./forked-exit.ts";
import { Job } from "./job.ts";
import { prepare } from "./preparation.ts";
import { Process } from "./process.ts";
import { surroundings } from "./surroundings.ts";
import { wholeStream } from "./whole-streams.ts";

const sample = { number: 1.5, text: "text", list: [1, { deep: true }], map: new Map([["key", new Date(0)]]) };

/**
 * V8 gathers from the second run on what it speeds up afterwards. An even number, so that the last round leaves the
 * environment as it was; and the line is written once. Measured on Node 20, each in several builds of the bundle, by the
 * pages that a child touches and by what it weighs, alone and where its owner has loaded much: 620, 1.97 and 1.97 MiB; with
 * 6 rounds 600, 1.80 and 2.03 to 2.2; with a line in each of 6 rounds 590 to 790, and in each of 4 rounds 690, 2.1 and more.
 * The first `console.log` takes no longer by it.
 */
const rounds = 8;

export async function rehearse(addon: Addon): Promise<void> {
  lookUpNoted();
  performance.now(); // Node loads what is behind it at its first use.
  // Where the server has a place in the family's memory, what gives it up must not be tried.
  if (ownIdIfAny() === 0) leaveServersPlace();
  const closure = sampleFunction();
  const own = { ...process.env };
  for (let round = 0; round < rounds; round++) {
    ((await decode(closure)) as () => number)();
    // Most children have the server's environment, some another; the last round leaves it as it was.
    const env = round % 2 === 1 ? own : { ...own, NODE_MULTIPROCESSING_REHEARSAL: "1" };
    await liveOnce(addon, partOfOwner(env));
    if (round === 0) await writeOnce(addon);
  }
  reportError(new Error("rehearsal"), { home: "" });
}

/**
 * Once more, in a process that is forked ahead and idle: what a child writes to is then its own before it is asked for.
 * Where coverage is taken it would count.
 */
export async function rehearseAgain(addon: Addon): Promise<void> {
  if (process.env["NODE_V8_COVERAGE"] === undefined) await liveOnce(addon, ownersPart!);
}

/** What most children do: measured, a child's first `console.log` takes 0.9 ms by it instead of 2.2, its stdout made. */
async function writeOnce(addon: Addon): Promise<void> {
  const [near, far] = addon.socketPair("stream");
  const { Socket } = process.getBuiltinModule("node:net");
  const stream = wholeStream(near, () => new Socket({ fd: near, readable: false, writable: true }) as never);
  const { Console } = process.getBuiltinModule("node:console"); // The global one may be a preloaded module's.
  new Console(stream).log("rehearsal", 1);
  await new Promise((resolve) => stream.once("close", resolve).destroy());
  closeSync(far);
}

/** What an owner says to its child. */
interface OwnersPart {
  readonly surroundings: Uint8Array;
  readonly preparation: Uint8Array;
  readonly job: Uint8Array;
}

/** Made in the server for whoever rehearses again: what makes it would be a third of the memory that this takes. */
let ownersPart: OwnersPart | undefined;

function partOfOwner(env: NodeJS.ProcessEnv): OwnersPart {
  const request = {
    name: "",
    detached: false,
    stdio: "inherit",
    env,
    cwd: undefined,
    execArgv: undefined,
  } as const;
  return (ownersPart = {
    surroundings: surroundings(request),
    preparation: prepare({ name: "rehearsal", path: [1], daemon: false }),
    job: encode(new Job(new Process({ target: Math.max, args: [1, 2], kwargs: sample as never }))).bytes,
  });
}

async function liveOnce(addon: Addon, part: OwnersPart): Promise<void> {
  const [near, far] = addon.socketPair("stream");
  const ours = new ControlEnd(near);
  ours.send("surroundings", part.surroundings);
  ours.send("preparation", part.preparation);
  ours.send("job", part.job);
  const restore = keepProcess();
  const ended = new Error("the end of the rehearsal");
  let onEmpty = (): void => {};
  let onEnd = (): void => {};
  try {
    const stage: Parameters<typeof liveAsChild>[0] = {
      watchEmptyLoop(empty, end) {
        onEmpty = empty;
        onEnd = end;
      },
      exitNow() {
        throw ended;
      },
      requestWithin: () => true,
      awaitRequest: () => ({ control: far, client: -1, lifeline: -1, flags: 0 }),
    };
    await liveAsChild(
      stage,
      false,
      () => {},
      () => Promise.resolve(),
    );
    onEmpty();
    onEnd();
  } catch (error) {
    if (error !== ended) throw error;
    for (const kind of ["result", "exit"] as const) ours.receive(kind);
  } finally {
    restore();
    closeSync(near);
    closeSync(far);
  }
}

/** Puts back what a child changes of its process. Listeners of preloaded modules are spared the rehearsal. */
function keepProcess(): () => void {
  const internal = process as unknown as InternalProcess & { _exiting: boolean };
  const { reallyExit, _fatalException: fatalException, uptime } = internal as typeof internal & NodeJS.Process;
  const properties = (["pid", "ppid", "stdout", "stderr"] as const).map(
    (name) => [name, Object.getOwnPropertyDescriptor(process, name)!] as const,
  );
  const events = ["beforeExit", "exit", "uncaughtExceptionMonitor"];
  const listeners = events.map((event) => process.rawListeners(event) as ((...args: unknown[]) => void)[]);
  for (const event of events) process.removeAllListeners(event);
  return () => {
    Object.assign(internal, { reallyExit, _fatalException: fatalException, uptime, _exiting: false });
    process.exitCode = undefined;
    for (const [name, descriptor] of properties) Object.defineProperty(process, name, descriptor);
    for (const [at, event] of events.entries()) {
      process.removeAllListeners(event);
      for (const listener of listeners[at]!) process.on(event, listener);
    }
  };
}
