/**
 * The library's own code as generators: the compiled modules of `src/sync` are read, and each function that comes to
 * shared memory, or waits, becomes one that yields before each operation of Atomics. `explorer.ts` runs them.
 *
 * Functions that are known by name are called by `yield*`; what is called through a variable or an object may be of either
 * sort (`$`). An `await` gives its promise to the event loop of the model (`event-loop.ts`).
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { compileFunction } from "node:vm";
import { parse, type Node } from "acorn";
import { projectRoot } from "../../support/project.ts";

/** In the order in which they import each other: what all that is waited for has in common, and locks. */
const common = [
  "wait-records",
  "wait-places",
  "wait-queue",
  "blocking-wait",
  "guard",
  "acquirable",
  "owner-word",
  "owned-lock",
  "lock",
];
/** What the explorer itself provides as generators. */
const provided = ["isGone", "lookAfter", "blockUntilRung", "nap"];
/** Variables and properties that hold functions of either sort. */
const ofEitherSort = new Set(["attempt", "mayTake", "to", "succeed", "fail", "end", "done"]);

export type Steps<T> = Generator<unknown, T, unknown>;

/** Takes something away from the code, to see that the explorer would notice. */
export type Mutation = readonly [what: RegExp, by: string];

interface AnyNode extends Node {
  readonly [key: string]: unknown;
}

const functions = new Set(["FunctionDeclaration", "FunctionExpression", "ArrowFunctionExpression"]);

function children(node: AnyNode): AnyNode[] {
  const found: AnyNode[] = [];
  for (const value of Object.values(node)) {
    for (const child of Array.isArray(value) ? value : [value]) {
      if (typeof (child as AnyNode | null)?.type === "string") found.push(child as AnyNode);
    }
  }
  return found.sort((a, b) => a.start - b.start);
}

function nameOf(node: unknown): string | undefined {
  const { type, name } = (node ?? {}) as { type?: string; name?: string };
  return type === "PrivateIdentifier" ? `#${name}` : name;
}

/** What is called: its name, and whether it is called by nothing but that name. */
function calleeOf(call: AnyNode): { readonly name: string | undefined; readonly byName: boolean } {
  const callee = call["callee"] as AnyNode;
  if (callee.type === "Identifier") return { name: nameOf(callee), byName: true };
  if (callee.type !== "MemberExpression") return { name: undefined, byName: false };
  const object = callee["object"] as AnyNode;
  return { name: nameOf(callee["property"]), byName: object.type === "ThisExpression" || object.type === "Super" };
}

function isAtomic(call: AnyNode): boolean {
  const object = (call["callee"] as AnyNode)["object"] as AnyNode | undefined;
  return nameOf(object) === "Atomics";
}

/** `new Promise(…)` */
function isPromise(node: AnyNode): boolean {
  return node.type === "NewExpression" && nameOf(node["callee"]) === "Promise";
}

/** `words[…]`, read. */
function isWord(node: AnyNode): boolean {
  if (node.type !== "MemberExpression" || node["computed"] !== true) return false;
  const object = node["object"] as AnyNode;
  return nameOf(object) === "words" || nameOf(object["property"]) === "words";
}

/** Which names are those of functions that take steps, and of generators that do. */
class Names {
  readonly stepping: Set<string> = new Set(provided);
  readonly generators: Set<string> = new Set();
  readonly #bodies: { readonly name: string; readonly node: AnyNode }[] = [];

  constructor(trees: readonly AnyNode[]) {
    for (const tree of trees) this.#collect(tree);
    for (let before = -1; before !== this.stepping.size;) {
      before = this.stepping.size;
      for (const { name, node } of this.#bodies) if (this.takesSteps(node)) this.stepping.add(name);
    }
  }

  #collect(node: AnyNode): void {
    if (node.type === "FunctionDeclaration") {
      this.#bodies.push({ name: nameOf(node["id"])!, node });
      if (node["generator"] === true) this.generators.add(nameOf(node["id"])!);
    }
    if (node.type === "MethodDefinition" && node["kind"] === "method" && nameOf(node["key"]) !== undefined) {
      this.#bodies.push({ name: nameOf(node["key"])!, node: node["value"] as AnyNode });
    }
    for (const child of children(node)) this.#collect(child);
  }

  /** Functions inside are others. */
  takesSteps(node: AnyNode): boolean {
    return children(node).some((child) => {
      if (functions.has(child.type)) return false;
      if (child.type === "AwaitExpression" || isPromise(child) || isWord(child)) return true;
      if (child.type === "CallExpression" && (isAtomic(child) || this.isStep(child))) return true;
      return this.takesSteps(child);
    });
  }

  isStep(call: AnyNode): boolean {
    const { name } = calleeOf(call);
    return name !== undefined && (this.stepping.has(name) || ofEitherSort.has(name));
  }
}

/** Writes a module again, each of its nodes as it is but for those that take steps. */
class Writer {
  readonly #text: string;
  readonly #names: Names;
  #loops = 0;

  constructor(text: string, names: Names) {
    this.#text = text;
    this.#names = names;
  }

  /** The text of a node, or of the part of it between two places. */
  plain(node: AnyNode, stepping: boolean, from: number = node.start, to: number = node.end): string {
    let written = "";
    let at = from;
    for (const child of children(node)) {
      if (child.start < at || child.end > to) continue;
      written += this.#text.slice(at, child.start) + this.write(child, stepping);
      at = child.end;
    }
    return written + this.#text.slice(at, to);
  }

  write(node: AnyNode, stepping: boolean): string {
    switch (node.type) {
      case "ImportDeclaration":
        return this.#imports(node);
      case "ExportNamedDeclaration":
        return this.#exports(node);
      case "FunctionDeclaration": {
        if (!this.#names.stepping.has(nameOf(node["id"])!)) return this.plain(node, false);
        return `function* ${this.plain(node, true, (node["id"] as Node).start)}`;
      }
      case "MethodDefinition": {
        const key = node["key"] as AnyNode;
        if (node["kind"] !== "method" || !this.#names.stepping.has(nameOf(key) ?? "")) {
          return this.plain(node, false);
        }
        const value = node["value"] as AnyNode;
        return `*${this.#text.slice(key.start, key.end)}${this.plain(value, true)}`;
      }
      case "ArrowFunctionExpression": {
        if (!this.#names.takesSteps(node)) return this.plain(node, false);
        const body = node["body"] as AnyNode;
        const parameters = (node["params"] as AnyNode[]).map((each) => this.#text.slice(each.start, each.end));
        const written = this.write(body, true);
        const block = node["expression"] === true ? `{ return ${written}; }` : written;
        return `(function* (${parameters.join(", ")}) ${block}).bind(this)`;
      }
    }
    return stepping ? this.#step(node) : this.plain(node, false);
  }

  #step(node: AnyNode): string {
    switch (node.type) {
      case "AwaitExpression":
        return `(yield* awaiting(${this.write(node["argument"] as AnyNode, true)}))`;
      case "NewExpression": {
        if (!isPromise(node)) break;
        return `(yield* makePromise(${this.write((node["arguments"] as AnyNode[])[0]!, true)}))`;
      }
      case "YieldExpression":
        return `yield new Produced(${this.write(node["argument"] as AnyNode, true)})`;
      case "AssignmentExpression": {
        const left = node["left"] as AnyNode;
        if (isWord(left)) return this.plain(left, true) + this.plain(node, true, left.end);
        break;
      }
      case "MemberExpression":
        return isWord(node) ? `seen(${this.plain(node, true)})` : this.plain(node, true);
      case "ForOfStatement": {
        const right = node["right"] as AnyNode;
        if (right.type !== "CallExpression" || !this.#names.generators.has(calleeOf(right).name ?? "")) break;
        const [iterator, produced] = [`iterator${this.#loops}`, `produced${this.#loops++}`];
        const left = this.write(node["left"] as AnyNode, true);
        return (
          `for (const ${iterator} = ${this.plain(right, true)}; ;) { const ${produced} = yield* nextOf(${iterator});` +
          `if (${produced} === undefined) break; ${left} = ${produced}.value; ${this.write(node["body"] as AnyNode, true)} }`
        );
      }
      case "CallExpression": {
        if (isAtomic(node)) return `(yield, ${this.plain(node, true)})`;
        if (!this.#names.isStep(node)) break;
        const { name, byName } = calleeOf(node);
        const call = this.plain(node, true);
        return byName && !ofEitherSort.has(name!) ? `(yield* ${call})` : `(yield* $(${call}))`;
      }
    }
    return this.plain(node, true);
  }

  #imports(node: AnyNode): string {
    const names = (node["specifiers"] as AnyNode[]).map(
      ({ imported, local }) => `${nameOf(imported)}: ${nameOf(local)}`,
    );
    return `const { ${names.join(", ")} } = modules;`;
  }

  #exports(node: AnyNode): string {
    const declaration = node["declaration"] as AnyNode | null;
    if (declaration === null) return "";
    const [first] = (declaration["declarations"] as AnyNode[] | undefined) ?? [declaration];
    const name = nameOf(first!["id"])!;
    return `${this.write(declaration, false)}\nmodules.${name} = ${name};`;
  }
}

/** All modules as one function body; `modules` has what they find around them, and afterwards what they export. */
function steppedSource(more: readonly string[], mutation?: Mutation): string {
  let sources = [...common, ...more].map((name) =>
    readFileSync(join(projectRoot, "dist", "sync", `${name}.js`), "utf8"),
  );
  if (mutation !== undefined) {
    const [what, by] = mutation;
    if (!sources.some((text) => what.test(text))) throw new Error(`nothing in the code matches ${what}`);
    sources = sources.map((text) => text.replace(what, by));
  }
  const trees = sources.map(
    (text) => parse(text, { ecmaVersion: "latest", sourceType: "module" }) as unknown as AnyNode,
  );
  const names = new Names(trees);
  const blocks = sources.map((text, at) => `{\n${new Writer(text, names).plain(trees[at]!, false)}\n}`);
  return `"use strict";\nconst { Atomics, seen, setTimeout, process, performance, awaiting, makePromise, nextOf, Produced, Promise, $ } = modules;\n${blocks.join("\n")}\nreturn modules;`;
}

export type Factory = (modules: Record<string, unknown>) => Record<string, unknown>;

/**
 * The project's own code, read from its own build.
 *
 * @param more modules of `src/sync` beside those of locks, in the order in which they import each other
 */
export function compile(more: readonly string[] = [], mutation?: Mutation): Factory {
  return compileFunction(steppedSource(more, mutation), ["modules"]) as Factory;
}
