/**
 * Arguments and options checked at the door: one function per kind of check, one grammar of messages.
 *
 * Runs in: every process.
 * Guarantees: a message names the call, the option, what was expected and what was received.
 */
import { inspect } from "node:util";
import { invalidArgument } from "./errors.ts";

/** What every call that can wait takes. */
export interface WaitOptions {
  /** Milliseconds after which the wait is given up; 0 or less: do not wait at all. @default no limit */
  readonly timeoutMs?: number | undefined;
  /** Aborting gives the wait up; it then rejects with `signal.reason`. @default none */
  readonly signal?: AbortSignal | undefined;
}

/** What a blocking call takes. */
export interface SyncWaitOptions {
  /** Milliseconds after which the wait is given up; 0 or less: do not wait at all. @default no limit */
  readonly timeoutMs?: number | undefined;
}

/** A short form of any value for a message; never throws, never runs long. */
export function shown(value: unknown): string {
  try {
    const text = inspect(value, { depth: 0, maxArrayLength: 3, maxStringLength: 60, breakLength: Infinity });
    return text.length > 120 ? `${text.slice(0, 117)}...` : text;
  } catch {
    return typeof value; // An object whose own inspection throws is still worth a message.
  }
}

/** @throws {MultiprocessingError} ERR_MP_INVALID_ARGUMENT when `value` is not an object whose keys are all known. */
export function checkOptions(call: string, value: unknown, known: readonly string[]): void {
  if (value === undefined) return;
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw invalidArgument(`${call}: the options must be an object; received ${shown(value)}`);
  }
  for (const key of Object.keys(value)) {
    if (!known.includes(key)) {
      throw invalidArgument(`${call}: there is no option ${shown(key)}; the options are ${known.join(", ")}`);
    }
  }
}

/** Milliseconds: any number but NaN; less than 0 counts as 0, as in Python. */
export function checkMilliseconds(call: string, option: string, value: unknown): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== "number" || Number.isNaN(value)) {
    throw invalidArgument(`${call}: ${option} must be a number of milliseconds; received ${shown(value)}`);
  }
  return Math.max(0, value);
}

/** Milliseconds that something may last: what waits may ask for less than none, but not what sets a limit. */
export function checkDuration(call: string, option: string, value: unknown): number | undefined {
  const checked = checkMilliseconds(call, option, value);
  if (checked !== undefined && (value as number) < 0) {
    throw invalidArgument(
      `${call}: ${option} must be at least 0; received ${shown(value)}\n  do this:  give 0 or more milliseconds, or leave it out`,
    );
  }
  return checked;
}

/** @throws {MultiprocessingError} ERR_MP_INVALID_ARGUMENT */
export function checkFunction(call: string, value: unknown): asserts value is (...args: never[]) => unknown {
  if (typeof value === "function") return;
  throw invalidArgument(
    `${call} takes a function; received ${shown(value)}\n  do this:  pass the function itself, not the result of calling it`,
  );
}

export function checkBoolean(call: string, option: string, value: unknown): void {
  if (value !== undefined && typeof value !== "boolean") {
    throw invalidArgument(`${call}: ${option} must be true or false; received ${shown(value)}`);
  }
}

export function checkString(call: string, option: string, value: unknown): void {
  if (value !== undefined && typeof value !== "string") {
    throw invalidArgument(`${call}: ${option} must be a string; received ${shown(value)}`);
  }
}

export function checkOneOf(call: string, option: string, value: unknown, choices: readonly string[]): void {
  if (value !== undefined && !choices.includes(value as string)) {
    const list = choices.map((choice) => `"${choice}"`).join(" or ");
    throw invalidArgument(`${call}: ${option} must be ${list}; received ${shown(value)}`);
  }
}

export function checkSignal(call: string, value: unknown): void {
  if (value !== undefined && !(value instanceof AbortSignal)) {
    throw invalidArgument(`${call}: signal must be an AbortSignal; received ${shown(value)}`);
  }
}

/** The options of a wait, checked. */
export function checkWaitOptions(call: string, options: WaitOptions | undefined): WaitOptions {
  checkOptions(call, options, ["timeoutMs", "signal"]);
  checkSignal(call, options?.signal);
  return { timeoutMs: checkMilliseconds(call, "timeoutMs", options?.timeoutMs), signal: options?.signal };
}

/** The options of a wait that blocks this thread, checked: its time limit. */
export function checkSyncWaitOptions(call: string, options: unknown): number | undefined {
  checkOptions(call, options, ["timeoutMs"]);
  return checkMilliseconds(call, "timeoutMs", (options as { timeoutMs?: unknown } | undefined)?.timeoutMs);
}
