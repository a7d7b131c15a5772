/**
 * What a pool's worker runs: prepares itself, works until it is told to stop, and ends.
 *
 * Runs in: the worker, as the target of its Process.
 * Guarantees: the pool hears that it is ready, or why it is not; Ctrl-C at the terminal is the parent's business.
 */
import { invalidArgument } from "../base/errors.ts";
import { requireAddon } from "../host/addon.ts";
import { resolvingFile } from "../process/fork-server-preload.ts";
import type { ServerSettings } from "../process/fork-server-protocol.ts";
import { setBootstrapping } from "../process/identity.ts";
import { decode } from "../wire/codec.ts";
import { importFrom } from "../wire/modules.ts";
import { becomeWorker, setWorkerState } from "./current-task.ts";
import { TaskRunner } from "./task-runner.ts";
import { linkToPool, type WorkerEnd } from "./worker-link.ts";

export interface WorkerSettings {
  readonly workerId: number;
  readonly link: WorkerEnd | undefined;
  readonly preload: ServerSettings | undefined;
  /** The encoded pair of initializer and its arguments. */
  readonly initializer: Uint8Array | undefined;
  readonly cpus: readonly number[] | undefined;
  readonly memoryIsLimited: boolean;
  /** Another worker may need the arguments of a call as they were sent. */
  readonly mayTryAgain: boolean;
}

/** Open handles of the tasks (a database, a server) keep a worker up no longer than that. Arbitrary. */
const exitGraceMs = 200;

export async function runWorker(settings: WorkerSettings): Promise<void> {
  process.on("SIGINT", ignoreTerminal);
  becomeWorker(settings.workerId);
  const link = linkToPool(settings.link);
  const runner = new TaskRunner(link, settings);
  const unlisten = link.listen((message) => runner.receive(message));
  try {
    setWorkerState(await prepare(settings));
    runner.ready();
  } catch (error) {
    runner.failed(error);
    runner.stop();
  }
  await runner.stopped;
  unlisten();
  setTimeout(() => process.exit(), exitGraceMs).unref();
}

function ignoreTerminal(): void {}

/** @throws {MultiprocessingError} ERR_MP_INVALID_ARGUMENT */
function bindTo(cpus: readonly number[]): void {
  try {
    requireAddon().setAffinity(cpus);
  } catch (cause) {
    const received = cpus.join(", ");
    throw invalidArgument(`new Pool(): affinity names no processor that a worker may use; received ${received}`, cause);
  }
}

async function prepare({ cpus, preload, initializer }: WorkerSettings): Promise<unknown> {
  if (cpus !== undefined) bindTo(cpus);
  if (preload === undefined && initializer === undefined) return undefined;
  setBootstrapping(true);
  let pair: unknown;
  try {
    if (preload !== undefined) {
      const from = resolvingFile(preload);
      for (const module of preload.preload) await importFrom(from, module);
    }
    if (initializer !== undefined) pair = await decode(initializer);
  } finally {
    setBootstrapping(false);
  }
  if (pair === undefined) return undefined;
  const [initialize, args] = pair as [(...args: unknown[]) => unknown, unknown[]];
  return initialize(...args);
}
