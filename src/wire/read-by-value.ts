/**
 * A function or class by value: out of a message.
 *
 * Runs in: the process that receives.
 * Guarantees: the function is there before its variables are read, so that it may reach itself through them; a class of
 * which an equal copy is here already is that copy.
 */
import { forms, heritages } from "./by-value.ts";
import { noteCopy, type AnyFunction, type PrivateStatic } from "./capture.ts";
import { namesGiven } from "./class-source.ts";
import { earlierCopy, noteMembers } from "./class-copies.ts";
import type { Decoder } from "./kinds.ts";
import type { ImportBinding } from "./module-tables.ts";
import { originalAmong, readTags, setTags } from "./origin-tags.ts";
import { readIntegrity, readProperties } from "./properties.ts";
import { importMetaOf, rebuild, type Source } from "./rebuild.ts";
import { sourceForm } from "./source-forms.ts";
import { useSourceMap } from "./source-maps.ts";
import { uniteScopes } from "./united-scopes.ts";
import { readVariable } from "./variables.ts";

/** The scopes of one message. */
const scopeTable = {};

export function readByValue(decoder: Decoder): object {
  const since = decoder.mark();
  const tags = readTags(decoder);
  const text = decoder.string();
  const file = decoder.string();
  const map = decoder.string();
  if (map !== "") useSourceMap(file, map);
  const line = decoder.uint();
  const column = decoder.value();
  const form = forms[decoder.uint()];
  const strict = decoder.uint() === 1;
  const name = decoder.value();
  const parameters = decoder.value();
  if (form === undefined || typeof column !== "number") decoder.malformed("a function has no form or place");
  const names = readNames(decoder);
  const meta = decoder.string();
  const mark = decoder.string();
  const shared = readShared(decoder);
  const heritage = heritages[decoder.uint()];
  const keys = Array.from({ length: Math.min(decoder.uint(), 10_000) }, () => decoder.value());
  const outerArguments = decoder.uint() === 1 ? (decoder.value() as unknown[]) : undefined;
  const privates: PrivateStatic[] = [];
  const given = [...(mark === "" ? [] : namesGiven(mark, keys.length)), ...(meta === "" ? [] : [meta])];
  const plant = (set: PrivateStatic["set"], get: PrivateStatic["get"]): void => void privates.push({ set, get });
  const values = [
    ...(mark === "" ? [] : [...keys, function () {}, plant]),
    ...(meta === "" ? [] : [importMetaOf(file)]),
  ];
  const source: Source = { form, text, file, line, column, strict, names, given };
  const { made, access } = rebuild(source, values, [...new Set(shared.map(({ scope }) => scope))], outerArguments);
  const original = decoder.fromChannel ? originalAmong(tags) : undefined;
  decoder.adopt(original ?? made);
  setTags(made, tags);
  noteMembers(made);
  if (heritage === "class") inherit(made, decoder.value(), decoder);
  const bindings = new Map<string, ImportBinding>();
  for (const [index, each] of names.entries()) access(index, true, readVariable(each, file, bindings, decoder));
  for (const { scope, name: sharedName } of shared) {
    if (decoder.uint() === 1) Reflect.set(scope, sharedName, readVariable(sharedName, file, bindings, decoder));
  }
  const planted = decoder.uint();
  if (planted !== privates.length) decoder.malformed("a class has other private fields than its text");
  for (const { set } of privates) set(decoder.value());
  setOwn(made, "name", name);
  setOwn(made, "length", parameters);
  readParts(made, decoder);
  const inScope = new Map(shared.map((each) => [each.name, each.scope]));
  // What is not read here is read only when it is sent on: most copies never are.
  noteCopy(made, {
    ...{ file, line, column, strict, bindings, shared: inScope, meta, mark, given: new Set(given) },
    ...{ text, names, access, privates, outerArguments },
    get form() {
      return sourceForm(text)!;
    },
  });
  if (original !== undefined) return original;
  return form === "class" ? earlierCopy(made, tags, since, decoder) : made;
}

/** @param value null: the original has none of its own */
function setOwn(made: AnyFunction, key: "name" | "length", value: unknown): void {
  if (value === null) Reflect.deleteProperty(made, key);
  else if (value !== undefined && Object.getOwnPropertyDescriptor(made, key)?.value !== value) {
    Object.defineProperty(made, key, { value, configurable: true });
  }
}

function readNames(decoder: Decoder): string[] {
  const names: string[] = [];
  const count = decoder.uint();
  for (let i = 0; i < count; i++) names.push(decoder.string());
  return names;
}

function readShared(decoder: Decoder): { readonly scope: object; readonly name: string }[] {
  const scopes = decoder.store<object[]>(scopeTable, () => []);
  const shared: { scope: object; name: string }[] = [];
  const count = decoder.uint();
  for (let i = 0; i < count; i++) {
    const number = decoder.uint();
    if (number > scopes.length) decoder.malformed("a scope comes out of turn");
    const scope = (scopes[number] ??= Object.create(null) as object);
    const name = decoder.string();
    if (!(name in scope)) Reflect.set(scope, name, undefined);
    shared.push({ scope, name });
  }
  for (let left = decoder.uint(); left > 0; left--) {
    const [scope, into] = [scopes[decoder.uint()], scopes[decoder.uint()]];
    if (scope === undefined || into === undefined) decoder.malformed("a scope is united before it comes");
    uniteScopes(scope, into, decoder.string());
  }
  return shared;
}

/** The placeholder that the class was made with gives way to the class that it extends. */
function inherit(made: AnyFunction, base: unknown, decoder: Decoder): void {
  if (typeof base !== "function") decoder.malformed("a class extends what is no class");
  Object.setPrototypeOf(made, base);
  Object.setPrototypeOf(
    (made as unknown as { prototype: object }).prototype,
    (base as { prototype: object }).prototype,
  );
}

function readParts(made: AnyFunction, decoder: Decoder): void {
  readProperties(made, decoder);
  const foreign = decoder.uint() === 1;
  if (foreign) Reflect.set(made, "prototype", decoder.value());
  const { prototype } = made as { prototype?: unknown };
  readProperties(!foreign && typeof prototype === "object" && prototype !== null ? prototype : {}, decoder);
  const ofFunction = decoder.value();
  const ofPrototype = decoder.value();
  if (isPrototypeValue(ofFunction)) Object.setPrototypeOf(made, ofFunction);
  if (isPrototypeValue(ofPrototype) && typeof prototype === "object" && prototype !== null) {
    Object.setPrototypeOf(prototype, ofPrototype);
  }
  for (const holder of [made, prototype]) {
    for (const key of readNames(decoder))
      if (typeof holder === "function" || isObject(holder)) Reflect.deleteProperty(holder, key);
  }
  readIntegrity(made, decoder);
}

function isPrototypeValue(value: unknown): value is object | null {
  return typeof value === "object" || typeof value === "function";
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
