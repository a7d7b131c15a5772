/**
 * Functions and classes from their texts.
 *
 * Runs in: the process that receives.
 * Guarantees: stack traces, breakpoints and `import()` mean the original file, line and column.
 * Source: `vm.compileFunction` with negative column offsets, and parameters as the captured variables: as quick as the
 * original's (measured: 0.7 to 0.9 ns a call). Variables that several functions share and one assigns are properties of
 * a scope object instead: fifty times slower, but one variable.
 */
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { MalformedMessageError } from "../base/errors.ts";
import { compileInFile } from "./compile.ts";
import type { Form } from "./source-forms.ts";

export interface Source {
  readonly form: Form;
  readonly text: string;
  /** URL or name of the file. */
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly strict: boolean;
  /** Captured variables that belong to this function alone. */
  readonly names: readonly string[];
  /** Names that the text needs when it is evaluated: what stands for computed names, for a heritage, for `import.meta`. */
  readonly given: readonly string[];
}

/** Reads a captured variable by its place among `names`, or sets it. */
export type Access = (index: number, sets?: boolean, value?: unknown) => unknown;
export interface Rebuilt {
  readonly made: (...args: never[]) => unknown;
  readonly access: Access;
}

type Factory = (...values: unknown[]) => [Access, unknown];

/** Node 20 compiles the same text anew each time; texts that never come back must not fill the memory. Arbitrary. */
const mostFactories = 1000;
const factories = new Map<string, Factory>();

/**
 * @param values of `given`, in its order
 * @param shared scope objects, the innermost first
 * @param outerArguments what `arguments` means in an arrow function
 */
export function rebuild(
  source: Source,
  values: readonly unknown[],
  shared: readonly object[],
  outerArguments: readonly unknown[] | undefined,
): Rebuilt {
  const { form, names, given } = source;
  const outer = outerArguments === undefined ? [] : [outerArguments];
  const compiled = factory(source, shared, outerArguments !== undefined);
  // Captured variables are unset until they are set: cycles need the function first.
  const [access, evaluated] = compiled(...names.map(() => undefined), ...given.map((_, at) => values[at]), ...outer);
  const made = form === "method" ? theOnlyMember(evaluated as object) : evaluated;
  if (typeof made !== "function") throw new MalformedMessageError("Cannot rebuild a function: its text makes none");
  return { made: made as Rebuilt["made"], access };
}

function factory(source: Source, shared: readonly object[], withArguments: boolean): Factory {
  const { text, file, line, column, names, given, strict, form } = source;
  const cacheable = shared.length === 0;
  const key = cacheable ? JSON.stringify([text, file, line, column, names, given, strict, form, withArguments]) : "";
  const known = cacheable ? factories.get(key) : undefined;
  if (known !== undefined) return known;
  const own = fresh("$", text);
  const cases = names.map((name, index) => `case ${index}:return ${own}s?${name}=${own}v:${name};`).join("");
  const access = cases === "" ? "()=>{}" : `(${own}i,${own}s,${own}v)=>{switch(${own}i){${cases}}}`;
  const [open, close] = form === "method" ? ["({", "\n})"] : ["(", "\n)"];
  const [enter, leave] = withArguments ? [`(function(){return`, `}).apply(undefined,${own}a)`] : ["", ""];
  const prefix = `${strict ? '"use strict";' : ""}return[${access},${enter}${open}`;
  let compiled: Factory;
  try {
    compiled = compileInFile(
      `${prefix}${text}${close}${leave}]`,
      [...names, ...given, ...(withArguments ? [`${own}a`] : [])],
      {
        filename: file,
        lineOffset: line,
        columnOffset: column - prefix.length,
        ...(shared.length === 0 ? {} : { contextExtensions: shared as object[] }),
      },
    ) as Factory;
  } catch (cause) {
    throw new MalformedMessageError(`Cannot rebuild a function of ${file}:${line + 1}: ${String(cause)}`, { cause });
  }
  if (cacheable) {
    if (factories.size >= mostFactories) factories.clear();
    factories.set(key, compiled);
  }
  return compiled;
}

/** A beginning of names that the text does not use. */
function fresh(start: string, text: string): string {
  let name = `${start}_`;
  while (text.includes(name)) name += "_";
  return name;
}

function theOnlyMember(holder: object): unknown {
  const [key] = Reflect.ownKeys(holder);
  if (key === undefined) return undefined;
  const { value, get, set } = Object.getOwnPropertyDescriptor(holder, key)!;
  return (value as unknown) ?? get ?? set;
}

/** What `import.meta` is in a file, for a function that was written there. */
export function importMetaOf(file: string): object {
  const isFile = file.startsWith("file:");
  const filename = isFile ? fileURLToPath(file.split(/[?#]/)[0]!) : undefined;
  return {
    ...(filename === undefined ? {} : { dirname: filename.replace(/\/[^/]*$/, "") || "/", filename }),
    main: false,
    resolve: (specifier: string): string => resolveFrom(file, specifier),
    url: file,
  };
}

function resolveFrom(file: string, specifier: string): string {
  if (/^(?:\.{0,2}\/|[a-z]+:)/i.test(specifier)) return new URL(specifier, file).href;
  const found = createRequire(file).resolve(specifier);
  return found.startsWith("/") ? new URL(`file://${found}`).href : found;
}
