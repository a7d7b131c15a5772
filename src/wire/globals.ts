/**
 * What every process has from the start: the language's own functions and objects, Node's globals, and the exports of
 * `node:` modules, each by its path.
 *
 * Runs in: both.
 * Why a fixed list: looking at every property of globalThis loads over a hundred internal modules (measured: 50 ms on
 * Node 22 and later). Node's own globals are only looked at by name, when something of that name turns up.
 */
import { builtinModules } from "node:module";
import { loadedModuleCount, loadedModules } from "../host/loaded-modules.ts";

/** ECMA-262, "Well-Known Intrinsic Objects", less those without a global name. */
const names = `Object Function Error AggregateError EvalError RangeError ReferenceError SyntaxError TypeError URIError
  Array ArrayBuffer SharedArrayBuffer DataView Boolean Number BigInt String Symbol RegExp Date Promise Proxy Map Set
  WeakMap WeakSet WeakRef FinalizationRegistry Int8Array Uint8Array Uint8ClampedArray Int16Array Uint16Array Int32Array
  Uint32Array Float16Array Float32Array Float64Array BigInt64Array BigUint64Array Iterator Math JSON Reflect Atomics
  Intl parseInt parseFloat isNaN isFinite encodeURI encodeURIComponent decodeURI decodeURIComponent escape unescape
  eval DisposableStack AsyncDisposableStack SuppressedError`.split(/\s+/);

/** Objects that Node puts there and that code keeps in variables. */
const nodeObjects = ["globalThis", "process", "console"];

/** Classes and functions without a global name, by an expression for each that both sides evaluate. */
const unnamed: Record<string, () => unknown> = {
  "%GeneratorFunction%": () => Object.getPrototypeOf(function* () {}).constructor as unknown,
  "%AsyncFunction%": () => Object.getPrototypeOf(async function () {}).constructor as unknown,
  "%AsyncGeneratorFunction%": () => Object.getPrototypeOf(async function* () {}).constructor as unknown,
  "%TypedArray%": () => Object.getPrototypeOf(Uint8Array) as unknown,
  "%IteratorPrototype%": () => Object.getPrototypeOf(Object.getPrototypeOf([][Symbol.iterator]())) as unknown,
};

/** `root` is a global name, one of `unnamed`, or `node:` and a module; then keys, "get x" and "set x" for accessors. */
export interface GlobalPath {
  readonly root: string;
  readonly keys: readonly string[];
}

let intrinsics: Map<object, GlobalPath> | undefined;

function isObject(value: unknown): value is object {
  return (typeof value === "object" && value !== null) || typeof value === "function";
}

function intrinsicTable(): Map<object, GlobalPath> {
  if (intrinsics !== undefined) return intrinsics;
  const table = new Map<object, GlobalPath>();
  const note = (value: unknown, root: string, keys: readonly string[]): void => {
    if (isObject(value) && !table.has(value)) table.set(value, { root, keys });
  };
  const membersOf = (owner: unknown, root: string, keys: readonly string[]): void => {
    if (!isObject(owner)) return;
    for (const key of Reflect.ownKeys(owner)) {
      const step = keyText(key);
      if (step === undefined) continue;
      const { value, get, set } = Object.getOwnPropertyDescriptor(owner, key)!;
      note(value, root, [...keys, step]);
      if (get !== undefined) note(get, root, [...keys, `get ${step}`]);
      if (set !== undefined) note(set, root, [...keys, `set ${step}`]);
    }
  };
  for (const name of names) note(Reflect.get(globalThis, name), name, []);
  for (const name of nodeObjects) note(Reflect.get(globalThis, name), name, []);
  for (const [name, find] of Object.entries(unnamed)) note(find(), name, []);
  for (const name of names) {
    const owner: unknown = Reflect.get(globalThis, name);
    membersOf(owner, name, []);
    if (typeof owner === "function") membersOf(owner.prototype, name, ["prototype"]);
  }
  for (const name of ["%TypedArray%", "%GeneratorFunction%", "%AsyncFunction%", "%AsyncGeneratorFunction%"]) {
    const owner = unnamed[name]!() as { prototype: unknown };
    membersOf(owner, name, []);
    membersOf(owner.prototype, name, ["prototype"]);
  }
  membersOf(unnamed["%IteratorPrototype%"]!(), "%IteratorPrototype%", []);
  for (const root of ["process", "console"]) {
    const owner = Reflect.get(globalThis, root) as object;
    for (const [key, { value }] of Object.entries(Object.getOwnPropertyDescriptors(owner))) {
      if (typeof value === "function") note(value, root, [key]);
    }
  }
  note(process.env, "process", ["env"]);
  note(process.hrtime.bigint, "process", ["hrtime", "bigint"]);
  return (intrinsics = table);
}

/** A key as text: "@@iterator" for well-known symbols. */
function keyText(key: string | symbol): string | undefined {
  if (typeof key === "string") return key.startsWith("@@") ? undefined : key;
  const name = key.description ?? "";
  return name.startsWith("Symbol.") ? `@@${name.slice(7)}` : undefined;
}

let modules: Map<object, GlobalPath> | undefined;
let modulesSeen = 0;

/** The public modules that are loaded: to load the others would print warnings and cost milliseconds. */
function moduleTable(): Map<object, GlobalPath> {
  if (modules !== undefined && modulesSeen === loadedModuleCount()) return modules;
  modulesSeen = loadedModuleCount();
  modules = new Map();
  const loaded = loadedModules();
  for (const name of builtinModules) {
    if (!loaded.has(name)) continue;
    const exports: unknown = process.getBuiltinModule(name);
    if (!isObject(exports)) continue;
    const root = `node:${name}`;
    if (!modules.has(exports)) modules.set(exports, { root, keys: [] });
    for (const key of Object.keys(exports)) {
      const { value } = Object.getOwnPropertyDescriptor(exports, key)! as { value?: unknown };
      if (!isObject(value)) continue;
      if (!modules.has(value)) modules.set(value, { root, keys: [key] });
    }
  }
  return modules;
}

let inModules: Map<object, GlobalPath> | undefined;
let inModulesSeen: Map<object, GlobalPath> | undefined;

/**
 * What is inside the exports of `node:` modules: `fs.promises.readFile`, `path.posix.join`, `Readable.from`. It takes
 * milliseconds to list, so it is to be asked last.
 */
export function deepGlobalPathOf(value: object): GlobalPath | undefined {
  const exported = moduleTable();
  if (inModules === undefined || inModulesSeen !== exported) {
    inModulesSeen = exported;
    inModules = new Map();
    for (const [owner, path] of exported) {
      if (!path.root.startsWith("node:")) continue;
      noteMembers(owner, path, inModules);
      if (typeof owner === "function" && isObject(owner.prototype)) {
        noteMembers(owner.prototype, { root: path.root, keys: [...path.keys, "prototype"] }, inModules);
      }
    }
    const { promises } = process.getBuiltinModule("node:fs");
    noteMembers(promises, { root: "node:fs", keys: ["promises"] }, inModules);
  }
  return inModules.get(value);
}

function noteMembers(owner: object, { root, keys }: GlobalPath, table: Map<object, GlobalPath>): void {
  for (const [key, { value }] of Object.entries(Object.getOwnPropertyDescriptors(owner))) {
    if (typeof value === "function" && key !== "constructor" && !table.has(value)) {
      table.set(value, { root, keys: [...keys, key] });
    }
  }
}

/** Objects that are read from globalThis only when one of their class turns up: to read them may load a lot. */
const lateObjects: Readonly<Record<string, readonly string[]>> = {
  Crypto: ["crypto"],
  SubtleCrypto: ["crypto", "subtle"],
  Performance: ["performance"],
  Navigator: ["navigator"],
};

function lateObject(value: object): GlobalPath | undefined {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (!isObject(prototype) || prototype === Object.prototype) return undefined;
  const owner: unknown = Object.getOwnPropertyDescriptor(prototype, "constructor")?.value;
  const path = typeof owner === "function" ? lateObjects[owner.name] : undefined;
  const [root, ...keys] = path ?? [];
  if (root === undefined || !pristine.has(root)) return undefined;
  return globalAt({ root, keys }) === value ? { root, keys } : undefined;
}

/** Undefined when it is nothing that every process has. */
export function globalPathOf(value: object): GlobalPath | undefined {
  const known = intrinsicTable().get(value);
  if (known !== undefined) return known;
  if (typeof value !== "function") return moduleTable().get(value) ?? lateObject(value);
  const { name } = value;
  if (typeof name === "string" && /^[\w$]+$/.test(name) && isNative(value) && isOwnGlobal(name, value)) {
    return { root: name, keys: [] };
  }
  return moduleTable().get(value);
}

/** Plain objects and namespaces: asked for each one that is sent, so only what is quick. */
export function plainGlobalPathOf(value: object): GlobalPath | undefined {
  return intrinsicTable().get(value) ?? (Symbol.toStringTag in value ? moduleTable().get(value) : undefined);
}

function isOwnGlobal(name: string, value: object): boolean {
  const descriptor = Object.getOwnPropertyDescriptor(globalThis, name);
  return (
    descriptor !== undefined &&
    (descriptor.value === value || (descriptor.get !== undefined && Reflect.get(globalThis, name) === value))
  );
}

/** What Node puts there for `node -e` and a program from stdin, and for no other. */
const ofEvaluated = new Set(["require", "module", "exports", "__filename", "__dirname"]);

/** Node's own: what the program itself has put there crosses by value. */
const pristine: ReadonlySet<string> = new Set(
  Object.getOwnPropertyNames(globalThis).filter((name) => !ofEvaluated.has(name)),
);

function isNative(value: object): boolean {
  return pristine.has((value as { name: string }).name);
}

export function isPristineGlobal(name: string): boolean {
  return pristine.has(name) || !(name in globalThis);
}

/** The thing at the path; undefined when there is none here. */
export function globalAt({ root, keys }: GlobalPath): unknown {
  let owner: unknown = root.startsWith("node:")
    ? process.getBuiltinModule(root)
    : root.startsWith("%")
      ? unnamed[root]?.()
      : Reflect.get(globalThis, root);
  for (const key of keys) {
    if (!isObject(owner)) return undefined;
    const accessor = /^(get|set) (.+)$/.exec(key);
    const name = accessor?.[2] ?? key;
    const real = name.startsWith("@@") ? (Reflect.get(Symbol, name.slice(2)) as symbol) : name;
    if (accessor === null) owner = Reflect.get(owner, real);
    else owner = Object.getOwnPropertyDescriptor(owner, real)?.[accessor[1] as "get" | "set"];
  }
  return owner;
}
