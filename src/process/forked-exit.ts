/**
 * The end of a forked child: as a Node program ends, but by `_exit`.
 *
 * Runs in: a forked child.
 * Why: Node's own way out joins its platform's worker threads, which were not copied by fork(): an abort after all of
 * the program has run; and before "beforeExit" it waits for tasks posted to them, for ever (measured on Node 26 after
 * one `crypto.subtle.digest`). So the empty event loop is noticed before Node sees it, and every exit leaves from here.
 */
import { inspect } from "node:util";
import { takeCoverage } from "node:v8";
import type { Addon } from "../host/addon.ts";

/** Node's own exit codes. */
const uncaughtErrorCode = 1;
const failingHandlerCode = 7;

export interface InternalProcess {
  reallyExit(code?: number): never;
  /** Called by Node's C++ for each error that nothing has caught; false: nobody has handled it, and "exit" is emitted. */
  _fatalException(error: unknown, fromPromise: boolean): boolean;
}

/** @param lastWord told the exit code before the process ends */
export function leaveByExit(addon: Pick<Addon, "watchEmptyLoop" | "exitNow">, lastWord: (code: number) => void): void {
  const internal = process as unknown as InternalProcess;
  internal.reallyExit = (code) => {
    const status = Number(code ?? 0) & 0xff;
    if (process.env["NODE_V8_COVERAGE"] !== undefined) takeCoverage();
    lastWord(status);
    return addon.exitNow(status);
  };
  const inNode = internal._fatalException;
  internal._fatalException = (error, fromPromise) => {
    let handled: boolean;
    try {
      handled = inNode.call(process, error, fromPromise);
    } catch (failure) {
      printUncaught(failure);
      return internal.reallyExit(failingHandlerCode);
    }
    if (handled) return true;
    printUncaught(error);
    return internal.reallyExit(Number(process.exitCode ?? uncaughtErrorCode));
  };
  addon.watchEmptyLoop(
    () => void process.emit("beforeExit", Number(process.exitCode ?? 0)),
    () => process.exit(),
  );
}

/** As Node prints it, less the line of source. */
function printUncaught(error: unknown): void {
  const text = error instanceof Error ? inspect(error) : `Uncaught ${inspect(error)}`;
  process.stderr.write(`${text}\n\nNode.js ${process.version}\n`);
}
