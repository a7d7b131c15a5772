/**
 * What is said when a worker ends while it runs a task.
 *
 * Runs in: the parent.
 */
import { WorkerExitedError } from "../base/errors.ts";
import { describeExit, type ExitStatus } from "../process/exit-status.ts";

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
    `  usual causes: ${usualCauses(status, cause)}\n` +
    `  do this:  mend what ends it; the option "retries" tries such a task again`;
  const facts = { pid, exitCode, signalCode, taskId };
  const why = cause ?? status.cause;
  return new WorkerExitedError(message, why === undefined ? facts : { ...facts, cause: why });
}

function usualCauses({ exitCode, signalCode }: ExitStatus, cause: unknown): string {
  switch (signalCode) {
    case "SIGKILL":
      return "it was killed (kill -9), or the kernel had no memory left (see dmesg; maxMemoryPerChildBytes replaces workers in time)";
    case "SIGSEGV":
    case "SIGBUS":
    case "SIGILL":
      return "native code crashed";
    case "SIGABRT":
      return "the JavaScript heap was full (raise --max-old-space-size), or native code called abort()";
    case null:
      if (cause !== undefined)
        return "an error that nothing caught (its cause), thrown outside of the task's own promise";
      return exitCode === 255 ? "its exit code could not be learnt" : "something called process.exit()";
    default:
      return "it was sent that signal";
  }
}
