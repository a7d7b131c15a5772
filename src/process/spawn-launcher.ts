/**
 * Start method "spawn": a fresh Node.
 *
 * Runs in: the owner. The other end is `entry/child-main.ts`.
 * Guarantees: `exited` resolves only when the kernel says so; no descriptor of a child outlives it here.
 * Leaves to others: what is said over the control channel; when a child must end (`entry/watchdog-main.ts`).
 */
import type { ChildProcess } from "node:child_process";
import { closeSync } from "node:fs";
import type { Socket } from "node:net";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { MultiprocessingError } from "../base/errors.ts";
import { addonOrUndefined } from "../host/addon.ts";
import { familyDescriptor } from "../memory/family.ts";
import { endsWithThisOne } from "./dependants.ts";
import { inheritedExecArgv, withoutInspector } from "./exec-arguments.ts";
import { exitStatus, type ExitStatus } from "./exit-status.ts";
import { SocketPort, WatchedPort, type ControlPort } from "./control-port.ts";
import { openControl } from "./first-words.ts";
import type { Launched, Launcher, LaunchOutcome, LaunchRequest } from "./launcher.ts";

/**
 * The descriptors that a spawned child finds open: the control channel, the lifeline that ends with its owner, and the
 * family's memory where there is one (`familyWord` among its arguments says so).
 */
export const controlDescriptor = 3;
export const lifelineDescriptor = 4;
export const familyDescriptorInChild = 5;
export const familyWord = "family";

const program = fileURLToPath(new URL("../entry/child-main.js", import.meta.url));

export const spawnLauncher: Launcher = {
  method: "spawn",
  unavailable: () => undefined,
  cannotHonour: () => undefined,
  launch,
};

function launch(request: LaunchRequest, words: readonly Uint8Array[], then: LaunchOutcome): void {
  const { name, detached, stdio } = request;
  const addon = addonOrUndefined();
  const refused = (cause: unknown): void => then.failed(startError(name, cause));
  let ends: [ours: number, theirs: number] | undefined;
  let child: ChildProcess;
  try {
    if (addon !== undefined) ends = openControl(addon, words);
    const memory = familyDescriptor();
    child = process
      .getBuiltinModule("node:child_process")
      .spawn(process.execPath, childArguments(request, memory !== undefined), {
        stdio: [stdio, stdio, stdio, ends?.[1] ?? "pipe", "pipe", ...(memory === undefined ? [] : [memory])],
        env: request.env ?? withoutInspector(process.env),
        detached,
        ...(request.cwd === undefined ? {} : { cwd: request.cwd }),
      });
  } catch (cause) {
    if (ends !== undefined) for (const descriptor of ends) closeSync(descriptor);
    refused(cause); // Bad arguments and some refusals of the system are thrown, others are told by an event.
    return;
  }
  if (ends !== undefined) closeSync(ends[1]);
  if (child.pid === undefined) {
    if (ends !== undefined) closeSync(ends[0]);
    child.once("error", refused);
    return;
  }
  child.on("error", ignoreFailedKill);
  if (!detached)
    child.once(
      "exit",
      endsWithThisOne(() => child.kill("SIGKILL")),
    );
  const control = addon === undefined || ends === undefined ? controlOf(child, words) : new WatchedPort(addon, ends[0]);
  then.launched(launched(child, control));
}

/** Without the addon nothing of the library's blocks the thread, so the words may be written in the background. */
function controlOf(child: ChildProcess, words: readonly Uint8Array[]): ControlPort {
  const control = new SocketPort(child.stdio[controlDescriptor] as Socket);
  control.send(words);
  return control;
}

function childArguments({ name, execArgv, detached }: LaunchRequest, inFamily: boolean): string[] {
  const options = execArgv ?? inheritedExecArgv(process.execArgv);
  // The words are for the reader of `ps`; all but the first are also read by the program.
  return [...options, program, name, detached ? "detached" : "attached", ...(inFamily ? [familyWord] : [])];
}

function launched(child: ChildProcess, control: ControlPort): Launched {
  const [stdin, stdout, stderr] = child.stdio as [Writable | null, Readable | null, Readable | null, ...unknown[]];
  const lifeline = child.stdio[lifelineDescriptor] as Socket;
  lifeline.unref();
  lifeline.on("error", ignoreBrokenLifeline);
  const exited = new Promise<ExitStatus>((resolve) => {
    child.once("exit", (code, signal) => {
      lifeline.destroy();
      resolve(exitStatus(code, signal));
    });
  });
  return {
    pid: child.pid!,
    control,
    stdin,
    stdout,
    stderr,
    exited,
    signal: (signal) => void child.kill(signal),
    ref: () => child.ref(),
    unref: () => child.unref(),
  };
}

function startError(name: string, cause: unknown): MultiprocessingError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new MultiprocessingError(
    `Cannot start process "${name}": the operating system refused (${reason})\n` +
      `  do this:  check that cwd exists, that env and execArgv are valid, and that the limits on processes (ulimit -u) ` +
      `and descriptors (ulimit -n) are not reached`,
    { code: "ERR_MP_PROCESS_START", cause },
  );
}

/** `kill()` emits "error" for a process that has just ended (EPERM, ESRCH): its end is told by "exit". */
function ignoreFailedKill(): void {}

/** Nothing is ever sent on the lifeline: an error on it is the child's end, which "exit" tells. */
function ignoreBrokenLifeline(): void {}
