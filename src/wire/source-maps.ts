/**
 * Source maps that travel with the functions of a file: what a transpiler was given is what stack traces name.
 *
 * Runs in: both.
 * Source: Node looks a map up by the name of the file, but takes none from code that `vm` compiles; a module of that
 * name, empty but for the map, registers it for them all (measured on Node 20 to 26).
 */
import { findSourceMap, Module, type SourceMap } from "node:module";
import { fileURLToPath } from "node:url";

/** A bundle's map may be larger than all that it is sent with; places in it are not worth that. Arbitrary. */
const longestMap = 2 ** 20;

const texts = new Map<string, string>();

/** The map of a file as JSON without the sources' texts; "" when there is none. */
export function sourceMapOf(file: string): string {
  let text = texts.get(file);
  if (text !== undefined) return text;
  const payload = find(file)?.payload;
  text = payload === undefined ? "" : JSON.stringify({ ...payload, sourcesContent: undefined });
  if (text.length > longestMap) text = "";
  texts.set(file, text);
  return text;
}

/** The line (from 0) of the source that a place in what was loaded comes from, where there is a map. */
export function originalLine(file: string, line: number, column: number): number {
  const entry = find(file)?.findEntry(line, Math.max(0, column)) as { readonly originalLine?: number } | undefined;
  return entry?.originalLine ?? line;
}

function find(file: string): SourceMap | undefined {
  return findSourceMap(file) ?? (file.startsWith("file:") ? findSourceMap(fileURLToPath(file)) : undefined);
}

/** Node forgets a map with the module that brought it. */
const carriers = new Map<string, Module>();

/** Makes stack traces of code that is compiled under the file's name follow the map. */
export function useSourceMap(file: string, text: string): void {
  if (carriers.has(file) || findSourceMap(file) !== undefined) return;
  const carrier = Object.assign(new Module(file), { filename: file, paths: [] });
  carriers.set(file, carrier);
  process.setSourceMapsEnabled(true);
  const url = `data:application/json;base64,${Buffer.from(text).toString("base64")}`;
  // Not in the types: what `require` itself calls for the text of a file.
  (carrier as unknown as { _compile: (code: string, name: string) => void })._compile(
    `//# sourceMappingURL=${url}`,
    file,
  );
}
