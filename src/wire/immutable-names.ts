/**
 * Names of a module whose variables never change once they have a value: what a function captured of them need be looked
 * up only once.
 *
 * Runs in: the process that sends.
 * Guarantees: a name is in the list only if every variable of that name, anywhere in the file, is one that nothing
 * assigns; where anything could assign unseen (`eval`, text that is not the file's), there is no list.
 */
import { patternNames } from "./free-variables.ts";
import { moduleTables } from "./module-tables.ts";
import { childrenOf, isNode, parseFile, type AnyNode } from "./syntax.ts";

interface Names {
  readonly immutable: ReadonlySet<string>;
  readonly lineStarts: readonly number[];
  readonly text: string;
}

const known = new Map<string, Names | undefined>();

/**
 * @param functionText what stands at `start` if the file is still what was loaded, and not what a transpiler was given
 * @param start line and column, from 0
 */
export function immutableNames(
  file: string,
  functionText: string,
  start: { readonly line: number; readonly column: number },
): ReadonlySet<string> | undefined {
  const names = namesOf(file);
  const from = names?.lineStarts[start.line];
  if (names === undefined || from === undefined) return undefined;
  return names.text.startsWith(functionText, from + start.column) ? names.immutable : undefined;
}

function namesOf(file: string): Names | undefined {
  if (!known.has(file)) known.set(file, read(moduleTables(file)?.text));
  return known.get(file);
}

function read(text: string | undefined): Names | undefined {
  if (text === undefined || /\beval\b/.test(text)) return undefined;
  // Module code only: in sloppy code `arguments`, `with` and functions in blocks change variables unseen.
  const tree = parseFile(text, "module")?.tree as unknown as AnyNode | undefined;
  if (tree === undefined) return undefined;
  const constant = new Set<string>();
  const changing = new Set<string>();
  collect(tree, constant, changing);
  for (const name of changing) constant.delete(name);
  const lineStarts = [0];
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) lineStarts.push(at + 1);
  return { immutable: constant, lineStarts, text };
}

function collect(node: AnyNode, constant: Set<string>, changing: Set<string>): void {
  const add = (to: Set<string>, pattern: unknown): void => {
    if (isNode(pattern)) for (const name of patternNames(pattern)) to.add(name);
  };
  switch (node.type) {
    case "VariableDeclaration":
      for (const { id } of node["declarations"] as { id: unknown }[]) {
        add(node["kind"] === "const" ? constant : changing, id);
      }
      break;
    case "AssignmentExpression":
      add(changing, node["left"]);
      break;
    case "UpdateExpression":
      add(changing, node["argument"]);
      break;
    case "ForInStatement":
    case "ForOfStatement":
      if ((node["left"] as AnyNode).type !== "VariableDeclaration") add(changing, node["left"]);
      break;
    case "ImportDeclaration":
      for (const { local } of node["specifiers"] as { local: unknown }[]) add(constant, local);
      break;
    case "CatchClause":
      add(constant, node["param"]);
      break;
    case "ClassDeclaration":
      add(constant, node["id"]);
      break;
    case "FunctionDeclaration":
    case "FunctionExpression":
    case "ArrowFunctionExpression":
      add(constant, node["id"]);
      for (const parameter of node["params"] as unknown[]) add(constant, parameter);
      break;
    default:
  }
  for (const child of childrenOf(node)) collect(child, constant, changing);
}
