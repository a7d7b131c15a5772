/**
 * Starting a Process: its job encoded, a process launched, the job handed over.
 *
 * Runs in: the owner.
 * Guarantees: the job is encoded before anything is awaited, so the copies are of this moment; when it cannot be
 * encoded, nothing is launched.
 */
import { sent } from "../base/crossing.ts";
import { encode } from "../wire/codec.ts";
import { frameHead } from "./frames.ts";
import { takeInitDuties } from "./init-duties.ts";
import { Job } from "./job.ts";
import type { Launched, Launcher, LaunchRequest, StartMethod } from "./launcher.ts";
import { getLogger } from "./logger.ts";
import { prepare } from "./preparation.ts";
import type { ProcessState } from "./process-state.ts";
import { launcherForRequest } from "./start-methods.ts";
import type { NearStack } from "./stacks.ts";
import { Supervision } from "./supervision.ts";

export async function startProcess(process: object, state: ProcessState, nearStack: NearStack): Promise<Supervision> {
  const options = state.options!;
  const { name, daemon, path } = state;
  const job = encode(new Job(process), { root: `process "${name}"` });
  const preparation = prepare({ name, daemon, path });
  const request: LaunchRequest = {
    name,
    detached: options.detached ?? false,
    stdio: options.stdio ?? "inherit",
    env: options.env,
    cwd: options.cwd,
    execArgv: options.execArgv,
  };
  takeInitDuties();
  const { launcher, launched } = await launch(state.startMethod, request);
  const supervision = new Supervision(launched, {
    name,
    timeoutMs: options.timeoutMs,
    killGraceMs: options.killGraceMs,
    signal: options.signal,
    nearStack,
    keepAlive: job.keepAlive,
  });
  handOver(launched, preparation, job.bytes);
  sent(job.keepAlive, "process");
  getLogger().debug(`started process "${name}" (pid ${launched.pid}) by ${launcher.method}`);
  return supervision;
}

/** That a fork server cannot fork is sometimes known only when it has been started: then the next method is taken. */
async function launch(
  method: StartMethod | undefined,
  request: LaunchRequest,
): Promise<{ launcher: Launcher; launched: Launched }> {
  const launcher = launcherForRequest(method, request);
  try {
    return { launcher, launched: await launcher.launch(request) };
  } catch (error) {
    if (launcher.unavailable() === undefined) throw error;
    const next = launcherForRequest(method, request); // Throws where the method was asked for by name.
    getLogger().warning(`start method "${launcher.method}" cannot be used here: ${launcher.unavailable()}`);
    return { launcher: next, launched: await next.launch(request) };
  }
}

/** A child that has gone meanwhile makes these writes fail; how it ended says why, in its supervision. */
function handOver({ control }: Launched, preparation: Uint8Array, job: Uint8Array): void {
  control.cork();
  control.write(frameHead("preparation", preparation.length));
  control.write(preparation);
  control.write(frameHead("job", job.length));
  control.write(job);
  control.uncork();
}
