/**
 * `npm run docs`: writes docs/api.md, the reference of every public name, from the declarations that the build emits.
 * `-- --check` fails where that file is not what it would write, or where a public name has no doc comment.
 *
 * By the API of TypeScript 6: TypeScript 7, which compiles the project, has none that reads declarations, and typedoc
 * refuses it.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import typescript from "typescript-6";
import { build } from "./build.js";

const root = fileURLToPath(new URL("..", import.meta.url));
const page = join(root, "docs", "api.md");
const { exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const flags = typescript.SymbolFlags;

/** The groups of the page: an export belongs to the folder that declares it. */
const groups = {
  process: "Processes",
  wire: "Functions and errors that travel",
  channel: "Channels",
  sync: "Synchronisation and shared memory",
  pool: "Pool",
  host: "This machine",
  base: "Errors and options",
};

if (process.env["NODE_MULTIPROCESSING_BUILT"] === undefined) await build();
const entry = join(root, exports["."].import.types);
const program = typescript.createProgram([entry], {
  module: typescript.ModuleKind.NodeNext,
  moduleResolution: typescript.ModuleResolutionKind.NodeNext,
  target: typescript.ScriptTarget.ES2023,
  types: ["node"],
  typeRoots: [join(root, "node_modules", "@types")],
  stripInternal: true,
});
const checker = program.getTypeChecker();
const undocumented = [];

function textOf(symbol) {
  return typescript.displayPartsToString(symbol.getDocumentationComment(checker)).trim();
}

function tagsOf(symbol) {
  return symbol.getJsDocTags(checker).map(({ name, text }) => ({
    name,
    text: typescript.displayPartsToString(text).trim(),
  }));
}

/** A declaration without its comments, on one line where it is short. */
function signature(node) {
  const printer = typescript.createPrinter({ removeComments: true });
  const text = printer.printNode(typescript.EmitHint.Unspecified, node, node.getSourceFile());
  return text
    .replace(/^export (?:declare )?/, "")
    .replace(/^declare /, "")
    .trim();
}

function tagLines(symbol) {
  return tagsOf(symbol).flatMap(({ name, text }) => {
    if (name === "param" && !text.includes(" ")) return [];
    if (name === "param") return [`- \`${text.split(/\s/)[0]}\`: ${text.replace(/^\S+\s*(?:- )?/, "")}`];
    if (name === "throws") return [`- throws ${text}`];
    if (name === "default" || name === "defaultValue") return [`- default: ${text}`];
    if (name === "returns") return [`- gives ${text}`];
    return [];
  });
}

const isHidden = (member) =>
  (typescript.getCombinedModifierFlags(member) &
    (typescript.ModifierFlags.Private | typescript.ModifierFlags.Protected)) !==
    0 ||
  (member.name !== undefined && typescript.isPrivateIdentifier(member.name)) ||
  typescript.getJSDocTags(member).some((tag) => tag.tagName.text === "internal");

/** Its own, and those of base classes that are not exported themselves. */
function membersOf(declaration) {
  const own = [...declaration.members];
  const has = (name) => own.some((member) => member.name?.getText() === name);
  const heritage = declaration.heritageClauses?.filter(({ token }) => token === typescript.SyntaxKind.ExtendsKeyword);
  for (const { expression } of heritage?.flatMap(({ types }) => [...types]) ?? []) {
    const base = resolved(checker.getSymbolAtLocation(expression));
    const [made] = base?.declarations ?? [];
    if (made === undefined || exported.has(base) || !made.getSourceFile().fileName.includes("/dist/")) continue;
    for (const member of membersOf(made)) {
      const name = member.name?.getText();
      if (name !== undefined && !has(name)) own.push(member);
    }
  }
  return own;
}

function describeMembers(name, declaration) {
  const lines = [];
  for (const member of membersOf(declaration)) {
    if (isHidden(member)) continue;
    const symbol = member.name === undefined ? member.symbol : checker.getSymbolAtLocation(member.name);
    if (symbol === undefined) continue;
    const own = member.name?.getText() ?? "constructor";
    const comment = [textOf(symbol), ...tagLines(symbol)].filter((line) => line !== "");
    // What the language says of it holds here too.
    const known = own.startsWith("[Symbol") || ["constructor", "toString", "name", "code", "statistics"].includes(own);
    if (comment.length === 0 && !known) undocumented.push(`${name}.${own}`);
    lines.push(`- \`${signature(member).replace(/;$/, "").replace(/\s+/g, " ")}\``);
    lines.push(...comment.flatMap((text) => text.split("\n")).map((line) => `  ${line}`.trimEnd()));
  }
  return lines;
}

function resolved(symbol) {
  return symbol !== undefined && symbol.flags & flags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
}

function describe(name, symbol) {
  const target = resolved(symbol);
  const declarations = target.declarations ?? [];
  const lines = [`### ${name}`, ""];
  const comment = textOf(target);
  const tags = tagLines(target);
  if (comment === "" && tags.length === 0) undocumented.push(name);
  if (comment !== "") lines.push(comment, "");
  for (const declaration of declarations) {
    if (typescript.isClassDeclaration(declaration) || typescript.isInterfaceDeclaration(declaration)) {
      const heritage = declaration.heritageClauses?.map((clause) => ` ${clause.getText()}`).join("") ?? "";
      const types = declaration.typeParameters?.map((each) => each.getText()).join(", ");
      const kind = typescript.isClassDeclaration(declaration) ? "class" : "interface";
      lines.push("```ts", `${kind} ${name}${types === undefined ? "" : `<${types}>`}${heritage}`, "```", "");
      lines.push(...describeMembers(name, declaration), "");
    } else {
      const node = typescript.isVariableDeclaration(declaration) ? declaration.parent.parent : declaration;
      lines.push("```ts", signature(node), "```", "");
    }
  }
  if (tags.length > 0) lines.push(...tags, "");
  for (const { name: tag, text } of tagsOf(target)) {
    if (tag === "example") lines.push(text.startsWith("```") ? text : `\`\`\`ts\n${text}\n\`\`\``, "");
  }
  const file = declarations[0]?.getSourceFile().fileName ?? "";
  return { group: /\/dist\/(\w+)\//.exec(file)?.[1] ?? "base", name, lines };
}

const entryModule = checker.getSymbolAtLocation(program.getSourceFile(entry));
const symbols = checker.getExportsOfModule(entryModule);
const exported = new Set(symbols.map(resolved));
const described = symbols.map((symbol) => describe(symbol.name, symbol)).sort((a, b) => (a.name < b.name ? -1 : 1));

const lines = [
  "# API reference",
  "",
  "Written by `npm run docs` from the sources' doc comments. Names, units and bounds are those of the types.",
  "",
];
const order = [...new Set([...Object.keys(groups), ...described.map(({ group }) => group)])];
const present = order.filter((group) => described.some((each) => each.group === group));
for (const group of present) {
  const names = described.filter((each) => each.group === group).map(({ name }) => `\`${name}\``);
  lines.push(`- **${groups[group] ?? group}**: ${names.join(", ")}`);
}
for (const group of present) {
  lines.push("", `## ${groups[group] ?? group}`, "");
  for (const each of described) if (each.group === group) lines.push(...each.lines);
}
const text = `${lines
  .join("\n")
  .replace(/\n{3,}/g, "\n\n")
  .trimEnd()}\n`;

if (process.argv.includes("--check")) {
  const current = existsSync(page) ? readFileSync(page, "utf8") : "";
  if (current !== text) {
    console.error("docs/api.md is not what the sources say: npm run docs writes it anew");
    process.exitCode = 1;
  }
} else {
  writeFileSync(page, text);
  console.log(`docs/api.md: ${described.length} names`);
}
if (undocumented.length > 0) {
  console.error(`without a doc comment: ${undocumented.join(", ")}`);
  if (process.argv.includes("--check")) process.exitCode = 1;
}
