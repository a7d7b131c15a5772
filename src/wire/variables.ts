/**
 * The variables of a function by value: an import again as an import, a module as that module, all else as any value.
 *
 * Runs in: both.
 */
import { createRequire, Module } from "node:module";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { types } from "node:util";
import { placeInRequired, placeOfNamespace, type Place } from "./by-reference.ts";
import type { AnyFunction, Variable } from "./capture.ts";
import { noteBinding } from "./copied-bindings.ts";
import { globalAt, globalPathOf } from "./globals.ts";
import type { Decoder, Encoder } from "./kinds.ts";
import type { ImportBinding } from "./module-tables.ts";

const way = { value: 0, binding: 1, require: 2, place: 3, global: 4, module: 5 } as const;

/** @param where names the function in errors; @param file the module whose imports are meant */
export function writeVariable(variable: Variable, where: string, file: string, encoder: Encoder): void {
  const { name } = variable;
  const step = ` variable "${name}" used by ${where}`;
  if (variable.how === "require") {
    encoder.uint(way.require);
    return;
  }
  if (variable.how === "module") {
    encoder.uint(way.module);
    const exports: Variable = { how: "value", name: `${name}.exports`, value: variable.exports, scope: undefined };
    writeVariable(exports, where, file, encoder);
    return;
  }
  if (variable.how === "binding") {
    writeBinding(variable.binding, file, encoder);
    return;
  }
  const { value } = variable;
  if (typeof value === "object" && value !== null && !types.isProxy(value)) {
    const global = globalPathOf(value);
    if (global !== undefined) {
      encoder.uint(way.global);
      encoder.value(global.root, "");
      encoder.value(global.keys, "");
      return;
    }
    const place = placeInRequired(value) ?? viewedModule(value);
    if (place !== undefined) {
      encoder.uint(way.place);
      encoder.module(place.module);
      return;
    }
  }
  encoder.uint(way.value);
  encoder.value(value, step);
}

function writeBinding({ specifier, imported, attributes }: ImportBinding, file: string, encoder: Encoder): void {
  encoder.uint(way.binding);
  encoder.module({
    how: "binding",
    from: file,
    specifier,
    ...(attributes === undefined ? {} : { attributes }),
  });
  encoder.string(imported);
  encoder.string(specifier);
  encoder.value(attributes, "");
}

/** What transpilers make of `require("x")`: an object with a getter for each export of the module. */
function viewedModule(value: object): Place | undefined {
  const descriptors = Object.getOwnPropertyDescriptors(value) as Record<string, PropertyDescriptor>;
  const { default: standard, ...rest } = descriptors;
  const parts = Object.values(rest);
  if (standard === undefined || parts.length === 0 || !parts.every(({ get }) => get !== undefined)) return undefined;
  const inner: unknown = standard.get === undefined ? standard.value : Reflect.get(value, "default");
  if (typeof inner !== "object" && typeof inner !== "function") return undefined;
  if (inner === null) return undefined;
  const global = globalPathOf(inner);
  if (global?.root.startsWith("node:") === true && global.keys.length === 0) {
    return { module: { how: "import", url: global.root }, keys: [] };
  }
  return placeOfNamespace({ default: inner });
}

/** @param bindings gets what was an import, for when the function is sent on */
export function readVariable(
  name: string,
  file: string,
  bindings: Map<string, ImportBinding>,
  decoder: Decoder,
): unknown {
  switch (decoder.uint()) {
    case way.value:
      return decoder.value();
    case way.binding: {
      const namespace = decoder.module() as Record<string, unknown>;
      const imported = decoder.string();
      const specifier = decoder.string();
      const attributes = decoder.value() as Record<string, string> | undefined;
      const binding = { specifier, imported, ...(attributes === undefined ? {} : { attributes }) };
      bindings.set(name, binding);
      noteBinding(file, name, binding, namespace);
      return imported === "*" ? namespace : namespace[imported];
    }
    case way.module:
      return moduleOf(file, readVariable(name, file, new Map(), decoder));
    case way.require:
      return createRequire(file);
    case way.place:
      return decoder.module();
    case way.global: {
      const root = decoder.value() as string;
      const keys = decoder.value() as string[];
      return globalAt({ root, keys });
    }
    default:
      return decoder.malformed(`the variable ${name} comes in no way that is known`);
  }
}

/** What `module` is in a file, for a function that was written there. */
function moduleOf(file: string, exports: unknown): Module {
  const filename = file.startsWith("file:") ? fileURLToPath(file) : resolve(file); // "[eval]" has no folder.
  const made = new Module(filename);
  return Object.assign(made, { filename, exports, loaded: true, require: createRequire(filename) });
}

const natural: ReadonlySet<unknown> = new Set([
  Function.prototype,
  Object.getPrototypeOf(async function () {}) as unknown,
  Object.getPrototypeOf(function* () {}) as unknown,
  Object.getPrototypeOf(async function* () {}) as unknown,
]);

/** What a function inherits from that its text does not say. */
export function prototypeOfKind(subject: AnyFunction): { readonly ofFunction: unknown; ofPrototype: unknown } {
  const parent: unknown = Object.getPrototypeOf(subject);
  const { prototype } = subject as { prototype?: unknown };
  const constructs = Object.getPrototypeOf(subject) === Function.prototype || !natural.has(parent);
  const grand: unknown =
    constructs && typeof prototype === "object" && prototype !== null ? Object.getPrototypeOf(prototype) : undefined;
  return {
    ofFunction: natural.has(parent) ? undefined : parent,
    ofPrototype: grand === Object.prototype ? undefined : grand,
  };
}

/** The same of a class, whose text says what it extends: only what was put in the place of that. */
export function prototypeOfClass(
  subject: AnyFunction,
  { heritage }: { readonly heritage: "none" | "null" | "class" },
): { readonly ofFunction: unknown; ofPrototype: unknown } {
  const parent = Object.getPrototypeOf(subject) as { prototype?: unknown } | null;
  const grand: unknown = Object.getPrototypeOf((subject as unknown as { prototype: object }).prototype);
  const expected: unknown = heritage === "none" ? Object.prototype : heritage === "null" ? null : parent?.prototype;
  return {
    ofFunction: heritage === "class" || parent === Function.prototype ? undefined : parent,
    ofPrototype: grand === expected ? undefined : grand,
  };
}
