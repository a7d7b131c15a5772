/**
 * A function, taken to pieces: its text as it is to be evaluated again, and its variables.
 *
 * Runs in: the process that sends.
 * Guarantees: what never changes (text, place, names) is found out once a function; values are read each time.
 * Leaves to others: how the pieces are written (`by-value.ts`).
 */
import { builtinModules, Module } from "node:module";
import { isAssigned } from "./assigned-names.ts";
import { inspectFunction, type Inspected, type Scope } from "./inspection.ts";
import { isEvaluating, isMain, placeOfFunction, type Place } from "./by-reference.ts";
import { copiedBinding } from "./copied-bindings.ts";
import { hasNoValueYet } from "./dead-zone.ts";
import { isPristineGlobal } from "./globals.ts";
import { immutableNames } from "./immutable-names.ts";
import { anonymousDefault, moduleTables, type ImportBinding } from "./module-tables.ts";
import type { Refusal } from "./kinds.ts";
import { hiddenName } from "./peek.ts";
import { isRequireOf } from "./require-function.ts";
import type { Access } from "./rebuild.ts";
import { scriptUrl } from "./scripts.ts";
import { sourceForm, startOfText, type SourceForm } from "./source-forms.ts";
import { originalLine } from "./source-maps.ts";
import { isStrictAt } from "./strictness.ts";
import { unitedScope } from "./united-scopes.ts";

export type AnyFunction = (...args: never[]) => unknown;

/** What never changes. */
export interface Anatomy {
  readonly form: SourceForm;
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly strict: boolean;
  /** Where the other side can import it. */
  readonly place: Place | undefined;
  /** It is a copy itself: what its variables were in the file from which it came. */
  readonly copy: CopyNotes | undefined;
}

/** Of a function that came by value: what cannot be seen any more. */
export interface CopyNotes {
  readonly form: SourceForm;
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly strict: boolean;
  readonly bindings: ReadonlyMap<string, ImportBinding>;
  /** The name that stands for `import.meta` in the text, or "". */
  readonly meta: string;
  /** Of a class: see `class-source.ts`. */
  readonly mark: string;
  /** Names in the text that are no variables: what stands for parts that were edited out. */
  readonly given: ReadonlySet<string>;
  /** Scope objects by the names in them. */
  readonly shared: ReadonlyMap<string, object>;
  readonly text: string;
  /** Variables of its own, in the order in which `access` knows them. */
  readonly names: readonly string[];
  readonly access: Access;
  readonly privates: readonly PrivateStatic[];
  readonly outerArguments: readonly unknown[] | undefined;
}

export interface PrivateStatic {
  readonly set: (value: unknown) => void;
  readonly get: () => unknown;
}

export type Variable =
  | {
      readonly how: "value";
      readonly name: string;
      readonly value: unknown;
      readonly scope: object | undefined;
      readonly changing?: boolean;
    }
  | { readonly how: "binding"; readonly name: string; readonly binding: ImportBinding }
  | { readonly how: "require"; readonly name: string }
  /** `module` of a CommonJS file. */
  | { readonly how: "module"; readonly name: string; readonly exports: unknown };

const copies = new WeakMap<object, CopyNotes>();
const anatomies = new WeakMap<object, Anatomy>();

/** Notes of a rebuilt function what it was built from. */
export function noteCopy(copy: object, notes: CopyNotes): void {
  copies.set(copy, notes);
}

export function copyNotes(copy: object): CopyNotes | undefined {
  return copies.get(copy);
}

const toText = Function.prototype.toString;

export function isNativeFunction(subject: object): boolean {
  return /\{\s*\[native code\]\s*\}$/.test(toText.call(subject));
}

export interface Captured {
  readonly anatomy: Anatomy;
  readonly inspected: Inspected;
}

/** Where the other side can import it, where that is known already. */
export function knownPlace(subject: AnyFunction): Place | undefined {
  return anatomies.get(subject)?.place;
}

/** Functions of whose variables none can change: looked into once. */
const settled = new WeakMap<object, Captured>();
const seen = new WeakMap<object, number>();

/** A refusal, where the function cannot be taken to pieces. */
export function capture(subject: AnyFunction): Captured | Refusal {
  const known = settled.get(subject);
  if (known !== undefined) return known;
  const captured = lookInto(subject);
  if ("why" in captured) return captured;
  // At the second time, since most are sent once; and then never again: what was too early only stays slow.
  const times = (seen.get(subject) ?? 0) + 1;
  if (times <= 2) seen.set(subject, times);
  if (times === 2 && isSettled(captured)) settled.set(subject, onlyUsed(captured));
  return captured;
}

function isSettled({ anatomy, inspected }: Captured): boolean {
  const { form, file, line, column, copy, place } = anatomy;
  if (copy !== undefined || place !== undefined) return false;
  const immutable = immutableNames(file, form.text, { line, column });
  if (immutable === undefined) return false;
  // A function of a module that may still finish, and then is one to import, is looked at again.
  if (!isMain(file) && !hasExported(file, inspected, immutable)) return false;
  return [...form.surroundings.names].every((name) => {
    const scope = inspected.scopes.find(
      ({ variables, description }) => description !== "Global" && has(variables, name),
    );
    if (scope === undefined) return name in globalThis && isPristineGlobal(name);
    try {
      // Node 20 shows a variable that has no value yet as undefined.
      return immutable.has(name) && scope.variables[name] !== undefined;
    } catch {
      return false;
    }
  });
}

/** Whether all that the module exports is there by now, and stays what it is. */
function hasExported(file: string, { scopes }: Inspected, immutable: ReadonlySet<string>): boolean {
  const exported = moduleTables(file)?.exports;
  const scope = scopes.find(({ description }) => description.startsWith("Module"));
  if (exported === undefined || (exported.size > 0 && (scope === undefined || isEvaluating(file)))) return false;
  return [...exported.values()].every((local) => {
    if (local === anonymousDefault) return true;
    try {
      return immutable.has(local) && scope?.variables[local] !== undefined;
    } catch {
      return false; // No value yet.
    }
  });
}

/** The same without the variables that the function does not use, which would be kept alive. */
function onlyUsed({ anatomy, inspected }: Captured): Captured {
  const scopes = inspected.scopes.map(({ description, variables }) => {
    const used = Object.create(null) as Record<string, unknown>;
    if (description === "Global") return { description, variables: used };
    for (const name of anatomy.form.surroundings.names) if (has(variables, name)) used[name] = variables[name];
    return { description, variables: used };
  });
  return { anatomy, inspected: { ...inspected, scopes } };
}

function lookInto(subject: AnyFunction): Captured | Refusal {
  const inspected = inspectFunction(subject);
  if (inspected === undefined) return native(subject);
  let anatomy = anatomies.get(subject);
  if (anatomy === undefined || anatomy.place === undefined) {
    const found = anatomy ?? dissect(subject, inspected);
    if ("why" in found) return found;
    // A module that was still evaluating may have finished since.
    anatomy = found.copy === undefined ? { ...found, place: placeOfFunction(subject, inspected, found) } : found;
    anatomies.set(subject, anatomy);
  }
  return { anatomy, inspected };
}

function native(subject: AnyFunction): Refusal {
  return {
    subject: `the native function ${subject.name || "without a name"}`,
    why: "it has no text that could be evaluated again",
    remedy: "call it inside a function of your own that makes what it needs there",
  };
}

function dissect(
  subject: AnyFunction,
  inspected: Inspected,
): (Omit<Anatomy, "place"> & { place: undefined }) | Refusal {
  const copy = copies.get(subject);
  if (copy !== undefined) {
    const { form, file, line, column, strict } = copy;
    return { form, file, line, column, strict, place: undefined, copy };
  }
  const text = toText.call(subject);
  const file = scriptUrl(inspected.scriptId);
  if (file.startsWith("node:")) return internal(subject);
  const form = sourceForm(text);
  const { line: ownLine, column: ownColumn } = inspected;
  const where = (): string => `the function ${describePlace(subject, { file, line: ownLine, column: ownColumn })}`;
  if (form === undefined && /\bnew\s*\.\s*target\b/.test(text)) {
    return {
      subject: where(),
      why: "it uses the new.target around it",
      remedy: "put new.target into a const, and use that",
    };
  }
  if (form === undefined) {
    return {
      subject: where(),
      why: "its text is no JavaScript that can be read",
      remedy: "move it to a module of its own and export it",
    };
  }
  const { line, column } = startOfText(form, inspected.line, inspected.column);
  const isModule = inspected.scopes.some(({ description }) => description.startsWith("Module"));
  const strict = isModule || isStrictAt(file, text, { line, column });
  return { form, file, line: Math.max(line, 0), column, strict, place: undefined, copy: undefined };
}

function internal(subject: AnyFunction): Refusal {
  return {
    subject: `the function ${subject.name} of Node's own`,
    why: "it is part of this process",
    remedy: "import it inside the function that uses it",
  };
}

/** A variable whose value cannot be had. */
export interface Unseen {
  readonly name: string;
  readonly why: string;
  readonly remedy: string;
}

/** The variables that the function uses, as they are now; or why one of them has no value yet. */
export function variablesOf(subject: AnyFunction, { anatomy, inspected }: Captured): Variable[] | Unseen {
  const found: Variable[] = [];
  for (const name of anatomy.form.surroundings.names) {
    if (name === "arguments" || anatomy.copy?.given.has(name) === true) continue;
    const binding = anatomy.copy?.bindings.get(name);
    if (binding !== undefined) {
      found.push({ how: "binding", name, binding });
      continue;
    }
    const ours = anatomy.copy?.shared.get(name);
    if (ours !== undefined) {
      found.push({ how: "value", name, value: Reflect.get(ours, name), scope: unitedScope(ours) });
      continue;
    }
    const at = inspected.scopes.findIndex(
      ({ variables, description }) => description !== "Global" && has(variables, name),
    );
    if (at < 0) {
      const own = isOwnNameAround(name, anatomy) ? hiddenName(subject, anatomy.form, name) : [];
      if (own === undefined) {
        return {
          name,
          why: "it is the own name of a function or class expression around it, which V8 does not show",
          remedy: "give that function a const of its own, and use the const",
        };
      }
      if (own.length > 0) {
        found.push({ how: "value", name, value: own[0], scope: undefined });
        continue;
      }
      const property = ownGlobal(name);
      if (property !== undefined) found.push(property);
      continue;
    }
    const scope = inspected.scopes[at]!;
    let value: unknown;
    try {
      value = scope.variables[name];
    } catch {
      return inDeadZone(name);
    }
    if (value === undefined && hasNoValueYet(subject, anatomy, name)) return inDeadZone(name);
    found.push(variable(name, value, scope, at, anatomy, inspected));
  }
  return found;
}

/**
 * A property of globalThis that only this process has: what the program put there; what Node puts there for a program
 * from `-e` or stdin, which is `require` and its kin, and for `-e` each `node:` module by its name.
 */
function ownGlobal(name: string): Variable | undefined {
  if (isPristineGlobal(name) && !builtinModules.includes(name)) return undefined;
  const value: unknown = Reflect.get(globalThis, name);
  if (value instanceof Module) return { how: "module", name, exports: value.exports };
  if (isPristineGlobal(name) && value !== process.getBuiltinModule(name)) return undefined;
  return { how: "value", name, value, scope: undefined };
}

function inDeadZone(name: string): Unseen {
  return {
    name,
    why: "it has no value yet",
    remedy: "start the process after the variable's declaration has been evaluated",
  };
}

function variable(
  name: string,
  value: unknown,
  scope: Scope,
  at: number,
  anatomy: Anatomy,
  inspected: Inspected,
): Variable {
  const topLevel = isTopLevel(scope, at, inspected, anatomy);
  if (topLevel && scope.description.startsWith("Module")) {
    const binding = moduleTables(anatomy.file)?.imports.get(name);
    if (binding !== undefined) return { how: "binding", name, binding };
  }
  const binding = copiedBinding(anatomy.file, name, value);
  if (binding !== undefined) return { how: "binding", name, binding };
  if (name === "require" && isRequireOf(value, anatomy.file)) return { how: "require", name };
  if (name === "module" && value instanceof Module) return { how: "module", name, exports: value.exports };
  if (anatomy.copy !== undefined || !isAssigned(name, anatomy.file))
    return { how: "value", name, value, scope: undefined };
  if (topLevel) return { how: "value", name, value, scope: scopeOfScript(inspected.scriptId) };
  return { how: "value", name, value, scope: undefined, changing: true };
}

/** A name that nothing declares but the expression itself: `const f = function name() { return () => name; }`. */
function isOwnNameAround(name: string, { file, copy }: Anatomy): boolean {
  if (copy !== undefined || name in globalThis) return false;
  const text = moduleTables(file)?.text ?? "";
  return new RegExp(`(?<![\\w$])(?:function\\s*\\*?|class)\\s+${name.replace(/\$/g, "\\$&")}(?![\\w$])`).test(text);
}

function has(variables: Record<string, unknown>, name: string): boolean {
  return Object.prototype.hasOwnProperty.call(variables, name);
}

/** The outermost variables of a file: all functions of the file see the same ones. */
function isTopLevel(scope: Scope, at: number, { scopes }: Inspected, { copy, file }: Anatomy): boolean {
  if (copy !== undefined) return false;
  if (scope.description.startsWith("Module") || scope.description.startsWith("Script")) return true;
  if (!file.startsWith("file:") || scopes.some(({ description }) => description.startsWith("Module"))) return false;
  // CommonJS: the outermost function is the one that Node wraps round the file.
  return scopes.slice(at + 1).every(({ description }) => description === "Global" || description.startsWith("Script"));
}

const scriptScopes = new Map<string, object>();

/** One object that stands for the top level of a script. */
function scopeOfScript(scriptId: string): object {
  let scope = scriptScopes.get(scriptId);
  if (scope === undefined) scriptScopes.set(scriptId, (scope = {}));
  return scope;
}

/** "handler" at main.ts:14 */
export function describePlace(
  subject: AnyFunction,
  { file, line, column }: Pick<Anatomy, "file" | "line" | "column">,
): string {
  const short = file.replace(/^.*\//, "") || "an unnamed script";
  return `"${subject.name || "anonymous"}" at ${short}:${originalLine(file, line, column) + 1}`;
}
