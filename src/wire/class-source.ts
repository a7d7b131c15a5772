/**
 * The text of a class, edited so that evaluating it again does nothing but make the class. Pure but for the keys that
 * it reads off the class.
 *
 * Runs in: the process that sends.
 * Guarantees: lines and, where it can be, columns stay as they were.
 *   - the heritage becomes a placeholder: it is not evaluated again, and set afterwards (a class may reach itself
 *     through its heritage's fields);
 *   - static blocks and public static fields are blanked: their results are copied, their side effects not repeated;
 *   - private static fields take the values that they have;
 *   - computed names of methods become the keys that they came to.
 */
import type { SourceForm } from "./source-forms.ts";
import { wellKnownSymbol } from "./symbols.ts";
import { isNode, type AnyNode } from "./syntax.ts";

export interface ClassSource {
  readonly text: string;
  /** The beginning of the names that were put into the text, which nothing else in it has. */
  readonly mark: string;
  /** The keys that computed names came to, in the order of `keyName(mark, 0)`, `keyName(mark, 1)`, … in the text. */
  readonly keys: readonly (string | symbol)[];
  readonly heritage: "none" | "null" | "class";
  /** Private static fields, `#x`, in the order in which the text hands out ways to them. */
  readonly privateStatics: readonly string[];
  /** Keys that the text itself defines, on the class and on its prototype: their values are not copied. */
  readonly ownStatic: ReadonlySet<string | symbol>;
  readonly ownPrototype: ReadonlySet<string | symbol>;
  /** Keys of methods that the text makes and that are not there any more, of the class and of its prototype. */
  readonly deletedStatic: readonly string[];
  readonly deletedPrototype: readonly string[];
}

export type ClassProblem = { readonly why: string; readonly remedy: string };

export function heritageName(mark: string): string {
  return `${mark}heritage`;
}

/** Takes what sets and what reads each private static field. */
export function plantName(mark: string): string {
  return `${mark}plant`;
}

export function keyName(mark: string, index: number): string {
  return `${mark}key${index}`;
}

/** The names that a text with this mark is given. */
export function namesGiven(mark: string, keys: number): string[] {
  return [...Array.from({ length: keys }, (_, at) => keyName(mark, at)), heritageName(mark), plantName(mark)];
}

/** @param ownMark that of a text that has been edited before: the same class gives the same text at each hop */
export function classSource(form: SourceForm, subject: object, ownMark = ""): ClassSource | ClassProblem {
  const edits: { start: number; end: number; text: string }[] = [];
  const keys: (string | symbol)[] = [];
  const privateStatics: string[] = [];
  // `name` and `length` cross by themselves, unless the text makes methods of those names.
  const own = {
    static: new Set<string | symbol>(["prototype", "length", "name"]),
    prototype: new Set<string | symbol>(),
  };
  own.prototype.add("constructor");
  const changed = { static: new Set<string>(), prototype: new Set<string>() };
  const { node, base } = form;
  let mark = ownMark || "$";
  while (
    mark !== ownMark &&
    (form.text.includes(`${mark}key`) || form.text.includes(heritageName(mark)) || form.text.includes(plantName(mark)))
  )
    mark += "_";
  const superClass = node["superClass"];
  let heritage: ClassSource["heritage"] = "none";
  if (isNode(superClass)) {
    heritage = Object.getPrototypeOf((subject as { prototype: object }).prototype) === null ? "null" : "class";
    edits.push({
      start: superClass.start,
      end: superClass.end,
      text: heritage === "null" ? "null" : heritageName(mark),
    });
  }
  for (const member of (node["body"] as AnyNode)["body"] as AnyNode[]) {
    const isStatic = member["static"] === true;
    if (member.type === "StaticBlock") {
      edits.push({ start: member.start, end: member.end, text: "" });
      continue;
    }
    const key = member["key"] as AnyNode;
    const isPrivate = key.type === "PrivateIdentifier";
    if (member.type === "PropertyDefinition") {
      if (isStatic && !isPrivate) edits.push({ start: member.start, end: member.end, text: ";" });
      else if (isStatic) {
        const name = `#${key["name"] as string}`;
        // The text hands out ways to it, in the place of what the value was made by.
        const ways = `=${plantName(mark)}($=>{this.${name}=$},()=>this.${name});`;
        edits.push({ start: key.end, end: member.end, text: ways });
        privateStatics.push(name);
      } else if (member["computed"] === true && !isConstantKey(key)) return computedField();
      continue;
    }
    if (isPrivate) continue;
    const names = isStatic ? own.static : own.prototype;
    const holder = isStatic ? subject : (subject as { prototype: object }).prototype;
    const text = form.text.slice(member.start - base, member.end - base);
    if (member["computed"] !== true) {
      const name = plainKey(key);
      if (!isStatic && name === "constructor") continue;
      const before = changed[isStatic ? "static" : "prototype"];
      if (isWritten(holder, name, text) && !Object.prototype.propertyIsEnumerable.call(holder, name)) {
        names.add(name);
        before.delete(name);
      } else if (!names.has(name)) before.add(name);
      continue;
    }
    const found = Reflect.ownKeys(holder).find(
      (candidate) => !names.has(candidate) && isWritten(holder, candidate, text),
    );
    if (found === undefined) return replacedMethod();
    names.add(found);
    edits.push({ start: key.start, end: key.end, text: keyName(mark, keys.length) });
    keys.push(found);
  }
  return {
    text: edited(form.text, base, edits),
    mark,
    keys,
    heritage,
    privateStatics,
    ownStatic: own.static,
    ownPrototype: own.prototype,
    deletedStatic: [...changed.static].filter((name) => !Object.hasOwn(subject, name)),
    deletedPrototype: [...changed.prototype].filter(
      (name) => !Object.hasOwn((subject as { prototype: object }).prototype, name),
    ),
  };
}

/** What comes to the same wherever it is evaluated: `["a-b"]`, `[Symbol.toStringTag]`. */
function isConstantKey(key: AnyNode): boolean {
  if (key.type === "Literal") return true;
  if (key.type === "TemplateLiteral") return (key["expressions"] as AnyNode[]).length === 0;
  if (key.type !== "MemberExpression" || key["computed"] === true) return false;
  const [object, property] = [key["object"] as AnyNode, key["property"] as AnyNode];
  return object["name"] === "Symbol" && wellKnownSymbol(property["name"] as string) !== undefined;
}

function plainKey(key: AnyNode): string {
  return key.type === "Identifier" ? (key["name"] as string) : String(key["value"]);
}

/** Whether the property under that key is the method with this text, which may have `static` before it. */
function isWritten(holder: object, key: string | symbol, text: string): boolean {
  const descriptor = Object.getOwnPropertyDescriptor(holder, key);
  return [descriptor?.value as unknown, descriptor?.get, descriptor?.set].some(
    (part) => typeof part === "function" && text.endsWith(Function.prototype.toString.call(part)),
  );
}

function edited(text: string, base: number, edits: readonly { start: number; end: number; text: string }[]): string {
  let result = "";
  let at = 0;
  for (const edit of [...edits].sort((a, b) => a.start - b.start)) {
    const start = edit.start - base;
    const end = edit.end - base;
    const blank = text.slice(start, end).replace(/[^\n]/g, " ");
    result += text.slice(at, start) + edit.text + blank.slice(edit.text.length);
    // A replacement that is longer than what it replaces must not swallow a line's end.
    if (edit.text.length > blank.length || blank.slice(0, edit.text.length).includes("\n")) {
      result += "\n".repeat(blank.slice(0, edit.text.length).split("\n").length - 1);
    }
    at = end;
  }
  return result + text.slice(at);
}

function computedField(): ClassProblem {
  return {
    why: "it has a field with a computed name, which cannot be read from outside",
    remedy: "set the field in the constructor, or move the class to a module of its own and export it",
  };
}

function replacedMethod(): ClassProblem {
  return {
    why: "a method with a computed name has been replaced since",
    remedy: "move the class to a module of its own and export it",
  };
}

/** The first private member that instances have: a copy of one could not be given it. */
export function privateMember(form: SourceForm): string | undefined {
  const members = (form.node["body"] as AnyNode)["body"] as AnyNode[];
  const found = members.find(
    (member) => member["static"] !== true && isNode(member["key"]) && member["key"].type === "PrivateIdentifier",
  );
  return found === undefined ? undefined : `#${(found["key"] as AnyNode)["name"] as string}`;
}
