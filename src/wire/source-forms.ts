/**
 * The text of a function, read: what form it has, which names it uses, and where V8's position points in it. Pure.
 *
 * Runs in: the process that sends.
 * Guarantees: one analysis a text.
 */
import type { Token } from "acorn";
import { surroundingsOf, type Surroundings } from "./free-variables.ts";
import { isNode, parse, type AnyNode, type Parsed } from "./syntax.ts";

export type Form = "function" | "class" | "method";

export interface SourceForm {
  readonly form: Form;
  readonly text: string;
  readonly node: AnyNode;
  /** Where `node`'s own offsets begin: the text was parsed after this many characters. */
  readonly base: number;
  readonly arrow: boolean;
  /** Offset in the text of what V8's position names. */
  readonly point: number;
  readonly surroundings: Surroundings;
  /** It begins with "use strict". */
  readonly strict: boolean;
}

const analysed = new Map<string, SourceForm | undefined>();
/** Texts that are made anew all the time must not fill the memory. Arbitrary. */
const mostTexts = 2000;

/** Undefined when the text is no function that can be parsed. */
export function sourceForm(text: string): SourceForm | undefined {
  if (analysed.has(text)) return analysed.get(text);
  if (analysed.size >= mostTexts) analysed.clear();
  const form = asExpression(text) ?? asMethod(text, "({", "})") ?? asMethod(text, "(class{", "})");
  analysed.set(text, form);
  return form;
}

/** Module code first: it is strict, and knows `await`; what only sloppy code may say is tried next. */
function parseEither(text: string): Parsed | undefined {
  return parse(text, "module") ?? parse(text, "script");
}

function asExpression(text: string): SourceForm | undefined {
  const parsed = parseEither(`(${text}\n)`);
  const node = expressionOf(parsed);
  if (node === undefined || node.end - 1 > text.length) return undefined;
  const isClass = node.type === "ClassExpression";
  if (!isClass && node.type !== "FunctionExpression" && node.type !== "ArrowFunctionExpression") return undefined;
  const arrow = node.type === "ArrowFunctionExpression";
  const point = isClass ? constructorOffset(node) : arrow ? node.start : parenthesis(node, parsed!.tokens);
  return {
    form: isClass ? "class" : "function",
    text,
    node,
    base: 1,
    arrow,
    point: point - 1,
    surroundings: surroundingsOf(node),
    strict: beginsStrict(node),
  };
}

function asMethod(text: string, before: string, after: string): SourceForm | undefined {
  const node = expressionOf(parseEither(`${before}${text}\n${after}`));
  if (node === undefined) return undefined;
  const members = (
    node.type === "ObjectExpression" ? node["properties"] : (node["body"] as AnyNode | undefined)?.["body"]
  ) as AnyNode[] | undefined;
  const member = members?.[0];
  if (members?.length !== 1 || member === undefined || !isNode(member["value"])) return undefined;
  const value = member["value"];
  if (value.type !== "FunctionExpression") return undefined;
  return {
    form: "method",
    text,
    node: member,
    base: before.length,
    arrow: false,
    point: value.start - before.length,
    surroundings: surroundingsOf(value),
    strict: beginsStrict(value),
  };
}

function expressionOf(parsed: Parsed | undefined): AnyNode | undefined {
  const body = (parsed?.tree as unknown as { body?: AnyNode[] } | undefined)?.body;
  if (body?.length !== 1 || body[0]!.type !== "ExpressionStatement") return undefined;
  return body[0]!["expression"] as AnyNode;
}

/** V8 names a class by its constructor's parenthesis, or by the word `class`. */
function constructorOffset(node: AnyNode): number {
  const members = (node["body"] as AnyNode)["body"] as AnyNode[];
  const found = members.find((member) => member["kind"] === "constructor");
  return found === undefined ? node.start : (found["value"] as AnyNode).start;
}

function parenthesis(node: AnyNode, tokens: readonly Token[]): number {
  const from = isNode(node["id"]) ? node["id"].end : node.start;
  return tokens.find((token) => token.start >= from && token.type.label === "(")?.start ?? node.start;
}

function beginsStrict(node: AnyNode): boolean {
  const body = node["body"] as AnyNode;
  if (body.type !== "BlockStatement") return false;
  return (body["body"] as AnyNode[]).some((statement) => statement["directive"] === "use strict");
}

/** The line and column (from 0) at which the text begins, given where V8 says that `point` is. */
export function startOfText(form: SourceForm, line: number, column: number): { line: number; column: number } {
  const before = form.text.slice(0, form.point);
  const newlines = before.split("\n").length - 1;
  // Where the point is not on the first line, the first line's column cannot be known.
  return newlines === 0 ? { line, column: column - form.point } : { line: line - newlines, column: 0 };
}
