/**
 * The options of a Pool and of its calls: their types, and their check at the door.
 *
 * Runs in: the parent.
 */
import { fileURLToPath, pathToFileURL } from "node:url";
import { invalidArgument, MultiprocessingError } from "../base/errors.ts";
import { checkDuration, checkOneOf, checkOptions, checkSignal, checkString, shown } from "../base/options.ts";
import { addonOrUndefined, whyNoAddon } from "../host/addon.ts";
import { cpuCount } from "../host/cpu-count.ts";
import type { ServerSettings } from "../process/fork-server-protocol.ts";
import type { StartMethod } from "../process/launcher.ts";
import { launcherFor } from "../process/start-methods.ts";
import type { Target, TargetArguments } from "../process/process-options.ts";
import type { ProgressOption } from "./progress.ts";

/** What a Pool takes beside the number of its workers. */
export interface PoolOptions<I extends Target = Target> {
  /** Runs once in each worker before its first task; what it returns is `currentTask().state`. @default none */
  readonly initializer?: I | undefined;
  /** @default [] */
  readonly initArgs?: Readonly<Parameters<I>> | undefined;
  /** Tasks (items, not chunks) after which a worker is replaced; 1 or more. @default no limit */
  readonly maxTasksPerChild?: number | undefined;
  /** A worker whose resident memory is larger is replaced once its task is done. @default no limit */
  readonly maxMemoryPerChildBytes?: number | undefined;
  /** @default the current one */
  readonly startMethod?: StartMethod | undefined;
  /** Modules that each worker imports before its initializer runs. @default none */
  readonly preload?: readonly (string | URL)[] | undefined;
  /** How often a task whose worker died is tried again. @default 0 */
  readonly retries?: number | undefined;
  /** Milliseconds, 0 or more, that a cancelled or timed out task has to end by itself before its worker is killed. @default 100 */
  readonly cancelGraceMs?: number | undefined;
  /** Milliseconds, 0 or more, after which a worker without tasks ends; it is started again when needed. @default never */
  readonly idleTimeoutMs?: number | undefined;
  /** Processors: a number for each worker in turn, or a list for each. Linux, with the addon. @default any */
  readonly affinity?: readonly (number | readonly number[])[] | undefined;
  /** For messages, `ps` and events. @default "Pool-1", "Pool-2", … */
  readonly name?: string | undefined;
}

/** What `submit` and `apply` take beside a function and its arguments. */
export interface TaskOptions {
  /** Milliseconds, 0 or more, that the task may run, from its start. @default no limit */
  readonly timeoutMs?: number | undefined;
  /** Aborting it cancels the task, which rejects with `signal.reason`. @default none */
  readonly signal?: AbortSignal | undefined;
  /** Any number; the higher one first. @default 0 */
  readonly priority?: number | undefined;
}

/** What `map` and `starmap` take beside a function and its items. `timeoutMs` is of each task, from its start. */
export interface MapOptions extends TaskOptions {
  /**
   * Items that travel together: as few as 1. Chunks of tasks that prove short are handed over several at a time all the
   * same. "auto": many short ones, long ones alone. @default "auto"
   */
  readonly chunkSize?: number | "auto" | undefined;
  /** "stop": the first error ends it, and the rest is cancelled. "collect": an AggregateError with `indexes` and `results` at the end. @default "stop" */
  readonly onError?: "stop" | "collect" | undefined;
  /** A bar on stderr where that is a terminal; a callback is told each change. @default none */
  readonly progress?: ProgressOption | undefined;
}

/** What `imap` and `imapUnordered` take beside a function and its items. */
export interface ImapOptions extends MapOptions {
  /** Items read ahead of the results that were taken; 1 or more. @default 4 × workers × chunk, at most 1024 */
  readonly buffer?: number | undefined;
}

/** The arguments of a call, and the options object of its function as `kwargs`. */
type FromArguments<A> = A extends { readonly args: infer L; readonly kwargs: infer K extends object }
  ? [args: L, options: TaskOptions & { readonly kwargs: K }]
  : A extends { readonly args?: infer L; readonly kwargs: infer K extends object }
    ? [args: L | undefined, options: TaskOptions & { readonly kwargs: K }]
    : A extends { readonly args: infer L }
      ? [args: L, options?: TaskOptions & { readonly kwargs?: undefined }]
      : A extends { readonly args?: infer L }
        ? [args?: L, options?: TaskOptions & { readonly kwargs?: undefined }]
        : never;

/** What follows the function in `submit` and `apply`. */
export type CallArguments<F extends Target> = FromArguments<TargetArguments<F>>;

export interface CheckedPoolOptions {
  readonly processes: number;
  readonly initializer: Target | undefined;
  readonly initArgs: readonly unknown[];
  readonly maxTasksPerChild: number;
  readonly maxMemoryPerChildBytes: number;
  readonly startMethod: StartMethod | undefined;
  readonly preload: ServerSettings | undefined;
  readonly retries: number;
  readonly cancelGraceMs: number;
  readonly idleTimeoutMs: number | undefined;
  readonly affinity: readonly (number | readonly number[])[] | undefined;
  readonly name: string;
}

/** Long enough for an AbortSignal's listener, short enough that nobody waits for it. From the contract. */
const defaultCancelGraceMs = 100;

const known = [
  "initializer",
  "initArgs",
  "maxTasksPerChild",
  "maxMemoryPerChildBytes",
  "startMethod",
  "preload",
  "retries",
  "cancelGraceMs",
  "idleTimeoutMs",
  "affinity",
  "name",
];

let poolsMade = 0;

/** @throws {MultiprocessingError} ERR_MP_INVALID_ARGUMENT for an option that is unknown or of the wrong kind. */
export function checkPoolOptions(call: string, processes: unknown, given: unknown): CheckedPoolOptions {
  checkOptions(call, given, known);
  const options = (given ?? {}) as Record<string, unknown>;
  const { initializer, initArgs, preload, affinity } = options;
  if (initializer !== undefined && typeof initializer !== "function") {
    throw invalidArgument(`${call}: initializer must be a function; received ${shown(initializer)}`);
  }
  if (initArgs !== undefined && !Array.isArray(initArgs)) {
    throw invalidArgument(`${call}: initArgs must be an array; received ${shown(initArgs)}`);
  }
  checkString(call, "name", options["name"]);
  const startMethod = options["startMethod"] as StartMethod | undefined;
  if (startMethod !== undefined) launcherFor(startMethod, call);
  poolsMade++;
  return {
    processes: processes === undefined || processes === null ? cpuCount() : checkWorkers(call, "processes", processes),
    initializer: initializer as Target | undefined,
    initArgs: [...((initArgs as unknown[] | undefined) ?? [])],
    maxTasksPerChild: orInfinity(options["maxTasksPerChild"], (value) => checkCount(call, "maxTasksPerChild", value)),
    maxMemoryPerChildBytes: orInfinity(options["maxMemoryPerChildBytes"], (value) =>
      checkCount(call, "maxMemoryPerChildBytes", value),
    ),
    startMethod,
    preload: checkPreload(call, preload),
    retries: options["retries"] === undefined ? 0 : checkCount(call, "retries", options["retries"], 0),
    cancelGraceMs: checkDuration(call, "cancelGraceMs", options["cancelGraceMs"]) ?? defaultCancelGraceMs,
    idleTimeoutMs: checkDuration(call, "idleTimeoutMs", options["idleTimeoutMs"]),
    affinity: checkAffinity(call, affinity),
    name: (options["name"] as string | undefined) ?? `Pool-${poolsMade}`,
  };
}

function orInfinity(value: unknown, check: (value: unknown) => number): number {
  return value === undefined || value === null ? Infinity : check(value);
}

/** A whole number, or Infinity. */
export function checkCount(call: string, option: string, value: unknown, least = 1): number {
  if (typeof value === "number" && value >= least && (Number.isSafeInteger(value) || value === Infinity)) return value;
  throw invalidArgument(`${call}: ${option} must be a whole number, ${least} or more; received ${shown(value)}`);
}

/** Each takes a place in the family's memory, which has 4,095. */
const mostWorkers = 4095;

/** A number of workers. */
export function checkWorkers(call: string, option: string, value: unknown): number {
  const count = checkCount(call, option, value);
  if (count <= mostWorkers) return count;
  throw invalidArgument(`${call}: ${option} must be at most ${mostWorkers}; received ${shown(value)}`);
}

function checkPreload(call: string, preload: unknown): ServerSettings | undefined {
  if (preload === undefined) return undefined;
  if (!Array.isArray(preload))
    throw invalidArgument(`${call}: preload must be a list of modules; received ${shown(preload)}`);
  const from = pathToFileURL(`${process.cwd()}/`);
  const modules = preload.map((module: unknown) => {
    if (module instanceof URL) return module.href;
    if (typeof module !== "string" || module === "") {
      throw invalidArgument(`${call}: preload must hold module names and URLs; received ${shown(module)}`);
    }
    return /^\.{0,2}\//.test(module) ? pathToFileURL(fileURLToPath(new URL(module, from))).href : module;
  });
  return { preload: modules, from: from.href };
}

function checkAffinity(call: string, affinity: unknown): CheckedPoolOptions["affinity"] {
  if (affinity === undefined) return undefined;
  const isCpu = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;
  const right =
    Array.isArray(affinity) &&
    affinity.length > 0 &&
    affinity.every((each) => isCpu(each) || (Array.isArray(each) && each.length > 0 && each.every(isCpu)));
  if (!right) {
    throw invalidArgument(
      `${call}: affinity must be a list of processor numbers, or of lists of them; received ${shown(affinity)}`,
    );
  }
  if (addonOrUndefined() === undefined) {
    throw new MultiprocessingError(`${call}: affinity needs the native addon (${whyNoAddon()})`, {
      code: "ERR_MP_NOT_SUPPORTED",
    });
  }
  return affinity as CheckedPoolOptions["affinity"];
}

export interface CheckedCallOptions {
  readonly timeoutMs: number | undefined;
  readonly signal: AbortSignal | undefined;
  readonly priority: number;
}

const nothing: CheckedCallOptions = { timeoutMs: undefined, signal: undefined, priority: 0 };

export function checkTaskOptions(call: string, given: unknown): CheckedCallOptions & { readonly kwargs?: object } {
  if (given === undefined) return nothing;
  checkOptions(call, given, ["timeoutMs", "signal", "priority", "kwargs"]);
  const { kwargs } = given as { kwargs?: unknown };
  if (kwargs !== undefined && (typeof kwargs !== "object" || kwargs === null || Array.isArray(kwargs))) {
    throw invalidArgument(`${call}: kwargs must be an object, the argument after args; received ${shown(kwargs)}`);
  }
  const common = checkCommon(call, given as Record<string, unknown>);
  return kwargs === undefined ? common : { ...common, kwargs };
}

function checkCommon(call: string, options: Record<string, unknown>): CheckedCallOptions {
  const { priority, signal } = options;
  if (priority !== undefined && (typeof priority !== "number" || Number.isNaN(priority))) {
    throw invalidArgument(`${call}: priority must be a number; received ${shown(priority)}`);
  }
  checkSignal(call, signal);
  return {
    timeoutMs: checkDuration(call, "timeoutMs", options["timeoutMs"]),
    signal: signal as AbortSignal | undefined,
    priority: priority ?? 0,
  };
}

export interface CheckedMapOptions extends CheckedCallOptions {
  readonly chunkSize: number | undefined;
  readonly onError: "stop" | "collect";
  readonly progress: ProgressOption | undefined;
  readonly buffer: number | undefined;
}

function checkProgress(call: string, progress: unknown): void {
  if (progress === undefined || typeof progress === "boolean" || typeof progress === "function") return;
  if (typeof progress !== "object" || progress === null) {
    throw invalidArgument(`${call}: progress must be true, options or a function; received ${shown(progress)}`);
  }
  checkOptions(`${call}, progress`, progress, ["label", "total", "stream", "onProgress"]);
  const { label, total, stream, onProgress } = progress as Record<string, unknown>;
  checkString(call, "progress.label", label);
  if (total !== undefined) checkCount(call, "progress.total", total, 0);
  if (stream !== undefined && typeof (stream as { write?: unknown } | null)?.write !== "function") {
    throw invalidArgument(`${call}: progress.stream must be a stream to write to; received ${shown(stream)}`);
  }
  if (onProgress !== undefined && typeof onProgress !== "function") {
    throw invalidArgument(`${call}: progress.onProgress must be a function; received ${shown(onProgress)}`);
  }
}

const mapOptions = ["timeoutMs", "signal", "priority", "chunkSize", "onError", "progress"];

export function checkMapOptions(call: string, given: unknown, { lazy }: { readonly lazy: boolean }): CheckedMapOptions {
  checkOptions(call, given, lazy ? [...mapOptions, "buffer"] : mapOptions);
  const options = (given ?? {}) as Record<string, unknown>;
  const { chunkSize, onError, progress, buffer } = options;
  checkOneOf(call, "onError", onError, ["stop", "collect"]);
  checkProgress(call, progress);
  return {
    ...checkCommon(call, options),
    chunkSize: chunkSize === undefined || chunkSize === "auto" ? undefined : checkCount(call, "chunkSize", chunkSize),
    onError: (onError as "stop" | "collect" | undefined) ?? "stop",
    progress: progress as ProgressOption | undefined,
    buffer: buffer === undefined ? undefined : checkCount(call, "buffer", buffer),
  };
}
