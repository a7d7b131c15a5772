/**
 * Starting a Process: its job encoded, and handed to a launcher with all else that the child is to know.
 *
 * Runs in: the owner.
 * Guarantees: the job is encoded before the call returns, so the copies are of this moment; when it cannot be encoded,
 * no process is launched.
 */
import { endPromise, promise, sent } from "../base/crossing.ts";
import { encode, type EncodedMessage } from "../wire/codec.ts";
import { frameHead } from "./frames.ts";
import { takeInitDuties } from "./init-duties.ts";
import { Job } from "./job.ts";
import type { BegunLaunch, LaunchOptions, LaunchRequest, Launched, Launcher, StartMethod } from "./launcher.ts";
import { getLogger } from "./logger.ts";
import { prepare } from "./preparation.ts";
import type { ProcessState } from "./process-state.ts";
import { launcherForRequest } from "./start-methods.ts";
import type { NearStack } from "./stacks.ts";
import { Supervision } from "./supervision.ts";

/** One of the two is called, once; within `startProcess()` or later. Neither must throw. */
export interface StartOutcome {
  started(supervision: Supervision): void;
  failed(error: unknown): void;
}

/** @throws what stands in the way before anything is launched; then the outcome is not told */
export function startProcess(process: object, state: ProcessState, nearStack: NearStack, then: StartOutcome): void {
  const options = state.options!;
  const { name, daemon, path } = state;
  const asked: LaunchOptions = {
    name,
    detached: options.detached ?? false,
    stdio: options.stdio ?? "inherit",
    env: options.env,
    cwd: options.cwd,
    execArgv: options.execArgv,
  };
  const launcher = launcherForRequest(state.startMethod, asked);
  const begun = launcher.begin?.(asked);
  let job: EncodedMessage;
  try {
    job = encode(new Job(process), { root: `process "${name}"` });
  } catch (error) {
    begun?.cancel();
    throw error;
  }
  const request: LaunchRequest = { ...asked, imports: job.imports };
  const preparation = prepare({ name, daemon, path });
  const words = [
    frameHead("preparation", preparation.length),
    preparation,
    frameHead("job", job.bytes.length),
    job.bytes,
  ];
  takeInitDuties();
  promise(job.keepAlive);
  const failed = (error: unknown): void => {
    endPromise(job.keepAlive);
    then.failed(error);
  };
  const launched = (by: Launcher, launched: Launched): void => {
    const supervision = new Supervision(launched, {
      name,
      timeoutMs: options.timeoutMs,
      killGraceMs: options.killGraceMs,
      signal: options.signal,
      nearStack,
      keepAlive: job.keepAlive,
    });
    endPromise(job.keepAlive);
    sent(job.keepAlive, "process");
    getLogger().debug(`started process "${name}" (pid ${launched.pid}) by ${by.method}`);
    then.started(supervision);
  };
  launch({ method: state.startMethod, launcher, begun, request, words }, { launched, failed });
}

interface Attempt {
  readonly method: StartMethod | undefined;
  readonly launcher: Launcher;
  readonly begun: BegunLaunch | undefined;
  readonly request: LaunchRequest;
  readonly words: readonly Uint8Array[];
}

interface MethodOutcome {
  launched(launcher: Launcher, launched: Launched): void;
  failed(error: unknown): void;
}

/** That a fork server cannot fork is sometimes known only when it has been started: then the next method is taken. */
function launch({ method, launcher, begun, request, words }: Attempt, then: MethodOutcome): void {
  const failed = (error: unknown): void => {
    const why = launcher.unavailable();
    if (why === undefined) {
      then.failed(error);
      return;
    }
    let next: Launcher;
    try {
      next = launcherForRequest(method, request);
    } catch (refusal) {
      then.failed(refusal); // The method was asked for by name.
      return;
    }
    getLogger().warning(`start method "${launcher.method}" cannot be used here: ${why}`);
    next.launch(request, words, { launched: (launched) => then.launched(next, launched), failed: then.failed });
  };
  const outcome = { launched: (launched: Launched) => then.launched(launcher, launched), failed };
  (begun ?? launcher).launch(request, words, outcome);
}
