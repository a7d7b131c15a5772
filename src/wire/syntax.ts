/**
 * Texts of functions and modules as syntax trees.
 *
 * Runs in: the process that sends.
 * Why loaded late: the parser takes about ten milliseconds to load, and a program that sends no function by value never
 * needs it.
 */
import { createRequire } from "node:module";
import type { Node, Options, Token } from "acorn";

const require = createRequire(import.meta.url);

let acorn: typeof import("acorn") | undefined;

export interface Parsed {
  readonly tree: Node;
  readonly tokens: readonly Token[];
}

/** Undefined when it is not a program of that kind. */
export function parse(text: string, sourceType: "module" | "script"): Parsed | undefined {
  acorn ??= require("acorn") as typeof import("acorn");
  const tokens: Token[] = [];
  const options: Options = {
    ecmaVersion: "latest",
    sourceType,
    allowHashBang: true,
    allowReturnOutsideFunction: true,
    allowImportExportEverywhere: false,
    allowSuperOutsideMethod: true,
    checkPrivateFields: false,
    onToken: tokens,
  };
  try {
    return { tree: acorn.parse(text, options), tokens };
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** A tree's node with whatever fields its type has: ESTree is one open record to a walker. */
export interface AnyNode {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [field: string]: unknown;
}

export function isNode(value: unknown): value is AnyNode {
  return typeof value === "object" && value !== null && typeof (value as { type?: unknown }).type === "string";
}

/** The nodes directly below, in the order of the text. */
export function childrenOf(node: AnyNode): AnyNode[] {
  const found: AnyNode[] = [];
  for (const key of Object.keys(node)) {
    const field = node[key];
    if (Array.isArray(field)) {
      for (const item of field) if (isNode(item)) found.push(item);
    } else if (isNode(field)) found.push(field);
  }
  return found;
}
