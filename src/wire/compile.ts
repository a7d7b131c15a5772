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

export function compileInFile(
  text: string,
  parameters: readonly string[],
  options: CompileFunctionOptions & { readonly filename: string },
): (...values: unknown[]) => unknown {
  const { emitWarning } = process;
  // Node 20 warns once that the constant is experimental; it has become stable as it was.
  process.emitWarning = (warning: string | Error, ...rest: unknown[]): void => {
    if (String(warning).includes("USE_MAIN_CONTEXT_DEFAULT_LOADER")) return;
    (emitWarning as (...all: unknown[]) => void).call(process, warning, ...rest);
  };
  try {
    return compileFunction(text, parameters, { ...options, importModuleDynamically: defaultLoader }) as never;
  } finally {
    process.emitWarning = emitWarning;
  }
}
