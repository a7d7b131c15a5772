/**
 * The options of a Process: their types, inferred from the target, and their check at the door.
 *
 * Runs in: the process that makes the Process.
 * Guarantees: a wrong key or argument does not compile; what reaches us untyped gets an error that names it.
 */
import {
  checkBoolean,
  checkDuration,
  checkOneOf,
  checkOptions,
  checkSignal,
  checkString,
  shown,
} from "../base/options.ts";
import { invalidArgument } from "../base/errors.ts";

/** Any function. `any` in the parameters: it is the only type to which functions of all parameters are assignable. */
// oxlint-disable-next-line typescript/no-explicit-any -- see above
export type Target = (...args: any[]) => unknown;

type OptionsObject = object | undefined;

/** The arguments before an options object, and the object itself as `kwargs`. */
type LeadingThenKwargs<Leading extends readonly unknown[], Options> = [] extends Leading
  ? { readonly args?: Readonly<Leading>; readonly kwargs: NonNullable<Options> }
  : { readonly args: Readonly<Leading>; readonly kwargs: NonNullable<Options> };

/** Each way to split the parameters P into leading arguments and the options object that follows them. */
type WithKwargs<P extends readonly unknown[], Leading extends readonly unknown[] = []> = P extends readonly [
  infer Head,
  ...infer Rest,
]
  ? (Head extends OptionsObject ? LeadingThenKwargs<Leading, Head> : never) | WithKwargs<Rest, [...Leading, Head]>
  : never;

type WithoutKwargs<P extends readonly unknown[]> = [] extends P
  ? { readonly args?: Readonly<P>; readonly kwargs?: undefined }
  : { readonly args: Readonly<P>; readonly kwargs?: undefined };

/** The arguments of a target, as `args` and `kwargs`. */
export type TargetArguments<F extends Target> = WithoutKwargs<Parameters<F>> | WithKwargs<Required<Parameters<F>>>;

/** What a Process takes beside its target and arguments. */
export interface ProcessSettings {
  /** Reserved, as in Python: anything but null or undefined is an error. */
  readonly group?: null | undefined;
  /** @default "Process-1", "Process-2", …; a child's children are "Process-1:1", … */
  readonly name?: string | undefined;
  /** A daemon does not keep its owner's event loop alive. @default that of the current process */
  readonly daemon?: boolean | undefined;
  /** It lives on when its owner ends. @default false */
  readonly detached?: boolean | undefined;
  /** Aborting it terminates the process; `result` then rejects with `signal.reason`. @default none */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds it may run: past them SIGTERM, then SIGKILL. @default no limit */
  readonly timeoutMs?: number | undefined;
  /** Milliseconds between SIGTERM and SIGKILL. @default 5000 */
  readonly killGraceMs?: number | undefined;
  /** The whole environment, as in `node:child_process`. @default process.env at start() */
  readonly env?: NodeJS.ProcessEnv | undefined;
  /** @default process.cwd() at start() */
  readonly cwd?: string | URL | undefined;
  /** Options of Node itself. @default process.execArgv, without what only the main program can have */
  readonly execArgv?: readonly string[] | undefined;
  /** "pipe" gives `.stdin`, `.stdout`, `.stderr`. @default "inherit" */
  readonly stdio?: "inherit" | "ignore" | "pipe" | undefined;
}

/** What `new Process()` takes: settings, a target, and the target's arguments, typed from it. */
export type ProcessOptions<F extends Target = Target> = ProcessSettings & {
  /** The function that runs in the other process. Omitted by subclasses that override `run()`. */
  readonly target?: F | undefined;
} & TargetArguments<F>;

/** The options as the rest of the library uses them. */
export interface CheckedOptions extends Omit<ProcessSettings, "timeoutMs" | "killGraceMs"> {
  readonly target: Target | undefined;
  readonly args: readonly unknown[];
  readonly kwargs: object | undefined;
  readonly timeoutMs: number | undefined;
  readonly killGraceMs: number;
}

/** Arbitrary: long enough for a clean end, short enough that nobody waits for it twice. */
const defaultKillGraceMs = 5000;

const known = [
  "target",
  "args",
  "kwargs",
  "group",
  "name",
  "daemon",
  "detached",
  "signal",
  "timeoutMs",
  "killGraceMs",
  "env",
  "cwd",
  "execArgv",
  "stdio",
];

/** @throws {MultiprocessingError} ERR_MP_INVALID_ARGUMENT for an option that is unknown or of the wrong kind. */
export function checkProcessOptions(call: string, given: unknown): CheckedOptions {
  checkOptions(call, given, known);
  const options = (given ?? {}) as Record<string, unknown>;
  const { target, group, args, kwargs } = options;
  if (group !== undefined && group !== null) {
    throw invalidArgument(`${call}: group is reserved and must be left out or null; received ${shown(group)}`);
  }
  if (target !== undefined && typeof target !== "function") {
    throw invalidArgument(
      `${call}: target must be a function; received ${shown(target)}\n` +
        `  do this:  pass the function itself (target: work), not the result of calling it (target: work())`,
    );
  }
  if (args !== undefined && !Array.isArray(args)) {
    throw invalidArgument(
      `${call}: args must be an array of the target's arguments; received ${shown(args)}\n` +
        `  do this:  args: [${shown(args)}]`,
    );
  }
  if (kwargs !== undefined && (typeof kwargs !== "object" || kwargs === null || Array.isArray(kwargs))) {
    throw invalidArgument(`${call}: kwargs must be an object, the argument after args; received ${shown(kwargs)}`);
  }
  checkString(call, "name", options["name"]);
  checkBoolean(call, "daemon", options["daemon"]);
  checkBoolean(call, "detached", options["detached"]);
  checkSignal(call, options["signal"]);
  checkOneOf(call, "stdio", options["stdio"], ["inherit", "ignore", "pipe"]);
  checkSurroundings(call, options);
  return {
    ...(options as ProcessSettings),
    target: target as Target | undefined,
    args: [...((args as unknown[] | undefined) ?? [])],
    kwargs: kwargs as object | undefined,
    timeoutMs: checkDuration(call, "timeoutMs", options["timeoutMs"]),
    killGraceMs: checkDuration(call, "killGraceMs", options["killGraceMs"]) ?? defaultKillGraceMs,
  };
}

function checkSurroundings(call: string, { env, cwd, execArgv }: Record<string, unknown>): void {
  if (env !== undefined && (typeof env !== "object" || env === null)) {
    throw invalidArgument(`${call}: env must be an object of strings; received ${shown(env)}`);
  }
  if (cwd !== undefined && typeof cwd !== "string" && !(cwd instanceof URL)) {
    throw invalidArgument(`${call}: cwd must be a path or a file URL; received ${shown(cwd)}`);
  }
  if (execArgv !== undefined && !(Array.isArray(execArgv) && execArgv.every((part) => typeof part === "string"))) {
    throw invalidArgument(`${call}: execArgv must be an array of strings; received ${shown(execArgv)}`);
  }
}
