/**
 * How a process ended, in Python's numbers and in Node's names. Pure.
 *
 * Runs in: every process.
 */
import { constants } from "node:os";

export interface ExitStatus {
  /** n from exit(n); -n when killed by signal n; 255 where it cannot be known. */
  readonly exitCode: number;
  readonly signalCode: NodeJS.Signals | null;
  /** Why the exit code cannot be known. */
  readonly cause?: unknown;
}

/** What a process's exit code is when its real one cannot be known (as CPython's fork server has it). */
export const unknownExitCode = 255;

/** From what `node:child_process` reports. */
export function exitStatus(code: number | null, signal: NodeJS.Signals | null): ExitStatus {
  if (signal !== null) return { exitCode: -constants.signals[signal], signalCode: signal };
  return { exitCode: code ?? unknownExitCode, signalCode: null };
}

/** From a signal's number, as the kernel reports it. */
export function signalStatus(signalNumber: number): ExitStatus {
  return { exitCode: -signalNumber, signalCode: signalName(signalNumber) };
}

/** `null` for a number that has no name (the real-time signals). */
export function signalName(signalNumber: number): NodeJS.Signals | null {
  const found = Object.entries(constants.signals).find(([, value]) => value === signalNumber);
  return (found?.[0] as NodeJS.Signals | undefined) ?? null;
}

/** "exit code 3", "signal SIGKILL": for messages. */
export function describeExit({ exitCode, signalCode }: Pick<ExitStatus, "exitCode" | "signalCode">): string {
  if (signalCode !== null) return `signal ${signalCode}`;
  return exitCode < 0 ? `signal ${-exitCode}` : `exit code ${exitCode}`;
}

/** As Python's repr has it: `0`, `3`, `-SIGKILL`. */
export function exitCodeText(exitCode: number): string {
  return exitCode < 0 ? `-${signalName(-exitCode) ?? -exitCode}` : String(exitCode);
}

/**
 * What usually ends a process by that signal; null: one that has no name.
 *
 * @param remedy what helps where it is the kernel that has no memory left
 */
export function usualCause(signalCode: NodeJS.Signals | null, remedy = ""): string {
  switch (signalCode) {
    case "SIGKILL":
      return `it was killed (kill -9), or the kernel had no memory left (see dmesg${remedy})`;
    case "SIGSEGV":
    case "SIGBUS":
    case "SIGILL":
      return "native code crashed";
    case "SIGABRT":
      return "the JavaScript heap was full (raise --max-old-space-size), or native code called abort()";
    default:
      return "it was sent that signal";
  }
}
