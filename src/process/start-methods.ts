/**
 * Which way processes are started: the methods there are, the one chosen, the one by default.
 *
 * Runs in: every process; a child starts with its owner's choice.
 */
import { invalidState, MultiprocessingError } from "../base/errors.ts";
import { checkBoolean, checkOneOf, checkOptions } from "../base/options.ts";
import type { Launcher, LaunchOptions, StartMethod } from "./launcher.ts";
import { forkserverLauncher } from "./forkserver-launcher.ts";
import { spawnLauncher } from "./spawn-launcher.ts";

/** The preferred one first: the default is the first that this machine can use. */
const launchers: readonly Launcher[] = [forkserverLauncher, spawnLauncher];

let chosen: StartMethod | undefined;

/** The methods that this machine can use, the default first. */
export function getAllStartMethods(): StartMethod[] {
  return launchers.filter((launcher) => launcher.unavailable() === undefined).map(({ method }) => method);
}

/** Every method, and why this process cannot use it: for `mp doctor`. */
export function startMethodReport(): { readonly method: StartMethod; readonly why: string | undefined }[] {
  return launchers.map((launcher) => ({ method: launcher.method, why: launcher.unavailable() }));
}

/** The method by which a Process starts that names none. Unlike Python's, reading it does not fix it. */
export function getStartMethod(): StartMethod {
  return chosen ?? getAllStartMethods()[0]!;
}

/**
 * Chooses the method for every Process that names none. Once for a program, as in Python.
 *
 * @throws {MultiprocessingError} ERR_MP_INVALID_ARGUMENT when there is no such method; ERR_MP_NOT_SUPPORTED when this
 * machine cannot use it; ERR_MP_INVALID_STATE when one is chosen already and `force` is not set.
 */
export function setStartMethod(method: StartMethod, options: { readonly force?: boolean } = {}): void {
  const call = "setStartMethod()";
  checkOptions(call, options, ["force"]);
  checkBoolean(call, "force", options.force);
  launcherFor(method, call);
  if (chosen !== undefined && options.force !== true) {
    throw invalidState(
      `Cannot set the start method to "${method}": it has been set to "${chosen}"\n` +
        `  do this:  choose once, at the program's start, or pass { force: true }`,
    );
  }
  chosen = method;
}

/** What was chosen, for the children; undefined while it is the default. */
export function chosenStartMethod(): StartMethod | undefined {
  return chosen;
}

/** @throws {MultiprocessingError} when there is no such method, or this machine cannot use it. */
export function launcherFor(method: StartMethod, call: string): Launcher {
  const names = launchers.map((launcher) => launcher.method);
  if (method === undefined) checkOneOf(call, "the start method", String(method), names);
  checkOneOf(call, "the start method", method, names);
  const launcher = launchers.find((candidate) => candidate.method === method)!;
  const why = launcher.unavailable();
  if (why !== undefined) {
    throw new MultiprocessingError(`Cannot use start method "${method}" here: ${why}\n  do this:  use "spawn"`, {
      code: "ERR_MP_NOT_SUPPORTED",
    });
  }
  return launcher;
}

/**
 * The launcher for one request: the method asked for by name, else the default one, or the next that can honour the
 * request.
 *
 * @throws {MultiprocessingError} ERR_MP_NOT_SUPPORTED when a method asked for by name cannot honour it.
 */
export function launcherForRequest(method: StartMethod | undefined, request: LaunchOptions): Launcher {
  const byName = method ?? chosen;
  if (byName === undefined) {
    return launchers.find(
      (launcher) => launcher.unavailable() === undefined && launcher.cannotHonour(request) === undefined,
    )!; // "spawn" honours every request.
  }
  const launcher = launcherFor(byName, "Process.start()");
  const why = launcher.cannotHonour(request);
  if (why !== undefined) {
    throw new MultiprocessingError(
      `Cannot start process "${request.name}" by "${byName}": ${why}\n` +
        `  do this:  use getContext("spawn").Process for this process, or leave the option out`,
      { code: "ERR_MP_NOT_SUPPORTED" },
    );
  }
  return launcher;
}
