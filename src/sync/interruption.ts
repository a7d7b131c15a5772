/**
 * Blocking waits and signals: a handler in JavaScript can run only once the wait has ended.
 *
 * Runs in: every process.
 */
import { constants } from "node:os";
import { MultiprocessingError } from "../base/errors.ts";

/** True when one of the program's own handlers may be waiting to run. */
export function interrupted(): boolean {
  return process.eventNames().some((name) => typeof name === "string" && name in constants.signals);
}

export function interruptedError(what: string): MultiprocessingError {
  return new MultiprocessingError(
    `${what}: a signal came, and its handler can run only when the thread no longer blocks\n` +
      `  do this:  call it again after the handler has run, or use the asynchronous form`,
    { code: "ERR_MP_INTERRUPTED" },
  );
}
