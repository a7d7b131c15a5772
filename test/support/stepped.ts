/**
 * The library's own compiled modules with a step before each operation of Atomics: every function, method, getter and
 * arrow in them becomes a generator. What is written as `async`, and constructors, stay as they are and take no steps.
 */
import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { compileFunction } from "node:vm";
import { parse, type Node } from "acorn";
import { projectRoot } from "./project.ts";

export type Steps<T> = Generator<unknown, T, unknown>;

/** Takes something away from the code, to see that an explorer would notice. */
export type Mutation = readonly [what: RegExp, by: string];

/** Exports of a module, or what stands for them. */
export type Exports = Record<string, unknown>;

interface AnyNode extends Node {
  readonly [key: string]: unknown;
}

/** Arrays over shared memory: what is read from them belongs to the history of who reads. */
const sharedArrays = /^(this\.#)?(words|records)$/;

function children(node: AnyNode): AnyNode[] {
  return Object.values(node)
    .flat()
    .filter((value) => typeof (value as AnyNode | null)?.type === "string")
    .map((value) => value as AnyNode)
    .sort((a, b) => a.start - b.start);
}

class Stepper {
  readonly #text: string;
  readonly #getters: ReadonlySet<string>;

  constructor(text: string, getters: ReadonlySet<string>) {
    this.#text = text;
    this.#getters = getters;
  }

  /** @param inside whether it stands in what has become a generator */
  emit(node: AnyNode, inside: boolean): string {
    switch (node.type) {
      case "Program":
        return (node["body"] as AnyNode[]).map((each) => this.#statement(each)).join("\n");
      case "ImportDeclaration": {
        const names = (node["specifiers"] as AnyNode[]).map((specifier) => {
          const [imported, local] = [specifier["imported"], specifier["local"]] as { name: string }[];
          return `${imported!.name}: ${local!.name}`;
        });
        const from = basename((node["source"] as unknown as { value: string }).value, ".js");
        return `const { ${names.join(", ")} } = importOf(${JSON.stringify(from)});`;
      }
      case "ExportNamedDeclaration":
        return node["declaration"] === null ? "" : this.emit(node["declaration"] as AnyNode, inside);
      case "FunctionDeclaration":
        return node["async"] === true || node["generator"] === true
          ? this.#copy(node, false)
          : this.#copy(node, true).replace(/^function/, "function*");
      case "MethodDefinition":
        return this.#method(node);
      case "ArrowFunctionExpression":
        return this.#arrow(node);
      case "CallExpression":
        return inside ? this.#call(node) : this.#copy(node, inside);
      case "AssignmentExpression": {
        const { left, right } = node as unknown as { left: AnyNode; right: AnyNode };
        return `${this.#copy(left, inside)}${this.#text.slice(left.end, right.start)}${this.emit(right, inside)}`;
      }
      case "MemberExpression":
        return inside ? this.#member(node) : this.#copy(node, inside);
      default:
        return this.#copy(node, inside);
    }
  }

  #copy(node: AnyNode, inside: boolean): string {
    let at = node.start;
    let copied = "";
    for (const child of children(node)) {
      if (child.start < at) continue; // A shorthand property: its key is its value.
      copied += this.#text.slice(at, child.start) + this.emit(child, inside);
      at = child.end;
    }
    return copied + this.#text.slice(at, node.end);
  }

  /** What a module does when it is loaded, it does at once. */
  #statement(node: AnyNode): string {
    if (node.type !== "ExpressionStatement") return this.emit(node, false);
    return `finish(${this.emit(node["expression"] as AnyNode, false)});`;
  }

  #method(node: AnyNode): string {
    const { kind, computed, key, value } = node as unknown as Record<string, AnyNode> & { kind: string };
    const body = value as AnyNode;
    if (kind === "constructor" || body["async"] === true || computed) return this.#copy(node, false);
    const rest = this.#copy(body, true);
    const name = this.#text.slice(key!.start, key!.end);
    if (kind === "get") return `*${name}$get${rest}`;
    return `${node["static"] === true ? "static " : ""}*${name}${rest}`;
  }

  #arrow(node: AnyNode): string {
    if (node["async"] === true) return this.#copy(node, false);
    const body = node["body"] as AnyNode;
    const parameters = (node["params"] as AnyNode[]).map((each) => this.emit(each, false)).join(", ");
    const block = this.emit(body, true);
    return `(function* (${parameters}) ${body.type === "BlockStatement" ? block : `{ return (${block}); }`}).bind(this)`;
  }

  #call(node: AnyNode): string {
    const callee = node["callee"] as AnyNode;
    const target = callee.type === "MemberExpression" ? this.#copy(callee, true) : this.emit(callee, true);
    const given = (node["arguments"] as AnyNode[]).map((each) => this.emit(each, true)).join(", ");
    if (target.startsWith("Atomics.")) return `(yield, ${target}(${given}))`;
    return `(yield* run(${target}(${given})))`;
  }

  #member(node: AnyNode): string {
    const object = node["object"] as AnyNode;
    const copied = this.#copy(node, true);
    if (node["computed"] === true) {
      return sharedArrays.test(this.#text.slice(object.start, object.end)) ? `seen(${copied})` : copied;
    }
    const { name, type } = node["property"] as unknown as { name: string; type: string };
    return type === "Identifier" && this.#getters.has(name)
      ? `(yield* got(${this.emit(object, true)}, "${name}"))`
      : copied;
  }
}

/** Called once for each process of a model: with what it finds in place of modules (and, as `globals`, of Atomics, process and
 * performance), and with who notes what it reads. */
export type Factory = (given: Record<string, Exports>, seen: <T>(value: T) => T) => Record<string, Exports>;

/**
 * @param files in `dist`, each after those that it imports
 * @param mutations all must match something
 * @returns what makes a copy of the modules with variables of its own
 */
export function stepped(files: readonly string[], mutations: readonly Mutation[] = []): Factory {
  const unmatched = new Set(mutations);
  const modules = files.map((file) => {
    let text = readFileSync(join(projectRoot, "dist", file), "utf8");
    for (const mutation of mutations) {
      const [what, by] = mutation;
      if (what.test(text)) unmatched.delete(mutation);
      text = text.replace(what, by);
    }
    const tree = parse(text, { ecmaVersion: "latest", sourceType: "module" }) as unknown as AnyNode;
    return { name: basename(file, ".js"), text, tree };
  });
  for (const [what] of unmatched) throw new Error(`nothing in the code matches ${what}`);
  const getters = new Set<string>();
  const exported = modules.map(({ tree }) => {
    const names: string[] = [];
    for (const node of tree["body"] as AnyNode[]) {
      const found = node.type === "ExportNamedDeclaration" ? node : undefined;
      const declaration = found?.["declaration"] as AnyNode | null | undefined;
      const declared = (declaration?.["declarations"] as AnyNode[] | undefined) ?? (declaration ? [declaration] : []);
      for (const each of declared) names.push((each["id"] as unknown as { name: string }).name);
      const source = found?.["source"] as { value: string } | null | undefined;
      if (source) names.push(`...importOf(${JSON.stringify(basename(source.value, ".js"))})`);
      else
        for (const each of (found?.["specifiers"] as AnyNode[] | undefined) ?? [])
          names.push((each["local"] as unknown as { name: string }).name);
      const body = (declaration ?? node)["body"] as AnyNode | undefined;
      for (const member of (body?.["body"] as AnyNode[] | undefined) ?? []) {
        const { kind, computed, key } = member as unknown as { kind: string; computed: boolean; key: { name: string } };
        if (member.type === "MethodDefinition" && kind === "get" && !computed) getters.add(key.name);
      }
    }
    return names;
  });
  const parts = modules.map(
    ({ name, text, tree }, index) =>
      `modules[${JSON.stringify(name)}] = (function () {\n${new Stepper(text, getters).emit(tree, false)}\n` +
      `return { ${exported[index]!.join(", ")} };\n})();`,
  );
  const source = `"use strict";
const { Atomics, process, performance } = given.globals;
const modules = Object.create(null);
const importOf = (name) => ({ ...given[name], ...modules[name] });
const isSteps = (value) => value !== null && typeof value === "object" && value[Symbol.toStringTag] === "Generator";
function finish(value) { if (isSteps(value)) for (const _ of value); }
function* run(value) { return isSteps(value) ? yield* value : value; }
function* got(object, name) { const own = object[name + "$get"]; return own === undefined ? object[name] : yield* own.call(object); }
${parts.join("\n")}
return modules;`;
  return compileFunction(source, ["given", "seen"]) as Factory;
}
