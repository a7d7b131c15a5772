/**
 * Functions, classes, modules and namespaces that the other side can import: where they are.
 *
 * Runs in: the process that sends.
 * Guarantees: no module is loaded, and no getter of the user's is called, to find out.
 */
import { realpathSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { inspectFunction, type Inspected } from "./inspection.ts";
import type { ModuleReference } from "./kinds.ts";
import { anonymousDefault, moduleTables, positionAt } from "./module-tables.ts";
import { scriptUrl } from "./scripts.ts";

/** A module, and the keys that lead from it to the thing. */
export interface Place {
  readonly module: ModuleReference;
  readonly keys: readonly string[];
}

const require = createRequire(import.meta.url);

let mainUrls: ReadonlySet<string> | undefined;
let mainArgument: string | undefined;

/** The program itself: to import it would run it again. */
export function isMain(url: string): boolean {
  if (mainUrls === undefined || mainArgument !== process.argv[1]) {
    mainArgument = process.argv[1];
    mainUrls = new Set(
      [...candidates(process.argv[1]), require.main?.filename ?? ""]
        .filter(Boolean)
        .map((path) => pathToFileURL(path).href),
    );
  }
  return mainUrls.has(url.split(/[?#]/)[0]!);
}

/** `node main` may mean main.js, or main/index.js. */
function candidates(path: string | undefined): string[] {
  if (path === undefined) return [];
  return ["", ".js", ".cjs", ".mjs", ".ts", ".cts", ".mts", "/index.js"].flatMap((ending) => {
    try {
      return [path + ending, realpathSync(path + ending)];
    } catch {
      return []; // No such file: then the main module is another of the candidates.
    }
  });
}

/** Not all of it is in the types. */
interface Frame {
  getFileName(): string | null | undefined;
  getFunctionName(): string | null;
  getEnclosingLineNumber?(): number;
  getEnclosingColumnNumber?(): number;
}

/**
 * A module whose top level is on the stack, or awaits: to import it would wait for itself, or start it again.
 *
 * A callback without a name is no top level: that alone begins where its file begins (measured on Node 20 to 26).
 */
export function isEvaluating(url: string): boolean {
  return framesNow().some(
    (frame) =>
      frame.getFileName() === url &&
      frame.getFunctionName() === null &&
      frame.getEnclosingLineNumber?.() === 1 &&
      frame.getEnclosingColumnNumber?.() === 1,
  );
}

function framesNow(): readonly Frame[] {
  const { stackTraceLimit, prepareStackTrace } = Error;
  try {
    Error.stackTraceLimit = 200;
    Error.prepareStackTrace = (_, frames): unknown => frames;
    const { stack } = new Error() as unknown as { stack?: readonly Frame[] };
    return Array.isArray(stack) ? stack : [];
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
    Reflect.set(Error, "prepareStackTrace", prepareStackTrace);
  }
}

/**
 * Functions and classes that a module exports.
 *
 * @param start where the function's text begins: its line and column, from 0
 */
export function placeOfFunction(
  subject: (...args: never[]) => unknown,
  inspected: Inspected,
  start: { readonly line: number; readonly column: number },
): Place | undefined {
  const required = placeInRequired(subject);
  if (required !== undefined) return required;
  const url = scriptUrl(inspected.scriptId);
  if (!/^(?:file|data):/.test(url) || isMain(url)) return undefined;
  const scope = inspected.scopes.find(({ description }) => description.startsWith("Module"));
  const tables = scope === undefined ? undefined : moduleTables(url);
  if (tables === undefined || tables.exports.size === 0 || isEvaluating(url)) return undefined;
  for (const [exported, local] of tables.exports) {
    const module: ModuleReference = { how: "import", url };
    if (local === anonymousDefault) {
      // The top level runs once, so that a position there is one function.
      if (tables.defaultStart === undefined) continue;
      const { line, column } = positionAt(tables.text, tables.defaultStart);
      if (line === start.line && column === start.column) return { module, keys: [exported] };
      continue;
    }
    const value = read(scope!.variables, local);
    if (value === subject) return { module, keys: [exported] };
    const keys = typeof value === "function" ? memberKeys(value, subject) : undefined;
    if (keys !== undefined) return { module, keys: [exported, ...keys] };
  }
  return undefined;
}

/** A variable in its dead zone throws, or is undefined: it is not the one. */
function read(variables: Record<string, unknown>, name: string): unknown {
  try {
    return variables[name];
  } catch {
    return undefined;
  }
}

/** A static method, or one of the prototype, of a class. */
function memberKeys(owner: object, subject: unknown): string[] | undefined {
  for (const [holder, before] of [
    [owner, []],
    [(owner as { prototype?: object }).prototype, ["prototype"]],
  ] as const) {
    if (holder === undefined || holder === null) continue;
    for (const key of Object.getOwnPropertyNames(holder)) {
      if (Object.getOwnPropertyDescriptor(holder, key)?.value === subject && key !== "constructor")
        return [...before, key];
    }
  }
  return undefined;
}

let required = new WeakMap<object, Place>();
let requiredSeen = 0;

/** CommonJS: the module's exports themselves, and the functions in them; and what was noted by `noteModule()`. */
export function placeInRequired(subject: object): Place | undefined {
  lookUpNoted();
  const loaded = Object.values(require.cache);
  if (loaded.length !== requiredSeen) {
    requiredSeen = loaded.length;
    required = new WeakMap();
    for (const module of loaded) {
      // A JSON module that was imported is there without a file name.
      if (module === undefined || typeof module.filename !== "string") continue;
      if (!module.loaded) requiredSeen = -1; // Still evaluating: to be looked at again.
      else if (!isMain(pathToFileURL(module.filename).href)) note(module);
    }
  }
  return noted.get(subject) ?? required.get(subject);
}

const noted = new WeakMap<object, Place>();
type Namespace = Readonly<Record<string, unknown>>;
const unread: [Namespace, ModuleReference, readonly string[]][] = [];

/**
 * Of a module of the library's bundle, which V8 knows as one script: that its functions, and what its classes have, are
 * found there.
 *
 * @param keys lead from what `module` gives to the namespace
 */
export function noteModule(namespace: Namespace, module: ModuleReference, keys: readonly string[] = []): void {
  if (keys.length === 0) notePlaceOfNamespace(namespace, module);
  unread.push([namespace, module, keys]);
}

/** What was noted is gone through at the first question: it takes 2 ms, and many a program never asks. */
export function lookUpNoted(): void {
  for (const each of unread.splice(0)) lookUp(...each);
}

function lookUp(namespace: Namespace, module: ModuleReference, keys: readonly string[]): void {
  for (const [name, value] of Object.entries(namespace)) {
    if (typeof value !== "function") continue;
    noted.set(value, { module, keys: [...keys, name] });
    for (const [holder, before] of [
      [value, [...keys, name]],
      [value.prototype as unknown, [...keys, name, "prototype"]],
    ] as const) {
      if (typeof holder !== "function" && (typeof holder !== "object" || holder === null)) continue;
      for (const key of Object.getOwnPropertyNames(holder)) {
        const member: unknown = Object.getOwnPropertyDescriptor(holder, key)?.value;
        if (typeof member === "function" && !noted.has(member)) noted.set(member, { module, keys: [...before, key] });
      }
    }
  }
}

function note({ exports, filename }: NodeModule): void {
  const reference: ModuleReference = { how: "require", filename };
  const value: unknown = exports;
  if ((typeof value !== "object" || value === null) && typeof value !== "function") return;
  if (!required.has(value)) required.set(value, { module: reference, keys: [] });
  for (const key of Object.keys(value)) {
    const member: unknown = Object.getOwnPropertyDescriptor(value, key)?.value;
    if (typeof member === "function" && !required.has(member)) required.set(member, { module: reference, keys: [key] });
  }
}

const namespaces = new WeakMap<object, Place>();

/** Undefined when it cannot be found out which module it is of. */
export function placeOfNamespace(namespace: Record<string, unknown>): Place | undefined {
  const known = namespaces.get(namespace);
  if (known !== undefined) return known;
  const url = urlOfNamespace(namespace);
  if (url === undefined) return undefined;
  const place: Place = { module: { how: "import", url }, keys: [] };
  namespaces.set(namespace, place);
  return place;
}

/** Of one that was brought in by a reference: where it is from is known. */
export function notePlaceOfNamespace(namespace: object, module: ModuleReference): void {
  if (!namespaces.has(namespace)) namespaces.set(namespace, { module, keys: [] });
}

function urlOfNamespace(namespace: Record<string, unknown>): string | undefined {
  const standard = namespace["default"] ?? namespace["module.exports"];
  if (typeof standard === "object" && standard !== null) {
    const module = placeInRequired(standard)?.module;
    if (module?.how === "require") return pathToFileURL(module.filename).href;
  }
  for (const value of Object.values(namespace)) {
    if (typeof value !== "function") continue;
    const inspected = inspectFunction(value);
    const url = inspected === undefined ? "" : scriptUrl(inspected.scriptId);
    const names = moduleTables(url)?.exports;
    // The function may come from elsewhere: the module is the one that exports all these names.
    if (names !== undefined && !isMain(url) && Object.keys(namespace).every((name) => names.has(name))) return url;
  }
  return undefined;
}
