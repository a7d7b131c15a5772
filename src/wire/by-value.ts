/**
 * A function or class by value: its text and the variables it uses, into a message.
 *
 * Runs in: the process that sends.
 * Guarantees: variables that functions of one message share, and one of them assigns, are one variable there too.
 * Leaves to others: out of the message (`read-by-value.ts`), whose two orders must be the same.
 */
import { types } from "node:util";
import { describePlace, variablesOf, type AnyFunction, type Captured, type Variable } from "./capture.ts";
import { classSource, type ClassSource } from "./class-source.ts";
import { inspectPrivate } from "./inspection.ts";
import type { Encoder } from "./kinds.ts";
import { writeTags } from "./origin-tags.ts";
import { writeIntegrity, writeProperties } from "./properties.ts";
import { sourceForm, type Form, type SourceForm } from "./source-forms.ts";
import { sourceMapOf } from "./source-maps.ts";
import { withScopes, type Union } from "./shared-variables.ts";
import { isNode } from "./syntax.ts";
import { prototypeOfClass, prototypeOfKind, writeVariable } from "./variables.ts";

export const forms: readonly Form[] = ["function", "class", "method"];
export const heritages = ["none", "null", "class"] as const;
/** The scopes of one message. */
const scopeTable = {};

/** The files whose source maps are in the message already. */
const mapTable = {};

interface Scopes {
  readonly numbers: Map<object, number>;
  /** "3 count": written already. */
  readonly written: Set<string>;
}

export function writeByValue(subject: AnyFunction, captured: Captured, encoder: Encoder): void {
  const { anatomy } = captured;
  const edited = editedForm(subject, captured, encoder);
  refuseWhatCannotCross(subject, captured, edited.form, encoder);
  const found = variablesOf(subject, { ...captured, anatomy: { ...anatomy, form: edited.form } });
  if (!Array.isArray(found)) {
    encoder.refuse({
      subject: `the variable "${found.name}" used by ${describePlace(subject, anatomy)}`,
      why: found.why,
      remedy: found.remedy,
    });
  }
  const unions: Union[] = [];
  const variables = withScopes(subject, captured, edited.form, found, unions, encoder);
  const own = variables.filter((each) => each.how !== "value" || each.scope === undefined);
  const shared = variables.filter((each) => each.how === "value" && each.scope !== undefined);
  writeTags(subject, encoder);
  const { form } = edited;
  encoder.string(calledPlainly(form, new Set(shared.map(({ name }) => name))));
  encoder.string(anatomy.file);
  const mapped = encoder.store(mapTable, () => new Set<string>());
  encoder.string(mapped.has(anatomy.file) ? "" : sourceMapOf(anatomy.file));
  mapped.add(anatomy.file);
  encoder.uint(anatomy.line);
  encoder.value(anatomy.column, "");
  encoder.uint(forms.indexOf(form.form));
  encoder.uint(anatomy.strict ? 1 : 0);
  encoder.value(ownValue(subject, "name"), ".name");
  encoder.value(ownValue(subject, "length"), ".length");
  encoder.uint(own.length);
  for (const { name } of own) encoder.string(name);
  encoder.string(edited.meta);
  encoder.string(edited.class?.mark ?? "");
  writeShared(shared, unions, encoder);
  const heritage = edited.class?.heritage ?? "none";
  encoder.uint(heritages.indexOf(heritage));
  const keys = edited.class?.keys ?? [];
  encoder.uint(keys.length);
  for (const key of keys) encoder.value(key, "");
  const usesArguments = form.arrow && form.surroundings.names.has("arguments");
  encoder.uint(usesArguments ? 1 : 0);
  if (usesArguments) writeOuterArguments(captured, encoder);
  // From here on the other side has the function, empty.
  if (heritage === "class") encoder.value(Object.getPrototypeOf(subject), ` (the class that ${subject.name} extends)`);
  const where = describePlace(subject, anatomy);
  for (const each of own) writeVariable(each, where, anatomy.file, encoder);
  writeSharedValues(shared, where, encoder);
  writePrivateStatics(subject, edited.class?.privateStatics ?? [], encoder);
  writeParts(subject, edited.class, encoder);
}

function editedForm(
  subject: AnyFunction,
  { anatomy }: Captured,
  encoder: Encoder,
): { readonly form: SourceForm; readonly class: ClassSource | undefined; readonly meta: string } {
  let { form } = anatomy;
  let itsClass: ClassSource | undefined;
  if (form.form === "class") {
    const source = classSource(form, subject, anatomy.copy?.mark);
    if ("why" in source) {
      encoder.refuse({ subject: `the class ${describePlace(subject, anatomy)}`, ...source });
    }
    itsClass = source;
    form = reparsed(source.text, subject, anatomy, encoder);
  }
  const key = form.node["key"];
  if (form.form === "method" && form.node["computed"] === true && isNode(key)) {
    // What the name was computed from is not there any more: any name does, since it is set afterwards.
    const { start, end } = key;
    form = reparsed(replaced(form, start, end, "0"), subject, anatomy, encoder);
  }
  let meta = anatomy.copy?.meta ?? "";
  const metas = form.surroundings.importMeta;
  if (metas.length > 0) {
    meta = freshName("$importMeta", form.text, "import.meta".length);
    let at = form;
    for (const { start, end } of metas) at = { ...at, text: replaced(at, start, end, meta) };
    form = reparsed(at.text, subject, anatomy, encoder);
  }
  return { form, class: itsClass, meta };
}

/** An edit that makes no sense must not go unseen: evaluated as it was, the text would do what it did once more. */
function reparsed(text: string, subject: AnyFunction, anatomy: Captured["anatomy"], encoder: Encoder): SourceForm {
  const form = sourceForm(text);
  if (form !== undefined) return form;
  return encoder.refuse({
    subject: `the function or class ${describePlace(subject, anatomy)}`,
    why: "its text is of a kind that the library cannot prepare for another process",
    remedy: "move it to a module of its own and export it",
  });
}

/** The text with another piece from `start` to `end` of its tree; line ends stay, and columns where they can. */
function replaced({ text, base }: SourceForm, start: number, end: number, piece: string): string {
  const lines = text.slice(start - base, end - base).split("\n");
  const rest = lines.length === 1 ? " ".repeat(Math.max(0, end - start - piece.length)) : "\n".repeat(lines.length - 1);
  return text.slice(0, start - base) + piece + rest + text.slice(end - base);
}

/**
 * The text with `(0,name)()` for `name()`: variables that functions share are properties of an object there
 * (`rebuild.ts`), and a plain call would have that object for its `this`.
 */
function calledPlainly({ text, base, surroundings }: SourceForm, names: ReadonlySet<string>): string {
  let result = "";
  let at = 0;
  const calls = surroundings.calls.filter((callee) => names.has(callee["name"] as string));
  for (const { start, end } of calls.sort((a, b) => a.start - b.start)) {
    // As a statement of its own it must not become arguments of what stands before it without a semicolon.
    const open = surroundings.statementStarts.has(start) ? ";(0," : "(0,";
    result += `${text.slice(at, start - base)}${open}${text.slice(start - base, end - base)})`;
    at = end - base;
  }
  return result + text.slice(at);
}

/** A name that the text does not contain: `start`, or with digits at its end, of the same length. */
function freshName(start: string, text: string, length: number): string {
  let name = start;
  for (let i = 0; text.includes(name); i++) name = start.slice(0, length - String(i).length) + i;
  return name;
}

function refuseWhatCannotCross(subject: AnyFunction, { anatomy }: Captured, form: SourceForm, encoder: Encoder): void {
  const { surroundings: uses, arrow } = form;
  const subjectText = `the function ${describePlace(subject, anatomy)}`;
  const refuse = (why: string, remedy: string): never => encoder.refuse({ subject: subjectText, why, remedy });
  if (uses.usesEval) refuse("it calls eval, and what that uses cannot be known", "pass what it needs as arguments");
  if (arrow && uses.usesThis)
    refuse("it uses the `this` around it", "put this into a const, and use that, or pass it as an argument");
  if (uses.usesSuper) refuse("it uses super, which belongs to its object", "send the whole class or object's class");
  const [privateName] = uses.privateNames;
  if (privateName !== undefined) refuse(`it uses the private name #${privateName}`, "send the whole class");
}

function writeOuterArguments({ inspected }: Captured, encoder: Encoder): void {
  const scope = inspected.scopes.find(({ variables }) => "arguments" in variables);
  encoder.value(
    Array.from((scope?.variables["arguments"] ?? []) as ArrayLike<unknown>),
    " arguments of the function around it",
  );
}

function writeShared(shared: readonly Variable[], unions: readonly Union[], encoder: Encoder): void {
  const scopes = encoder.store<Scopes>(scopeTable, () => ({ numbers: new Map(), written: new Set() }));
  encoder.uint(shared.length);
  for (const each of shared) {
    const { scope } = each as { scope: object };
    const number = scopes.numbers.get(scope) ?? scopes.numbers.size;
    scopes.numbers.set(scope, number);
    encoder.uint(number);
    encoder.string(each.name);
  }
  encoder.uint(unions.length);
  for (const { name, scope, into } of unions) {
    encoder.uint(scopes.numbers.get(scope)!);
    encoder.uint(scopes.numbers.get(into)!);
    encoder.string(name);
  }
}

function writeSharedValues(shared: readonly Variable[], where: string, encoder: Encoder): void {
  const { numbers, written } = encoder.store<Scopes>(scopeTable, () => ({ numbers: new Map(), written: new Set() }));
  for (const each of shared) {
    const { scope, name } = each as Variable & { scope: object };
    const key = `${numbers.get(scope)!} ${name}`;
    const first = !written.has(key);
    written.add(key);
    encoder.uint(first ? 1 : 0);
    if (first) writeVariable(each, where, "", encoder);
  }
}

function writePrivateStatics(subject: AnyFunction, names: readonly string[], encoder: Encoder): void {
  encoder.uint(names.length);
  if (names.length === 0) return;
  const values = inspectPrivate(subject);
  for (const name of names) encoder.value(values.get(name), `.${name}`);
}

/** Strings and numbers only: a class may have a method of that name, which its text makes. */
function ownValue(subject: AnyFunction, key: "name" | "length"): unknown {
  const descriptor = Object.getOwnPropertyDescriptor(subject, key);
  if (descriptor === undefined) return null;
  const value = descriptor.value as unknown;
  return typeof value === "string" || typeof value === "number" ? value : undefined;
}

/** A `prototype` that the text does not make: put there later, and perhaps shared with others. */
function isForeignPrototype(subject: AnyFunction, itsClass: ClassSource | undefined): boolean {
  if (itsClass !== undefined || types.isGeneratorFunction(subject)) return false;
  const { prototype } = subject as { prototype?: unknown };
  if (typeof prototype !== "object" || prototype === null) return Object.hasOwn(subject, "prototype");
  return Object.getOwnPropertyDescriptor(prototype, "constructor")?.value !== subject;
}

/** Properties of its own, and what has been put on its prototype. */
function writeParts(subject: AnyFunction, itsClass: ClassSource | undefined, encoder: Encoder): void {
  const inText =
    itsClass?.ownStatic ?? new Set<string | symbol>(["length", "name", "prototype", "arguments", "caller"]);
  writeProperties(
    subject,
    Reflect.ownKeys(subject).filter((key) => !inText.has(key)),
    encoder,
  );
  const { prototype } = subject as { prototype?: unknown };
  const foreign = isForeignPrototype(subject, itsClass);
  encoder.uint(foreign ? 1 : 0);
  if (foreign) encoder.value(prototype, ".prototype");
  const isObject = !foreign && typeof prototype === "object" && prototype !== null;
  const inPrototype = itsClass?.ownPrototype ?? new Set<string | symbol>(["constructor"]);
  writeProperties(
    isObject ? prototype : {},
    isObject ? Reflect.ownKeys(prototype).filter((key) => !inPrototype.has(key)) : [],
    encoder,
  );
  // Classes made before there were classes: util.inherits, Object.setPrototypeOf.
  const old = itsClass === undefined ? prototypeOfKind(subject) : prototypeOfClass(subject, itsClass);
  if (foreign) old.ofPrototype = undefined;
  encoder.value(old.ofFunction, " (what it inherits from)");
  encoder.value(old.ofPrototype, ".prototype (what it inherits from)");
  for (const deleted of [itsClass?.deletedStatic ?? [], itsClass?.deletedPrototype ?? []]) {
    encoder.uint(deleted.length);
    for (const key of deleted) encoder.string(key);
  }
  writeIntegrity(subject, encoder);
}
