/**
 * Which variables of a file something assigns, their declarations apart: only those need be one variable for several
 * functions of a message.
 *
 * Runs in: the process that sends.
 * Guarantees: a name that is assigned, in whatever form, is among them. One that is not may be, where the file cannot be
 * parsed: then its functions only become slower, and copies of a class that uses it are not one class.
 * Why by tokens where the parser fails: TypeScript has the tokens of JavaScript, and assigns in its ways.
 */
import { patternNames } from "./free-variables.ts";
import { moduleTables } from "./module-tables.ts";
import { childrenOf, parseFile, tokensOf, type AnyNode, type FileToken } from "./syntax.ts";

const known = new Map<string, (name: string) => boolean>();

export function isAssigned(name: string, file: string): boolean {
  let assigned = known.get(file);
  if (assigned === undefined) known.set(file, (assigned = read(moduleTables(file)?.text, file)));
  return assigned(name);
}

function read(text: string | undefined, file: string): (name: string) => boolean {
  if (text === undefined) return () => true;
  const tree = (parseFile(text, "module") ?? parseFile(text, "script"))?.tree as unknown as AnyNode | undefined;
  let names: Set<string>;
  if (tree !== undefined) collect(tree, (names = new Set()));
  else {
    const tokens = /\.[jt]sx(?:[?#]|$)/.test(file) ? undefined : tokensOf(text);
    if (tokens === undefined) return () => true;
    names = assignedIn(tokens);
  }
  // A name that the text does not have is one that a transpiler made, who may assign it.
  return (name) => names.has(name) || !text.includes(name);
}

function collect(node: AnyNode, names: Set<string>): void {
  let target: AnyNode | undefined;
  if (node.type === "AssignmentExpression") target = node["left"] as AnyNode;
  else if (node.type === "UpdateExpression") target = node["argument"] as AnyNode;
  else if (node.type === "ForInStatement" || node.type === "ForOfStatement") target = node["left"] as AnyNode;
  if (target !== undefined && target.type !== "VariableDeclaration") {
    for (const name of patternNames(target)) names.add(name);
  }
  for (const child of childrenOf(node)) collect(child, names);
}

const declares: ReadonlySet<string> = new Set(["let", "const", "var"]);
/** What stands before a part of a pattern. */
const insidePattern: ReadonlySet<string> = new Set(["[", "{", ",", ":", "..."]);

function assignedIn(tokens: readonly FileToken[]): Set<string> {
  const names = new Set<string>();
  const { closerOf, openerAround } = brackets(tokens);
  const kind = (at: number): string => tokens[at]?.type.label ?? "";
  const word = (at: number): string => {
    const value = tokens[at]?.value;
    return typeof value === "string" ? value : kind(at);
  };

  const isDeclared = (from: number): boolean => {
    for (let at = from; ; at = openerAround[at]!) {
      if (declares.has(word(at - 1))) return true;
      if (!insidePattern.has(kind(at - 1)) || openerAround[at] === undefined) return false;
    }
  };
  /** Whether what stands from one place to another, a name or what is around it, is a target. */
  const isTarget = (from: number, to: number): boolean => {
    if (kind(to) === "=" || kind(to) === "_=") return kind(from - 1) !== ":" && !isDeclared(from);
    if (kind(to) === "++/--" || kind(from - 1) === "++/--") return true;
    const begins = kind(from - 1) === "(" && (kind(from - 2) === "for" || word(from - 2) === "await");
    return begins && (word(to) === "of" || word(to) === "in");
  };
  for (const [at, token] of tokens.entries()) {
    if (token.type.label !== "name" || kind(at - 1) === "." || kind(at - 1) === "?.") continue;
    let [from, to] = [at, at + 1];
    for (;;) {
      while (word(to) === "!") to++; // TypeScript: `name! = 1`.
      if (isTarget(from, to)) {
        names.add(word(at));
        break;
      }
      const around = openerAround[from];
      if (around === undefined) break;
      [from, to] = [around, closerOf[around]! + 1];
    }
  }
  return names;
}

/** Of each opening bracket where it is closed, and of each token which bracket is open around it. */
function brackets(tokens: readonly FileToken[]): {
  readonly closerOf: readonly (number | undefined)[];
  readonly openerAround: readonly (number | undefined)[];
} {
  const closerOf: (number | undefined)[] = [];
  const openerAround: (number | undefined)[] = [];
  const open: number[] = [];
  for (const [at, { type }] of tokens.entries()) {
    if (/^[)\]}]$/.test(type.label)) {
      const opener = open.pop();
      if (opener !== undefined) closerOf[opener] = at;
    }
    openerAround[at] = open.at(-1);
    if (/^(?:[([{]|\$\{)$/.test(type.label)) open.push(at);
  }
  for (const left of open) closerOf[left] = tokens.length;
  return { closerOf, openerAround };
}
