/**
 * Errors on their way to whoever waits for the result: as themselves where that can be, else as what is known of them.
 *
 * Runs in: the process in which the error was thrown.
 * Guarantees: never throws, whatever the error is.
 */
import { inspect } from "node:util";
import { RemoteError } from "../base/errors.ts";
import { encode } from "./codec.ts";

/** Fields that describe an error wherever it comes from, where they are plain. */
const tellingFields = ["code", "errno", "syscall", "path", "status", "pid", "exitCode", "signalCode"] as const;

export interface ReportOptions {
  /** The wire id of the process that will receive it: classes that come from there are those of there. */
  readonly home?: string;
  /** Gets what must stay alive until the report has been decoded. */
  readonly keep?: object[];
}

export function reportError(error: unknown, { home, keep }: ReportOptions = {}): Uint8Array {
  const options = home === undefined ? { root: "error" } : { root: "error", home };
  try {
    const { bytes, keepAlive } = encode(error, options);
    keep?.push(...keepAlive);
    return bytes;
  } catch (cause) {
    return encode(described(error, cause), options).bytes;
  }
}

/** The message is the error's own; why it could not come itself is the cause. */
function described(error: unknown, cause: unknown): RemoteError {
  const read = (key: string): unknown => {
    try {
      return (error as Record<string, unknown> | null | undefined)?.[key];
    } catch {
      return undefined; // A getter of the user's own failed: that field is not known then.
    }
  };
  const message = read("message");
  const text = typeof message === "string" ? message : shown(error);
  const report = new RemoteError(text, { cause: new Error(reason(cause)) });
  const name = read("name");
  const stack = read("stack");
  if (typeof name === "string")
    Object.defineProperty(report, "name", { value: name, configurable: true, writable: true });
  if (typeof stack === "string")
    Object.defineProperty(report, "stack", { value: stack, configurable: true, writable: true });
  const remote: Record<string, unknown> = {};
  for (const field of tellingFields) {
    const value = read(field);
    if (typeof value === "string" || typeof value === "number" || value === null) remote[field] = value;
  }
  return Object.assign(report, { remote });
}

function shown(error: unknown): string {
  try {
    return inspect(error);
  } catch {
    return "an error that cannot be shown"; // Its own inspect function failed.
  }
}

function reason(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
