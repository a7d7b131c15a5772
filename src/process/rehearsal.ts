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
import { setFlagsFromString } from "node:v8";
import type { Addon } from "../host/addon.ts";
import { leaveServersPlace } from "../memory/after-fork.ts";
import { ownIdIfAny } from "../memory/participants.ts";
import { lookUpNoted, noteModule } from "../wire/by-reference.ts";
import { reportError } from "../wire/error-report.ts";
import { decode, encode } from "../wire/codec.ts";
import { sampleFunction } from "../wire/sample-function.ts";
import { liveAsChild } from "./forked-child.ts";
import type { InternalProcess } from "./forked-exit.ts";
import { frameHead } from "./frames.ts";
import { Job } from "./job.ts";
import { prepare } from "./preparation.ts";
import { Process } from "./process.ts";
import type { Target } from "./process-options.ts";
import { surroundings } from "./surroundings.ts";
import { wholeStream } from "./whole-streams.ts";

const sampleModule = new URL("../process/rehearsal-sample.js", import.meta.url).href;
const sample = { number: 1.5, text: "text", list: [1, { deep: true }], map: new Map([["key", new Date(0)]]) };

/**
 * An even number, so that the last round leaves the environment as it was; and the line is written once. Measured, start and
 * join of an exported function against child_process.fork, and what an idle child weighs, in MiB: Node 20 with 2 rounds
 * 0.114 and 1.9, with 4 0.109 and 2.2, with 6 0.112 and 1.9 to 2.0, with 8 0.114 and 1.9; Node 24 0.110 and 1.9, 0.103 and
 * 1.9, 0.098 and 1.8, 0.097 and 2.0; with 12 and more it weighs more. Without feedback from the first call on it took 24
 * rounds (0.110 and 2.0). Builds of the same sources differ by 5 %, since what a child touches depends on where things lie.
 */
const rounds = 6;

const eagerFeedback = "--no-lazy-feedback-allocation";

/** @param restoreStreams what `server-streams.ts` offers, as it is handed to `becomeChild()` */
export async function rehearse(addon: Addon, restoreStreams: (inChild: boolean) => void): Promise<void> {
  // V8 gathers from the first call on what it speeds up afterwards, not from the eighth: few rounds do.
  setFlagsFromString(eagerFeedback);
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
    await liveOnce(addon, wordsOfOwner(env, exported(round)));
    restoreStreams(false);
    if (round === 0) await writeOnce(addon);
  }
  reportError(new Error("rehearsal"), { home: "" });
  if (!process.execArgv.includes(eagerFeedback)) setFlagsFromString("--lazy-feedback-allocation");
  lastWords = { plain: wordsOfOwner(own, Math.max), importing: wordsOfOwner(own, exported(rounds)) };
}

/**
 * Once more, in a process that is forked ahead and idle: what a child writes to is then its own before it is asked for.
 * With modules only where they are likely to be wanted: the loader makes a child weigh 0.4 MiB more. Where coverage is taken
 * it would count.
 */
export async function rehearseAgain(addon: Addon): Promise<void> {
  if (process.env["NODE_V8_COVERAGE"] !== undefined) return;
  await liveOnce(addon, addon.imports() ? lastWords!.importing : lastWords!.plain);
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

/** Made in the server for whoever rehearses again: what makes them would be a third of the memory that this takes. */
let lastWords: Record<"plain" | "importing", readonly Uint8Array[]> | undefined;

/** What an owner says to its child first, whole. */
function wordsOfOwner(env: NodeJS.ProcessEnv, target: Target): Uint8Array[] {
  const job = new Job(new Process({ target, args: [1, 2], kwargs: sample as never }));
  const parts = {
    surroundings: surroundings({ env, cwd: undefined }),
    preparation: prepare({ name: "rehearsal", path: [1], daemon: false }),
    job: encode(job).bytes,
  };
  return (Object.keys(parts) as (keyof typeof parts)[]).flatMap((kind) => [
    frameHead(kind, parts[kind].length),
    parts[kind],
  ]);
}

/** What says that it is an export of a module which is not loaded yet, as most targets are: one for each round. */
function exported(round: number): Target {
  const sampleTarget = (): void => {};
  noteModule({ sampleTarget }, { how: "import", url: `${sampleModule}?${round}` });
  return sampleTarget;
}

async function liveOnce(addon: Addon, words: readonly Uint8Array[]): Promise<void> {
  const [near, far] = addon.socketPair("stream");
  addon.sendNow(near, words);
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
      awaitWords() {},
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
