/**
 * What V8 knows of a function and JavaScript does not: where it was written, and the variables it can see.
 *
 * Runs in: the process that sends.
 * Guarantees: synchronous; nothing that was looked at is kept alive by it; no debugger stays on.
 * Source: the Chrome DevTools protocol of Node's own inspector, in process. `Runtime.getProperties` answers without any
 * domain enabled; `Debugger.enable` would make every `await` ten times slower while it is on.
 */
import type { Session } from "node:inspector";
import { UnserializableError } from "../base/errors.ts";

/** One level of variables, from the inside outwards; made at the moment of looking. */
export interface Scope {
  readonly description: string;
  /** Without prototype. Reading a variable that is still in its dead zone throws from Node 22 on. */
  readonly variables: Record<string, unknown>;
}

export interface Inspected {
  readonly scriptId: string;
  /** From 0; of the parenthesis of the parameters, or of what `source-forms.ts` says. */
  readonly line: number;
  readonly column: number;
  readonly scopes: readonly Scope[];
}

export interface BoundParts {
  readonly target: (...args: never[]) => unknown;
  readonly boundThis: unknown;
  readonly boundArgs: readonly unknown[];
}

interface Holder {
  subject: unknown;
  found: unknown;
}

interface RemoteObject {
  readonly objectId?: string;
  readonly value?: unknown;
}

interface InternalProperty {
  readonly name: string;
  readonly value?: RemoteObject & { readonly value?: { scriptId: string; lineNumber: number; columnNumber: number } };
}

const group = "node-multiprocessing";

let session: Session | undefined;
let holder: Holder;
let holderId: string;

/** @throws {UnserializableError} where the inspector is not allowed or not built in */
function connected(): Session {
  if (session !== undefined) return session;
  // Loaded here, at its first use: it costs some milliseconds.
  const made = new (process.getBuiltinModule("node:inspector").Session)();
  try {
    made.connect();
  } catch (cause) {
    throw new UnserializableError(
      `Cannot look into a function: the inspector is not available in this process, and without it only functions that CommonJS modules export, and standard ones, can be sent\n` +
        `  do this:  start Node without --permission, or with --allow-inspector where it has that flag, or export the function from a CommonJS module`,
      { cause },
    );
  }
  session = made;
  holder = Object.assign(Object.create(null) as Holder, { subject: undefined, found: undefined });
  const name = Symbol.for("node-multiprocessing.inspected");
  // On a core module, not on globalThis: a test runner's realm has another one.
  const shelf = process.getBuiltinModule("node:inspector") as unknown as Record<symbol, unknown>;
  shelf[name] = holder;
  const { result } = post<{ result: RemoteObject }>("Runtime.evaluate", {
    expression: `process.getBuiltinModule("node:inspector")[Symbol.for("node-multiprocessing.inspected")]`,
  });
  Reflect.deleteProperty(shelf, name);
  holderId = result.objectId!;
  return made;
}

/** In-process sessions answer before `post` returns. */
export function post<T>(method: string, parameters: object = {}): T {
  let failure: Error | null = null;
  let answer: unknown;
  // The types know each method by name; here the name is a parameter.
  (connected().post as (m: string, p: object, done: (e: Error | null, a: unknown) => void) => void).call(
    session,
    method,
    parameters,
    (error, result) => {
      failure = error;
      answer = result;
    },
  );
  if (failure !== null) {
    throw new UnserializableError(`Cannot look into a function: the inspector refused ${method}`, { cause: failure });
  }
  return answer as T;
}

/** For events of the inspector while `run` posts. */
export function listening<T>(event: string, listener: (parameters: never) => void, run: () => T): T {
  const listened = connected();
  const onEvent = (message: { params: never }): void => listener(message.params);
  listened.on(event, onEvent as never);
  try {
    return run();
  } finally {
    listened.off(event, onEvent as never);
  }
}

/** Gives the inspector's number of a thing to `use`. */
export function withRemote<T>(subject: object, use: (objectId: string) => T): T {
  connected();
  holder.subject = subject;
  try {
    const { result } = post<{ result: RemoteObject }>("Runtime.callFunctionOn", {
      objectId: holderId,
      functionDeclaration: "function(){return this.subject}",
      objectGroup: group,
    });
    return use(result.objectId!);
  } finally {
    post("Runtime.releaseObjectGroup", { objectGroup: group });
    holder.subject = undefined;
    holder.found = undefined;
  }
}

function internals<T>(subject: object, take: (properties: ReadonlyMap<string, InternalProperty>) => T): T {
  return withRemote(subject, (objectId) => {
    const { internalProperties = [] } = post<{ internalProperties?: InternalProperty[] }>("Runtime.getProperties", {
      objectId,
      ownProperties: true,
    });
    return take(new Map(internalProperties.map((property) => [property.name, property])));
  });
}

/** The thing itself that the inspector has only a number for. */
function handOver(remote: RemoteObject | undefined): unknown {
  if (remote?.objectId === undefined) return remote?.value;
  post("Runtime.callFunctionOn", {
    objectId: holderId,
    functionDeclaration: "function(found){this.found=found}",
    arguments: [{ objectId: remote.objectId }],
    objectGroup: group,
  });
  return holder.found;
}

/** Undefined for a function that has no place in any script: a native one. */
export function inspectFunction(subject: object): Inspected | undefined {
  return internals(subject, (properties) => {
    const location = properties.get("[[FunctionLocation]]")?.value?.value;
    if (location === undefined) return undefined;
    // Neither the list nor its entries have a prototype, and the list is not iterable.
    const list = handOver(properties.get("[[Scopes]]")?.value) as ArrayLike<{ description: string; object: never }>;
    const scopes = Array.from(list ?? [], ({ description, object }) => ({ description, variables: object }));
    return { scriptId: location.scriptId, line: location.lineNumber, column: location.columnNumber, scopes };
  });
}

/** Undefined for a function that is not bound. */
export function inspectBound(subject: object): BoundParts | undefined {
  return internals(subject, (properties) => {
    const target = properties.get("[[TargetFunction]]");
    if (target === undefined) return undefined;
    return {
      target: handOver(target.value) as BoundParts["target"],
      boundThis: handOverValue(properties.get("[[BoundThis]]")?.value),
      boundArgs: Array.from(handOver(properties.get("[[BoundArgs]]")?.value) as ArrayLike<unknown>),
    };
  });
}

/** The values of an object's private fields, by `#name`. */
export function inspectPrivate(subject: object): ReadonlyMap<string, unknown> {
  return withRemote(subject, (objectId) => {
    const { privateProperties = [] } = post<{ privateProperties?: { name: string; value?: RemoteObject }[] }>(
      "Runtime.getProperties",
      { objectId, ownProperties: true },
    );
    return new Map(privateProperties.map(({ name, value }) => [name, handOverValue(value)]));
  });
}

/** Primitives come as text where JSON has no word for them. */
function handOverValue(remote: (RemoteObject & { unserializableValue?: string; type?: string }) | undefined): unknown {
  const text = remote?.unserializableValue;
  if (text === undefined) return handOver(remote);
  if (text.endsWith("n")) return BigInt(text.slice(0, -1));
  return Number(text); // NaN, Infinity, -Infinity, -0
}
