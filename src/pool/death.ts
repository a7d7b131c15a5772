/**
 * What is said when a worker ends while it runs a task.
 *
 * Runs in: the parent.
 */
import { WorkerExitedError } from "../base/errors.ts";
import { describeExit, usualCause, type ExitStatus } from "../process/exit-status.ts";

export interface Death {
  readonly pool: string;
  readonly workerId: number;
  readonly pid: number | undefined;
  readonly status: ExitStatus;
  /** The uncaught error that ended it. */
  readonly cause: unknown;
}

export function workerExited(
  { pool, workerId, pid, status, cause }: Death,
  taskId: number,
  tries: number,
): WorkerExitedError {
  const { exitCode, signalCode } = status;
  const times = tries > 1 ? `, the last of ${tries} tries` : "";
  const message =
    `Worker ${workerId} (pid ${pid}) of pool "${pool}" ended with ${describeExit(status)} while it ran task ${taskId}${times}\n` +
    `  usual causes: ${whyItEnded(status, cause)}\n` +
    `  do this:  mend what ends it; the option "retries" tries such a task again`;
  const facts = { pid, exitCode, signalCode, taskId };
  const why = cause ?? status.cause;
  return new WorkerExitedError(message, why === undefined ? facts : { ...facts, cause: why });
}

function whyItEnded({ exitCode, signalCode }: ExitStatus, cause: unknown): string {
  if (signalCode !== null || exitCode < 0)
    return usualCause(signalCode, "; maxMemoryPerChildBytes replaces workers in time");
  if (cause !== undefined) return "an error that nothing caught (its cause), thrown outside of the task's own promise";
  return exitCode === 255 ? "its exit code could not be learnt" : "something called process.exit()";
}
