/**
 * Objects that are more than data: instances of classes, prototypes, namespaces of modules, the language's own objects.
 *
 * Runs in: both.
 * Guarantees: an instance keeps its class, its fields with their attributes, and what its built-in base holds; private
 * state, which cannot be planted, is refused and never dropped.
 */
import { EventEmitter } from "node:events";
import { types } from "node:util";
import { typedArrays } from "../base/typed-arrays.ts";
import { placeInRequired, placeOfNamespace } from "./by-reference.ts";
import { isNativeFunction, type AnyFunction } from "./capture.ts";
import { privateMember } from "./class-source.ts";
import { emptyError, readErrorBody, writeErrorBody } from "./errors.ts";
import { readGlobal, readPlace, writeGlobal, writePlace } from "./function-kind.ts";
import { globalPathOf, plainGlobalPathOf } from "./globals.ts";
import { registerKind, type Decoder, type Encoder } from "./kinds.ts";
import { readIntegrity, readProperties, writeIntegrity, writeProperties } from "./properties.ts";
import { sourceForm } from "./source-forms.ts";
import { viewClassNamed } from "./views.ts";

/** Registered first, so asked last. */
registerKind({ name: "instance", matches: isInstance, encode: encodeInstance, decode: decodeInstance });

registerKind({
  name: "prototype",
  plainToo: true,
  matches: isPrototype,
  encode(value: object, encoder: Encoder): void {
    encoder.value((value as { constructor: unknown }).constructor, ".constructor");
  },
  decode(decoder: Decoder): object {
    const owner = decoder.value();
    if (typeof owner !== "function") decoder.malformed("a prototype belongs to no class");
    return decoder.adopt((owner as unknown as { prototype: object }).prototype);
  },
});

registerKind({
  name: "global",
  plainToo: true,
  matches: (value): value is object =>
    typeof value === "object" && (plainGlobalPathOf(value) !== undefined || nonPlainGlobal(value)),
  encode(value: object, encoder: Encoder): void {
    writeGlobal(globalPathOf(value)!, encoder);
  },
  decode: (decoder: Decoder): object => decoder.adopt(readGlobal(decoder) as object),
});

registerKind({
  name: "namespace",
  plainToo: true,
  matches: (value): value is object => Symbol.toStringTag in value && types.isModuleNamespaceObject(value),
  encode(value: Record<string, unknown>, encoder: Encoder): void {
    const standard = value["default"];
    const builtin = typeof standard === "object" && standard !== null ? globalPathOf(standard) : undefined;
    if (builtin?.root.startsWith("node:") === true) {
      writePlace({ module: { how: "import", url: builtin.root }, keys: [] }, encoder);
      return;
    }
    const place = placeOfNamespace(value);
    if (place === undefined) {
      encoder.refuse({
        subject: "the namespace of a module",
        why: "which module it is of cannot be found out",
        remedy: "import the module inside the function that uses it",
      });
    }
    writePlace(place, encoder);
  },
  decode: (decoder: Decoder): object => decoder.adopt(readPlace(decoder) as object),
});

/** What `import path from "node:path"` or `require("x")` gives. */
registerKind({
  name: "exports",
  exportsToo: true,
  matches: (value): value is object =>
    typeof value === "object" && (globalPathOf(value) !== undefined || placeInRequired(value) !== undefined),
  encode(value: object, encoder: Encoder): void {
    const global = globalPathOf(value);
    encoder.uint(global === undefined ? 0 : 1);
    if (global !== undefined) writeGlobal(global, encoder);
    else writePlace(placeInRequired(value)!, encoder);
  },
  decode(decoder: Decoder): object {
    const found = decoder.uint() === 1 ? readGlobal(decoder) : readPlace(decoder);
    if (typeof found !== "object" || found === null) decoder.malformed("what a module exports is no object");
    return decoder.adopt(found);
  },
});

/** process, console: their prototypes are objects of Node's own. */
function nonPlainGlobal(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype !== Object.prototype && prototype !== null && globalPathOf(value) !== undefined;
}

function isPrototype(value: object): value is object {
  if (!Object.hasOwn(value, "constructor")) return false;
  const constructor: unknown = Object.getOwnPropertyDescriptor(value, "constructor")?.value;
  return typeof constructor === "function" && (constructor as { prototype?: unknown }).prototype === value;
}

type Base = "object" | "error" | "array" | "map" | "set" | "date" | "regExp" | "view" | "emitter" | "url" | "query";
const bases: readonly Base[] = [
  "object",
  "error",
  "array",
  "map",
  "set",
  "date",
  "regExp",
  "view",
  "emitter",
  "url",
  "query",
];

/** EventEmitter's own symbols: they mean something in this process only, and every emitter has them. */
const emitterSymbols: ReadonlySet<symbol> = new Set(Object.getOwnPropertySymbols(new EventEmitter()));

function isInstance(value: object): value is object {
  return typeof value === "object";
}

function baseOf(value: object): Base {
  if (types.isNativeError(value)) return "error";
  if (Array.isArray(value)) return "array";
  if (types.isMap(value)) return "map";
  if (types.isSet(value)) return "set";
  if (types.isDate(value)) return "date";
  if (types.isRegExp(value)) return "regExp";
  if (ArrayBuffer.isView(value) && !types.isDataView(value)) return "view";
  if (value instanceof EventEmitter) return "emitter";
  if (value instanceof URL) return "url";
  return value instanceof URLSearchParams ? "query" : "object";
}

/** The classes from the instance's own up to the built-in one, which is left out. */
function checkClasses(value: object, encoder: Encoder): void {
  refusePrivateState(value, encoder, Object.prototype, (itsClass) => {
    if (!travelling.has(itsClass)) refuseForeign(value, itsClass, encoder);
  });
}

/**
 * Refuses an instance of whose classes one has private state.
 *
 * @param end the prototype from which on it is not looked at
 * @param onBuiltIn gets the classes of the language and of Node that it is of
 */
export function refusePrivateState(
  value: object,
  encoder: Encoder,
  end: object,
  onBuiltIn: (itsClass: object) => void,
): void {
  for (let at: unknown = Object.getPrototypeOf(value); at !== null && at !== end;) {
    const prototype = at as object;
    const itsClass: unknown = Object.getOwnPropertyDescriptor(prototype, "constructor")?.value;
    if (typeof itsClass === "function") {
      if (isNativeFunction(itsClass) || globalPathOf(itsClass) !== undefined) {
        onBuiltIn(itsClass);
      } else {
        const form = sourceForm(Function.prototype.toString.call(itsClass));
        const secret = form?.form === "class" ? privateMember(form) : undefined;
        if (secret !== undefined) refusePrivate(value, itsClass as AnyFunction, secret, encoder);
      }
    }
    at = Object.getPrototypeOf(prototype);
  }
}

/** Built-in classes whose subclasses cross with all that they hold. */
const travelling: ReadonlySet<unknown> = new Set<unknown>([
  Object,
  Error,
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError,
  AggregateError,
  Array,
  Map,
  Set,
  Date,
  RegExp,
  EventEmitter,
  URL,
  URLSearchParams,
  Object.getPrototypeOf(Uint8Array),
  ...typedArrays,
]);

function refuseForeign(value: object, itsClass: object, encoder: Encoder): never {
  const name = (itsClass as { name?: string }).name ?? "";
  const ofLanguage = types.isGeneratorObject(value) || isBuiltInIterator(value);
  const own = (!ofLanguage && (value as { constructor?: { name?: string } }).constructor?.name) || name;
  const lowered = itsClass === WeakMap || itsClass === WeakSet ? loweredRemedy : "";
  encoder.refuse({
    subject: `${/^[AEIOU]/.test(own) ? "an" : "a"} ${own}`,
    why: own === name ? "it is bound to this process" : `it is a ${name}, which is bound to this process`,
    remedy: `make it inside the function that uses it, or send the plain data that it is made from${lowered}`,
  });
}

const loweredRemedy =
  "; where a transpiler has made it of #private members, have it write for ES2022 or later, which keeps them";

/** What `[].values()`, `map.entries()` and their like give: its state cannot be seen. */
function isBuiltInIterator(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (typeof prototype !== "object" || prototype === null) return false;
  const next: unknown = Object.getOwnPropertyDescriptor(prototype, "next")?.value;
  return typeof next === "function" && isNativeFunction(next);
}

function refusePrivate(value: object, itsClass: AnyFunction, field: string, encoder: Encoder): never {
  encoder.refuse({
    subject: `an instance of ${value.constructor.name}`,
    why: `the class ${itsClass.name} has private state (${field}), which cannot be read or set from outside`,
    remedy: "make the field public, or send what the instance is made from and make it anew on the other side",
  });
}

function encodeInstance(value: object, encoder: Encoder): void {
  if (types.isPromise(value) || types.isGeneratorObject(value) || types.isExternal(value)) {
    refuseForeign(value, { name: types.isPromise(value) ? "Promise" : "generator" }, encoder);
  }
  if (isBuiltInIterator(value)) {
    refuseForeign(value, { name: String(Reflect.get(value, Symbol.toStringTag) ?? "iterator") }, encoder);
  }
  if (types.isAnyArrayBuffer(value) || types.isBoxedPrimitive(value)) {
    refuseForeign(value, { name: types.isBoxedPrimitive(value) ? "boxed primitive" : "ArrayBuffer" }, encoder);
  }
  checkClasses(value, encoder);
  const base = baseOf(value);
  encoder.uint(bases.indexOf(base));
  if (base === "date") encoder.value(Date.prototype.getTime.call(value), "");
  if (base === "url") encoder.string((value as URL).href);
  if (base === "query") encoder.string(URLSearchParams.prototype.toString.call(value));
  if (base === "regExp") {
    // Of the class of the language, whatever the subclass makes of it.
    encoder.string(Reflect.get(RegExp.prototype, "source", value) as string);
    encoder.string(Reflect.get(RegExp.prototype, "flags", value) as string);
  }
  if (base === "view") {
    const ofView = Object.getPrototypeOf(Uint8Array.prototype) as object;
    const buffer: unknown = Reflect.get(ofView, "buffer", value);
    const byteOffset = Reflect.get(ofView, "byteOffset", value) as number;
    const length = Reflect.get(ofView, "length", value) as number;
    encoder.string(builtInViewName(value));
    encoder.value(buffer, ".buffer");
    encoder.uint(byteOffset);
    encoder.uint(length);
  }
  writeClass(value, encoder);
  if (base === "error") {
    writeErrorBody(value, encoder);
    return;
  }
  if (base === "map") encoder.value([...Map.prototype.entries.call(value)], " (its entries)");
  if (base === "set") encoder.value([...Set.prototype.values.call(value)], " (its elements)");
  const inBase =
    base === "view" ? (key: string | symbol): boolean => typeof key === "string" && /^\d+$/.test(key) : undefined;
  const keys = Reflect.ownKeys(value).filter(
    (key) => inBase?.(key) !== true && !(typeof key === "symbol" && (emitterSymbols.has(key) || ofUrls(base))),
  );
  writeProperties(value, keys, encoder);
  writeIntegrity(value, encoder);
}

/** Where Node keeps what a URL is in properties, they are symbols of its own. */
function ofUrls(base: Base): boolean {
  return base === "url" || base === "query";
}

function builtInViewName(value: object): string {
  // The getter of %TypedArray% tells the real one, whatever the subclass calls itself.
  return Reflect.get(Object.getPrototypeOf(Uint8Array.prototype) as object, Symbol.toStringTag, value) as string;
}

/** The class where the prototype is a class's, else the prototype itself. */
function writeClass(value: object, encoder: Encoder): void {
  const prototype = Object.getPrototypeOf(value) as object | null;
  const ofClass = prototype !== null && isPrototype(prototype);
  encoder.uint(ofClass ? 1 : 0);
  if (!ofClass) encoder.value(prototype, " (its prototype)");
  else encoder.value(prototype.constructor, ` (its class ${prototype.constructor.name})`);
}

function decodeInstance(decoder: Decoder): object {
  const base = bases[decoder.uint()];
  const shell = decoder.adopt(shellOf(base, decoder));
  const ofClass = decoder.uint() === 1;
  const found = decoder.value();
  const prototype = ofClass ? (found as { prototype?: unknown } | undefined)?.prototype : found;
  if (typeof prototype !== "object") decoder.malformed("an instance has no class");
  Object.setPrototypeOf(shell, prototype);
  if (base === "error") {
    readErrorBody(shell, decoder);
    return shell;
  }
  if (base === "map") {
    for (const [key, value] of decoder.value() as [unknown, unknown][]) Map.prototype.set.call(shell, key, value);
  }
  if (base === "set") for (const value of decoder.value() as unknown[]) Set.prototype.add.call(shell, value);
  readProperties(shell, decoder);
  readIntegrity(shell, decoder);
  return shell;
}

function shellOf(base: Base | undefined, decoder: Decoder): object {
  switch (base) {
    case "object":
      return {};
    case "error":
      return emptyError();
    case "array":
      return [];
    case "map":
      return new Map();
    case "set":
      return new Set();
    case "date":
      return new Date(decoder.value() as number);
    case "regExp":
      return new RegExp(decoder.string(), decoder.string());
    case "view": {
      const name = decoder.string();
      const View = viewClassNamed(name) ?? decoder.malformed(`the view ${name} is unknown here`);
      const buffer = decoder.value() as ArrayBuffer;
      return new View(buffer, decoder.uint(), decoder.uint());
    }
    case "url":
      return new URL(decoder.string());
    case "query":
      return new URLSearchParams(decoder.string());
    case "emitter": {
      const emitter = new EventEmitter();
      for (const key of Object.keys(emitter)) Reflect.deleteProperty(emitter, key);
      return emitter;
    }
    case undefined:
      return decoder.malformed("an instance has no base that is known");
  }
}
