/**
 * The library's own code as generators: the compiled modules of the wait queue and of the owner's word are read, and each
 * of their functions becomes one that yields before each operation of Atomics. `interleaving.ts` runs them.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { compileFunction } from "node:vm";
import { parse, type Node } from "acorn";
import { projectRoot } from "../support/project.ts";

const modules = ["sync/wait-records.js", "sync/wait-queue.js", "sync/owner-word.js"];
/** What the explorer itself provides as generators. */
const provided = ["isGone", "lookAfter", "blockUntilRung"];

/** A place of the text, and what is to be put there. */
type Edit = readonly [at: number, text: string];

interface AnyNode extends Node {
  readonly [key: string]: unknown;
}

function* children(node: AnyNode): Generator<AnyNode> {
  for (const value of Object.values(node)) {
    for (const child of Array.isArray(value) ? value : [value]) {
      if (typeof (child as AnyNode | null)?.type === "string") yield child as AnyNode;
    }
  }
}

/** Takes something away from the code, to see that the explorer would notice. */
export type Mutation = readonly [what: RegExp, by: string];

/** The modules as one function body that ends by returning what the programs need. */
function steppedSource(mutation?: Mutation): string {
  let sources = modules.map((file) => readFileSync(join(projectRoot, "dist", file), "utf8"));
  if (mutation !== undefined) {
    const [what, by] = mutation;
    if (!sources.some((text) => what.test(text))) throw new Error(`nothing in the code matches ${what}`);
    sources = sources.map((text) => text.replace(what, by));
  }
  const trees = sources.map(
    (text) => parse(text, { ecmaVersion: "latest", sourceType: "module" }) as unknown as AnyNode,
  );
  const names = new Set([...provided, "attempt"]);
  const collect = (node: AnyNode): void => {
    if (node.type === "FunctionDeclaration") names.add((node["id"] as { name: string }).name);
    if (node.type === "MethodDefinition" && node["kind"] === "method")
      names.add((node["key"] as { name: string }).name);
    for (const child of children(node)) collect(child);
  };
  for (const tree of trees) collect(tree);
  const parts = sources.map((text, index) => stepped(text, trees[index]!, names));
  return `"use strict";\n${parts.join("\n")}\nreturn { OwnerWord, notTaken, waitForSync, wake, TimeoutError };`;
}

function stepped(text: string, tree: AnyNode, names: ReadonlySet<string>): string {
  const edits: Edit[] = [];
  const cut: (readonly [number, number])[] = [];
  const written = new Set<AnyNode>();
  const visit = (node: AnyNode, inside: boolean): void => {
    let within = inside;
    switch (node.type) {
      case "ImportDeclaration":
        cut.push([node.start, node.end]);
        return;
      case "ExportNamedDeclaration":
        if (node["declaration"] === null) cut.push([node.start, node.end]);
        else cut.push([node.start, (node["declaration"] as Node).start]);
        break;
      case "FunctionDeclaration":
        edits.push([node.start + "function".length, "*"]);
        within = true;
        break;
      case "MethodDefinition":
        if (node["kind"] === "method") edits.push([(node["key"] as Node).start, "*"]);
        within = node["kind"] === "method";
        break;
      case "MemberExpression":
        if (
          within &&
          node["computed"] === true &&
          (node["object"] as { name?: string }).name === "words" &&
          !written.has(node)
        ) {
          edits.push([node.start, "seen("], [node.end, ")"]);
        }
        break;
      case "AssignmentExpression":
        written.add(node["left"] as AnyNode);
        break;
      case "ArrowFunctionExpression":
        within = false; // Of the asynchronous form, which is not run here.
        break;
      case "CallExpression": {
        if (!within) break;
        const callee = node["callee"] as AnyNode;
        const object = callee["object"] as { readonly name?: string; readonly type: string } | undefined;
        const property = callee["property"] as { readonly name: string } | undefined;
        if (object?.name === "Atomics") edits.push([node.start, "(yield, "], [node.end, ")"]);
        else if (callee.type === "Identifier" && names.has(callee["name"] as string)) {
          edits.push([node.start, "(yield* "], [node.end, ")"]);
        } else if (object?.type === "ThisExpression" && names.has(property!.name)) {
          edits.push([node.start, "(yield* "], [node.end, ")"]);
        }
        break;
      }
    }
    for (const child of children(node)) visit(child, within);
  };
  visit(tree, false);
  for (const [start, end] of cut) edits.push([start, `/*`], [end, `*/`]);
  // Of two at one place, what closes comes first; of two that open, the outer one.
  const ordered = edits.map((edit, order) => ({ edit, order }));
  ordered.sort((a, b) => b.edit[0] - a.edit[0] || b.order - a.order);
  let result = text;
  for (const { edit } of ordered) result = result.slice(0, edit[0]) + edit[1] + result.slice(edit[0]);
  return result;
}

/** What `steppedSource()` returns, each method a generator. */
export interface Stepped {
  readonly OwnerWord: new (words: Int32Array, at: number, spot: number) => SteppedOwner;
  readonly notTaken: number;
  waitForSync(
    spot: number,
    attempt: (thorough: boolean) => Steps<number | undefined>,
    timeoutMs: number | undefined,
    what: string,
  ): Steps<number>;
}

export interface SteppedOwner {
  takeFree(): Steps<boolean>;
  take(thorough: boolean): Steps<number>;
  giveQuickly(): Steps<boolean>;
  give(): Steps<boolean>;
  decline(): Steps<void>;
}

export type Steps<T> = Generator<unknown, T, unknown>;

/** What a copy of the code finds around it. */
export const names = [
  "Atomics",
  "seen",
  "TimeoutError",
  "after",
  "setRingListener",
  "stayForRings",
  "stayNoLonger",
  "takeAlarm",
  "payDebts",
  "family",
  "header",
  "field",
  "participantEntry",
  "waitRecord",
  "waitRecords",
  "waitsPerParticipant",
  "waitWords",
  "maxParticipants",
  "indexOf",
  "ownId",
  "idOfIndex",
  "participants",
  "interrupted",
  "interruptedError",
  "ring",
  "pidOf",
  "isGone",
  "lookAfter",
  "blockUntilRung",
  "process",
  "performance",
];

export type Factory = (...environment: unknown[]) => Stepped;

/** The project's own code, read from its own build. */
export function compile(mutation?: Mutation): Factory {
  return compileFunction(steppedSource(mutation), names) as Factory;
}
