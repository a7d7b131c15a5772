/**
 * Texts of functions and modules as syntax trees.
 *
 * Runs in: the process that sends.
 * Why loaded late: the parser takes about ten milliseconds to load, and a program that sends no function by value never
 * needs it.
 */
import { createRequire } from "node:module";
import type { Node, Options, Token, TokenType } from "acorn";

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
  const { parse: read } = acorn;
  return unlessWrong(() => ({ tree: read(text, options), tokens }));
}

let lastFile: { readonly text: string; readonly sourceType: string; readonly parsed: WeakRef<Parsed> } | undefined;

/** The same, for the text of a file, of which several things are asked one after the other: a tree may be large. */
export function parseFile(text: string, sourceType: "module" | "script"): Parsed | undefined {
  const last = lastFile?.text === text && lastFile.sourceType === sourceType ? lastFile.parsed.deref() : undefined;
  if (last !== undefined) return last;
  const parsed = parse(text, sourceType);
  if (parsed !== undefined) lastFile = { text, sourceType, parsed: new WeakRef(parsed) };
  return parsed;
}

/** Their types do not have what a token says. */
export type FileToken = Token & { readonly value?: unknown };

const at = 64;

/** The tokens of a text that may be TypeScript, `@` among them; undefined where they are none. */
export function tokensOf(text: string): readonly FileToken[] | undefined {
  acorn ??= require("acorn") as typeof import("acorn");
  const { Parser, tokTypes } = acorn;
  const decorated = Parser.extend(
    (base) =>
      class extends (base as unknown as new (...all: unknown[]) => TokenReader) {
        override getTokenFromCode(code: number): unknown {
          return code === at ? this.finishOp(tokTypes.prefix, 1) : super.getTokenFromCode(code);
        }
      } as unknown as typeof base,
  );
  return unlessWrong(() => [...decorated.tokenizer(text, { ecmaVersion: "latest", allowHashBang: true })]);
}

/** What a plugin of the parser may use, and its types do not have. */
declare class TokenReader {
  finishOp(type: TokenType, length: number): unknown;
  getTokenFromCode(code: number): unknown;
}

function unlessWrong<T>(read: () => T): T | undefined {
  try {
    return read();
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
