/**
 * Whether a place in a classic script is strict code: V8 does not tell, and a function's own text need not say it.
 *
 * Runs in: the process that sends.
 * Source: ECMA-262, "Strict Mode Code": all parts of a class, and what stands below a "use strict" of the script or of a
 * function around it.
 */
import { moduleTables } from "./module-tables.ts";
import { childrenOf, parseFile, type AnyNode } from "./syntax.ts";

interface Strictness {
  /** Of the whole script. */
  readonly whole: boolean;
  /** From offset to offset. */
  readonly ranges: readonly (readonly [number, number])[];
  readonly lineStarts: readonly number[];
}

const known = new Map<string, Strictness>();

/** @param start where the function's text begins in the file: line and column, from 0 */
export function isStrictAt(
  file: string,
  functionText: string,
  { line, column }: { readonly line: number; readonly column: number },
): boolean {
  if (file === import.meta.url) return true; // The library's own bundle.
  const text = moduleTables(file)?.text;
  if (text === undefined) return false;
  let found = known.get(file);
  if (found === undefined) known.set(file, (found = read(text)));
  if (found.whole) return true;
  const { lineStarts, ranges } = found;
  const from = lineStarts[line];
  if (from === undefined) return false;
  // A transpiler's text is another than the file's, and its places mean nothing here.
  const at = text.startsWith(functionText, from + column) ? from + column : text.indexOf(functionText, from);
  return at >= 0 && ranges.some(([start, end]) => start < at && at < end);
}

function read(text: string): Strictness {
  const lineStarts = [0];
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) lineStarts.push(at + 1);
  const tree = parseFile(text, "script")?.tree as unknown as AnyNode | undefined;
  if (tree === undefined) {
    // TypeScript: the directive of the file is all that can be seen.
    const whole = /^(?:#!.*)?(?:\s|\/\/.*|\/\*[\s\S]*?\*\/)*["']use strict["']/.test(text);
    return { whole, ranges: [], lineStarts };
  }
  const ranges: (readonly [number, number])[] = [];
  collect(tree, ranges);
  return { whole: hasDirective(tree["body"] as AnyNode[]), ranges, lineStarts };
}

function collect(node: AnyNode, ranges: (readonly [number, number])[]): void {
  const body = node["body"] as AnyNode | undefined;
  const strict =
    node.type === "ClassDeclaration" ||
    node.type === "ClassExpression" ||
    (/Function/.test(node.type) && body?.type === "BlockStatement" && hasDirective(body["body"] as AnyNode[]));
  if (strict) ranges.push([node.start, node.end]);
  else for (const child of childrenOf(node)) collect(child, ranges);
}

function hasDirective(statements: readonly AnyNode[]): boolean {
  return statements.some((statement) => statement["directive"] === "use strict");
}
