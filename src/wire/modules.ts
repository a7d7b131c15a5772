/**
 * The modules that a message refers to, brought in before its body is read.
 *
 * Runs in: the process that receives.
 */
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { types } from "node:util";
import { MalformedMessageError, MultiprocessingError } from "../base/errors.ts";
import { notePlaceOfNamespace } from "./by-reference.ts";
import { compileInFile } from "./compile.ts";
import type { ModuleReference } from "./kinds.ts";

type Import = (specifier: string, options?: ImportCallOptions) => Promise<unknown>;

const importers = new Map<string, Import>();

/** Imports as an import statement in the file `from` (a path or URL) would. */
export function importFrom(from: string, specifier: string, attributes?: Record<string, string>): Promise<unknown> {
  let importer = importers.get(from);
  if (importer === undefined) {
    importer = compileInFile("return import(specifier, options)", ["specifier", "options"], {
      filename: from,
    }) as Import;
    importers.set(from, importer);
  }
  return attributes === undefined ? importer(specifier) : importer(specifier, { with: attributes });
}

/**
 * One after the other. _Why not all at once_: Node refuses to `require()` a module whose import is under way, and both doors
 * of a package may be wanted.
 */
export async function importModules(references: readonly ModuleReference[]): Promise<unknown[]> {
  const modules: unknown[] = [];
  for (const reference of references) modules.push(noted(reference, await bring(reference)));
  return modules;
}

/** A function that is written inside one that came here may send the namespace on. */
function noted(reference: ModuleReference, brought: unknown): unknown {
  if (types.isModuleNamespaceObject(brought)) notePlaceOfNamespace(brought as object, reference);
  return brought;
}

function bring(reference: ModuleReference): unknown {
  switch (reference.how) {
    case "import":
      return importFrom(import.meta.url, reference.url);
    case "binding":
      return importFrom(reference.from, reference.specifier, reference.attributes);
    case "require":
    case "builtin":
      return require(reference);
  }
}

/** @throws {MultiprocessingError} ERR_MP_NOT_SUPPORTED for a module that can only be imported */
export function requireModules(references: readonly ModuleReference[]): unknown[] {
  return references.map((reference) => noted(reference, require(reference)));
}

function require(reference: ModuleReference): unknown {
  switch (reference.how) {
    case "require":
      return createRequire(reference.filename)(reference.filename);
    case "builtin":
      return process.getBuiltinModule(reference.name);
    case "import":
      if (reference.url.startsWith("file:"))
        return requireEsm(fileURLToPath(reference.url), fileURLToPath(reference.url));
      break;
    case "binding":
      return requireEsm(reference.from, reference.specifier);
  }
  throw cannotWait(reference.url);
}

function requireEsm(from: string, specifier: string): unknown {
  try {
    return createRequire(from)(specifier);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ERR_REQUIRE_ASYNC_MODULE") throw cannotWait(specifier, cause);
    throw cause;
  }
}

function cannotWait(name: string, cause?: unknown): MultiprocessingError {
  return new MultiprocessingError(
    `Cannot receive a message synchronously: it needs the module ${name}, which can only be imported asynchronously\n` +
      `  do this:  use the asynchronous form, or import the module beforehand`,
    { code: "ERR_MP_NOT_SUPPORTED", ...(cause === undefined ? {} : { cause }) },
  );
}

/** @throws {MalformedMessageError} */
export function parseModules(text: string): ModuleReference[] {
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch (cause) {
    throw new MalformedMessageError("Cannot read a message: its list of modules is none", { cause });
  }
  if (!Array.isArray(list) || !list.every(isReference)) {
    throw new MalformedMessageError("Cannot read a message: its list of modules is none");
  }
  return list;
}

function isReference(value: unknown): value is ModuleReference {
  if (typeof value !== "object" || value === null) return false;
  const { how, url, filename, name, from, specifier } = value as Record<string, unknown>;
  switch (how) {
    case "import":
      return typeof url === "string";
    case "require":
      return typeof filename === "string";
    case "builtin":
      return typeof name === "string";
    case "binding":
      return typeof from === "string" && typeof specifier === "string";
    default:
      return false;
  }
}
