/**
 * Errors in messages: class, message, stack, cause, and every field of their own.
 *
 * Runs in: every process.
 * Why not as structured clone does it: that keeps neither fields nor `cause` on all versions, and no class of ours.
 */
import {
  BrokenBarrierError,
  CancelledError,
  ClosedError,
  MalformedMessageError,
  MultiprocessingError,
  ProcessExitedError,
  RemoteError,
  TimeoutError,
  UnserializableError,
  WorkerExitedError,
} from "../base/errors.ts";
import type { Decoder, Encoder } from "./kinds.ts";
import { portableSymbol } from "./symbols.ts";

/** The classes that every process has, by the name that goes on the wire. Later floors add theirs. */
const classes = new Map<string, object>();
const names = new Map<object, string>();

/** @param prototype of a class of errors that the library itself defines */
export function registerErrorClass(name: string, prototype: object): void {
  classes.set(name, prototype);
  names.set(prototype, name);
}

for (const known of [Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError, AggregateError]) {
  registerErrorClass(known.name, known.prototype as object);
}
for (const [name, ours] of Object.entries({
  MultiprocessingError,
  TimeoutError,
  BrokenBarrierError,
  UnserializableError,
  ProcessExitedError,
  ClosedError,
  MalformedMessageError,
  RemoteError,
  WorkerExitedError,
  CancelledError,
})) {
  registerErrorClass(`mp:${name}`, ours.prototype as object);
}

/** Not there where there is no compiler (`--jitless`), nor in the types of Node. */
const { WebAssembly: webAssembly } = globalThis as { WebAssembly?: Record<string, { readonly prototype: object }> };

/**
 * Classes of errors that each process can find, by their names. Only when one of that name is met: `node:assert` takes
 * milliseconds to load. Node does not export its AbortError, but throws one.
 */
const findable: ReadonlyMap<string, () => unknown> = new Map([
  ["AssertionError", () => process.getBuiltinModule("node:assert").AssertionError.prototype],
  ["AbortError", abortErrorPrototype],
  ...["CompileError", "LinkError", "RuntimeError"].map((name) => [name, () => webAssembly?.[name]?.prototype] as const),
]);

function abortErrorPrototype(): unknown {
  const { EventEmitter, on } = process.getBuiltinModule("node:events");
  try {
    on(new EventEmitter(), "never", { signal: AbortSignal.abort() });
  } catch (error) {
    return Object.getPrototypeOf(error);
  }
  return undefined;
}

function find(name: string): object | undefined {
  return findable.get(name)?.() as object | undefined;
}

/** The name of the class whose prototype this is, where every process has it. */
export function errorClassName(prototype: object): string | undefined {
  const known = names.get(prototype) ?? names.get(beyondNodesOwn(prototype));
  if (known !== undefined) return known;
  const name: unknown = (Object.getOwnPropertyDescriptor(prototype, "constructor")?.value as Function | undefined)
    ?.name;
  return typeof name === "string" && find(name) === prototype ? name : undefined;
}

/**
 * Errors of Node's own ("TypeError [ERR_INVALID_ARG_TYPE]") are of classes that are hidden: their prototypes show their
 * constructors by accessors (measured on Node 20 to 26). They cross as what those extend, with their code.
 */
function beyondNodesOwn(prototype: object): object {
  let at: object | null = prototype;
  while (at !== null && Object.getOwnPropertyDescriptor(at, "constructor")?.get !== undefined) {
    at = Object.getPrototypeOf(at) as object | null;
  }
  return at ?? prototype;
}

export function errorPrototype(name: string): object | undefined {
  return classes.get(name) ?? find(name);
}

/** An error without message, fields or stack, whose prototype is set by whoever asked for it. */
export function emptyError(): Error {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    const made = new Error();
    Reflect.deleteProperty(made, "stack");
    return made;
  } finally {
    Error.stackTraceLimit = limit;
  }
}

/** Everything but class and identity: also for errors of a user's own class. */
export function writeErrorBody(error: object, encoder: Encoder): void {
  const { stack } = error as { stack?: unknown };
  encoder.value(typeof stack === "string" ? stack : undefined, ".stack");
  const keys = Reflect.ownKeys(error).filter(
    (key) => key !== "stack" && (typeof key === "string" || portableSymbol(key) !== undefined),
  );
  encoder.uint(keys.length);
  for (const key of keys) {
    const { enumerable } = Object.getOwnPropertyDescriptor(error, key)!;
    encoder.uint(enumerable === true ? 1 : 0);
    encoder.value(key, "");
    encoder.value(Reflect.get(error, key), typeof key === "string" ? `.${key}` : `[${String(key)}]`);
  }
}

export function readErrorBody(error: object, decoder: Decoder): void {
  const stack = decoder.value();
  if (stack !== undefined) define(error, "stack", stack, false);
  const count = decoder.uint();
  for (let i = 0; i < count; i++) {
    const enumerable = decoder.uint() === 1;
    const key = decoder.value();
    if (typeof key !== "string" && typeof key !== "symbol") decoder.malformed("the field of an error has no name");
    define(error, key, decoder.value(), enumerable);
  }
}

function define(error: object, key: string | symbol, value: unknown, enumerable: boolean): void {
  Object.defineProperty(error, key, { value, enumerable, writable: true, configurable: true });
}
