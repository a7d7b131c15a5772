/**
 * What a module imports and exports, read from its file.
 *
 * Runs in: the process that sends.
 * Why not `import(url)`: a module that sends functions while it is evaluated would wait for itself.
 * Why expressions where the parser fails: a TypeScript file is no JavaScript, and Node's own way to strip its types
 * warns that it is experimental. A statement that they find by mistake, in a comment, names a variable that is not there.
 */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { isNode, parseFile, type AnyNode } from "./syntax.ts";
import { patternNames } from "./free-variables.ts";

export interface ImportBinding {
  readonly specifier: string;
  /** "*" for the namespace. */
  readonly imported: string;
  readonly attributes?: Record<string, string>;
}

export interface ModuleTables {
  readonly imports: ReadonlyMap<string, ImportBinding>;
  /** Exported name to local name; "*default*" stands for a default export without a name. */
  readonly exports: ReadonlyMap<string, string>;
  /** Offset in the text of an anonymous default export: it has no local name, and is known by where it begins. */
  readonly defaultStart: number | undefined;
  readonly text: string;
}

export const anonymousDefault = "*default*";

/** Line and column, both from 0, of an offset in the text. */
export function positionAt(text: string, offset: number): { readonly line: number; readonly column: number } {
  const before = text.slice(0, offset);
  return { line: before.split("\n").length - 1, column: offset - (before.lastIndexOf("\n") + 1) };
}

const tables = new Map<string, ModuleTables | undefined>();

/**
 * Undefined for a module that is no file, or cannot be read; and for the library's own bundle, of which this is a part: to
 * parse it would take a second, and it neither imports nor exports.
 */
export function moduleTables(url: string): ModuleTables | undefined {
  if (url === import.meta.url) return undefined;
  if (tables.has(url)) return tables.get(url);
  const made = read(url);
  tables.set(url, made);
  return made;
}

function read(url: string): ModuleTables | undefined {
  let text: string;
  try {
    const [bare = ""] = url.split(/[?#]/);
    if (bare.startsWith("file:")) text = readFileSync(fileURLToPath(bare), "utf8");
    else if (url.startsWith("data:text/javascript,")) text = decodeURIComponent(url.slice(21));
    else return undefined;
  } catch {
    return undefined; // It has gone since, or is not ours to read: then by value.
  }
  const parsed = parseFile(text, "module");
  return { ...(parsed === undefined ? byExpressions(text) : byTree(parsed.tree as unknown as AnyNode)), text };
}

interface Found {
  readonly imports: Map<string, ImportBinding>;
  readonly exports: Map<string, string>;
  defaultStart: number | undefined;
}

function byTree(tree: AnyNode): Found {
  const found: Found = { imports: new Map(), exports: new Map(), defaultStart: undefined };
  for (const statement of tree["body"] as AnyNode[]) {
    if (statement.type === "ImportDeclaration") importsOf(statement, found);
    else if (statement.type === "ExportNamedDeclaration") exportsOf(statement, found);
    else if (statement.type === "ExportDefaultDeclaration") {
      const declaration = statement["declaration"] as AnyNode;
      const id = declaration["id"];
      const named = isNode(id) && declaration.type.endsWith("Declaration") ? (id["name"] as string) : undefined;
      found.exports.set("default", named ?? anonymousDefault);
      if (named === undefined) found.defaultStart = declaration.start;
    }
  }
  return found;
}

function nameOf(node: AnyNode): string {
  return (node["name"] ?? node["value"]) as string;
}

function importsOf(statement: AnyNode, { imports }: Found): void {
  const specifier = (statement["source"] as AnyNode)["value"] as string;
  const attributes = Object.fromEntries(
    ((statement["attributes"] ?? []) as AnyNode[]).map((each) => [
      nameOf(each["key"] as AnyNode),
      nameOf(each["value"] as AnyNode),
    ]),
  );
  for (const each of statement["specifiers"] as AnyNode[]) {
    const imported =
      each.type === "ImportNamespaceSpecifier"
        ? "*"
        : each.type === "ImportDefaultSpecifier"
          ? "default"
          : nameOf(each["imported"] as AnyNode);
    const binding = { specifier, imported };
    imports.set(
      nameOf(each["local"] as AnyNode),
      Object.keys(attributes).length === 0 ? binding : { ...binding, attributes },
    );
  }
}

function exportsOf(statement: AnyNode, { exports }: Found): void {
  const declaration = statement["declaration"];
  if (isNode(declaration)) {
    const names =
      declaration.type === "VariableDeclaration"
        ? (declaration["declarations"] as AnyNode[]).flatMap((each) => patternNames(each["id"] as AnyNode))
        : [nameOf(declaration["id"] as AnyNode)];
    for (const name of names) exports.set(name, name);
  }
  if (statement["source"] !== null && statement["source"] !== undefined) return; // Re-exported: the other module's.
  for (const each of statement["specifiers"] as AnyNode[]) {
    exports.set(nameOf(each["exported"] as AnyNode), nameOf(each["local"] as AnyNode));
  }
}

const importStatement =
  /^[ \t]*import\s+(?!type\s)([\w$\s{},*]+?)\s+from\s*(["'])([^"'\n]+)\2(?:\s+with\s*\{([^}]*)\})?/gm;
const exportedDeclaration =
  /^[ \t]*export\s+(default\s+)?(?:async\s+)?(?:abstract\s+)?(?:function\b\s*\*?|class\b|const\b|let\b|var\b)\s*([\w$]+)?/gm;
const exportedList = /^[ \t]*export\s*\{([^}]*)\}(?!\s*from)/gm;
const exportedDefault = /^[ \t]*export\s+default\s+(?!(?:async\s+)?function\b|(?:abstract\s+)?class\b)/m;

function byExpressions(text: string): Found {
  const imports = new Map<string, ImportBinding>();
  const exports = new Map<string, string>();
  for (const [, clause = "", , specifier = "", attributes] of text.matchAll(importStatement)) {
    const extra =
      attributes === undefined
        ? {}
        : {
            attributes: Object.fromEntries(
              [...attributes.matchAll(/([\w$]+)\s*:\s*["']([^"']*)/g)].map(([, k, v]) => [k, v]),
            ),
          };
    for (const [local, imported] of clauseNames(clause)) imports.set(local, { specifier, imported, ...extra });
  }
  for (const [, isDefault, name] of text.matchAll(exportedDeclaration)) {
    if (isDefault !== undefined) exports.set("default", name ?? anonymousDefault);
    else if (name !== undefined) exports.set(name, name);
  }
  for (const [, list = ""] of text.matchAll(exportedList)) {
    for (const [local, exported] of listNames(list)) exports.set(exported, local);
  }
  if (exportedDefault.test(text)) exports.set("default", anonymousDefault);
  const before = /^[ \t]*export\s+default\s+/m.exec(text);
  const defaultStart =
    exports.get("default") === anonymousDefault && before !== null ? before.index + before[0].length : undefined;
  return { imports, exports, defaultStart };
}

function clauseNames(clause: string): [string, string][] {
  const names: [string, string][] = [];
  const braces = /\{([^}]*)\}/.exec(clause);
  for (const [imported, local] of listNames(braces?.[1] ?? "")) names.push([local, imported]);
  const rest = clause.replace(/\{[^}]*\}/, "");
  for (const part of rest.split(",").map((each) => each.trim())) {
    const namespace = /^\*\s+as\s+([\w$]+)$/.exec(part);
    if (namespace !== null) names.push([namespace[1]!, "*"]);
    else if (/^[\w$]+$/.test(part)) names.push([part, "default"]);
  }
  return names;
}

/** `a, b as c` as pairs of the first and the second name. */
function listNames(list: string): [string, string][] {
  return list.split(",").flatMap((part): [string, string][] => {
    const words = part.trim().split(/\s+/);
    if (words[0] === "type" || words[0] === "") return [];
    return [[words[0]!, words[2] ?? words[0]!]];
  });
}
