/**
 * Code that means what it would mean in another file: its name in stack traces, its `import()`.
 *
 * Runs in: both.
 * Source: `vm.constants.USE_MAIN_CONTEXT_DEFAULT_LOADER` gives an `import()` that resolves from the file, with the
 * program's own loader, and whose modules are those of the static imports (measured on Node 20 to 26).
 */
import { compileFunction, constants, type CompileFunctionOptions } from "node:vm";

/** The types of Node 20 know only a function here. */
const defaultLoader = (constants as unknown as { USE_MAIN_CONTEXT_DEFAULT_LOADER: never })
  .USE_MAIN_CONTEXT_DEFAULT_LOADER;

let warned = false;

/** A function whose body is `text`, with the name of the file. */
export function compileInFile(
  text: string,
  parameters: readonly string[],
  options: CompileFunctionOptions & { readonly filename: string },
): (...values: unknown[]) => unknown {
  if (!warned && /\bimport\b/.test(text)) {
    warned = true;
    takeWarning();
  }
  return compileFunction(text, parameters, { ...options, importModuleDynamically: defaultLoader }) as never;
}

/**
 * Node warns once, at the first `import()`, that the constant is experimental. It has been as it is from 20 to 26, and
 * the warning would be on the stderr of every child: so it is drawn here, by an import of what is there already.
 */
function takeWarning(): void {
  const { emitWarning } = process;
  process.emitWarning = (warning: string | Error, ...rest: unknown[]): void => {
    if (String(warning).includes("USE_MAIN_CONTEXT_DEFAULT_LOADER")) return;
    (emitWarning as (...all: unknown[]) => void).call(process, warning, ...rest);
  };
  try {
    const options = { importModuleDynamically: defaultLoader };
    const load = compileFunction(`return import("node:path")`, [], options) as () => Promise<unknown>;
    load().catch(() => {}); // What comes of it is of no interest: the warning is given before it begins.
  } finally {
    process.emitWarning = emitWarning;
  }
}
