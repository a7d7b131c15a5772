/**
 * One message under way: values in, bytes out.
 *
 * Runs in: the process that sends.
 * Guarantees: what cannot be copied throws the UnserializableError that names its path; nothing is dropped in silence
 * but what structured clone drops too (getters' sources, properties that are not enumerable, of plain objects).
 * Leaves to others: builtin objects (`encode-builtin.ts`), all that has a kind (`kinds.ts`).
 */
import { types } from "node:util";
import { UnserializableError } from "../base/errors.ts";
import { isDense, writeNumbers } from "./arrays.ts";
import { encodeBuiltin } from "./encode-builtin.ts";
import { Identities } from "./identities.ts";
import {
  exportsKindOf,
  kindOf,
  plainKindOf,
  proxyRefusal,
  type Encoder,
  type ModuleReference,
  type Refusal,
  type PutAside,
} from "./kinds.ts";
import { showPath, type Step } from "./path.ts";
import { integrityOf } from "./properties.ts";
import { rememberSent, sentShape, writeKeys } from "./shapes.ts";
import { portableSymbol } from "./symbols.ts";
import { deepestNesting, tag, version } from "./tags.ts";
import { Writer } from "./writer.ts";

const smallIntegers = tag.shortString - tag.smallInteger;
const longestShortString = 127;
/** Steps of a path that are kept for the next message. Arbitrary. */
const longestKeptPath = 1000;

/** Counts messages, so that what is remembered of a shape knows in which one it was last. */
let messages = 0;

interface Deferred {
  readonly value: object;
  readonly steps: readonly Step[];
}

export class Encoding implements Encoder {
  home: string | undefined;
  /** Where the bytes of large buffers go. */
  aside: PutAside | undefined;
  keep: object[] = [];
  /** An ES module has been referred to. */
  imports = false;
  readonly writer: Writer = new Writer();
  #root = "";
  #message = 0;
  #shapes = 0;
  readonly #seen = new Identities();
  #modules: Map<string, { readonly number: number; readonly reference: ModuleReference }> | undefined;
  #stores: Map<object, unknown> | undefined;
  #steps: Step[] = [];
  #depth = 0;
  /** The depth from which nesting is counted: a deferred content starts anew. */
  #base = 0;
  #deferred: Deferred[] | undefined;

  /** For a new message, however the last one ended. */
  begin(root: string, home: string | undefined, aside?: PutAside): void {
    this.#root = root;
    this.home = home;
    this.aside = aside;
    this.imports = false;
    this.#message = ++messages;
    this.#shapes = 0;
    this.#depth = 0;
    this.writer.clear();
  }

  /** Lets go of all that the message held. */
  end(): void {
    this.#seen.clear();
    if (this.keep.length > 0) this.keep = [];
    this.#modules = undefined;
    this.#stores = undefined;
    if (this.#steps.length > longestKeptPath) this.#steps = [];
    this.#deferred = undefined;
    this.#base = 0;
  }

  /** Writes the message; it is in the writer then. */
  message(value: unknown): void {
    this.writer.byte(version.plain);
    this.any(value);
    // An item that is deferred while another is written comes after it: the list grows under the loop.
    for (let i = 0; this.#deferred !== undefined && i < this.#deferred.length; i++) {
      const { value: content, steps } = this.#deferred[i]!;
      this.#steps = [...steps];
      this.#depth = steps.length;
      const base = this.#base;
      this.#base = steps.length;
      this.#content(content);
      this.#base = base;
    }
    if (this.#modules !== undefined) this.#addModules(this.#modules);
  }

  /** The modules stand at the end, since they are known then; the receiver reads them first. */
  #addModules(modules: ReadonlyMap<string, { readonly reference: ModuleReference }>): void {
    const { writer } = this;
    const body = writer.take();
    writer.byte(version.withModules);
    writer.uint32(body.length - 1);
    writer.bytes(body.subarray(1));
    writer.text(JSON.stringify([...modules.values()].map(({ reference }) => reference)), tag.latin1, tag.utf16);
  }

  value(value: unknown, step: string): void {
    this.#inside({ text: step }, value);
  }

  /** A value one step further in. */
  #inside(step: Step, value: unknown): void {
    this.#steps[this.#depth++] = step;
    this.any(value);
    this.#depth--;
  }

  element(value: unknown, index: number): void {
    this.#inside(index, value);
  }

  string(text: string): void {
    if (!this.writer.shortLatin1(text, tag.shortString, longestShortString)) {
      this.writer.text(text, tag.latin1, tag.utf16);
    }
  }

  uint(n: number): void {
    this.writer.uint(n);
  }

  module(reference: ModuleReference): void {
    this.#modules ??= new Map();
    const key = JSON.stringify(reference);
    let known = this.#modules.get(key);
    if (known === undefined) {
      known = { number: this.#modules.size, reference };
      this.imports ||= reference.how === "import" || reference.how === "binding";
      this.#modules.set(key, known);
    }
    this.writer.uint(known.number);
  }

  /** Where encoding is at this moment. */
  get path(): string {
    return showPath(this.#root, this.#steps.slice(0, this.#depth));
  }

  refuse({ subject, why, remedy, cause }: Refusal): never {
    throw new UnserializableError(
      `Cannot send ${this.path}: ${subject} cannot be copied to another process, since ${why}\n  do this:  ${remedy}`,
      cause === undefined ? {} : { cause },
    );
  }

  store<T>(key: object, make: () => T): T {
    this.#stores ??= new Map();
    let found = this.#stores.get(key) as T | undefined;
    if (found === undefined) this.#stores.set(key, (found = make()));
    return found;
  }

  any(value: unknown): void {
    const { writer } = this;
    switch (typeof value) {
      case "number":
        this.#number(value);
        return;
      case "string":
        this.string(value);
        return;
      case "boolean":
        writer.byte(value ? tag.true : tag.false);
        return;
      case "undefined":
        writer.byte(tag.undefined);
        return;
      case "object":
        if (value === null) writer.byte(tag.null);
        else this.#object(value);
        return;
      case "function":
        this.#object(value);
        return;
      case "bigint":
        writer.byte(tag.bigint);
        this.string(value.toString(36));
        return;
      case "symbol":
        this.#symbol(value);
    }
  }

  #number(value: number): void {
    const { writer } = this;
    if ((value | 0) === value && !Object.is(value, -0)) {
      if (value >= 0 && value < smallIntegers) writer.byte(tag.smallInteger + value);
      else {
        writer.byte(tag.integer);
        writer.uint(value >= 0 ? value * 2 : value * -2 - 1);
      }
      return;
    }
    writer.byte(tag.double);
    writer.double(value);
  }

  #symbol(value: symbol): void {
    const portable = portableSymbol(value);
    if (portable === undefined) {
      this.refuse({
        subject: `the symbol ${String(value)}`,
        why: "a symbol of its own means nothing in another process",
        remedy: "use Symbol.for(), or a string",
      });
    }
    this.writer.byte(portable.registered ? tag.registeredSymbol : tag.wellKnownSymbol);
    this.string(portable.name);
  }

  #object(value: object): void {
    const seen = this.#seen.find(value);
    if (seen >= 0) {
      this.writer.byte(tag.reference);
      this.writer.uint(seen);
      return;
    }
    if (types.isProxy(value)) this.refuse(proxyRefusal);
    const prototype: unknown = typeof value === "function" ? undefined : Object.getPrototypeOf(value);
    if (prototype === Array.prototype && Array.isArray(value)) this.#plain(value);
    else if (prototype === Object.prototype || prototype === null) {
      const kind = isOtherwise(value, prototype) ? kindOf(value) : plainKindOf(value);
      if (kind === undefined) this.#plain(value);
      else this.#kind(value, kind);
    } else if (!encodeBuiltin(value, prototype, this)) {
      const kind = kindOf(value);
      if (kind === undefined) this.#refuseObject(value);
      this.#kind(value, kind);
    }
  }

  #kind(value: object, kind: { readonly name: string; encode(value: object, encoder: Encoder): void }): void {
    this.writer.byte(tag.kind);
    this.string(kind.name);
    kind.encode(value, this);
  }

  #refuseObject(value: object): never {
    const name = (value.constructor as { name?: unknown } | undefined)?.name;
    const subject = typeof value === "function" ? "a function" : `a ${typeof name === "string" ? name : "object"}`;
    this.refuse({
      subject,
      why: "it belongs to this process",
      remedy: "send the plain data that it is made from, and make it anew on the other side",
    });
  }

  /** A plain object or array, whose content comes later when the nesting is too deep for the stack. */
  #plain(value: object): void {
    if (!Object.isExtensible(value)) {
      if (Array.isArray(value) && Object.hasOwn(value, "raw")) {
        this.#kind(value, kindOf(value)!); // The texts of a template: `raw` is hidden from the list of keys.
        return;
      }
      this.writer.byte(tag.closed);
      this.writer.uint(integrityOf(value));
    }
    if (this.#depth - this.#base < deepestNesting || holdsMore(value)) {
      this.#content(value);
      return;
    }
    this.writer.byte(tag.deferred);
    this.writer.byte(Array.isArray(value) ? tag.array : tag.newShape);
    this.#deferred ??= [];
    this.#deferred.push({ value, steps: this.#steps.slice(0, this.#depth) });
  }

  #content(value: object): void {
    if (Array.isArray(value)) this.#array(value);
    else this.#plainObject(value as Record<string, unknown>);
  }

  #array(value: readonly unknown[]): void {
    const { writer } = this;
    const { length } = value;
    if (isDense(value)) {
      if (writeNumbers(value, writer)) return;
      writer.byte(tag.array);
      writer.uint(length);
      for (let i = 0; i < length; i++) this.#inside(i, value[i]);
      return;
    }
    const keys = Object.keys(value);
    writer.byte(tag.sparseArray);
    writer.uint(length);
    writer.uint(keys.length);
    for (const key of keys) {
      this.string(key);
      this.#inside(key, Reflect.get(value, key));
    }
  }

  #plainObject(value: Record<string, unknown>): void {
    const { writer } = this;
    const keys = Object.keys(value);
    // Each look costs as much as a small object: what has been made to look plain has seldom keys of its own.
    if (keys.length === 0 && holdsMore(value)) {
      this.#kind(value, kindOf(value)!);
      return;
    }
    const first = keys.length === 0 ? undefined : value[keys[0]!];
    if (typeof first === "function") {
      const kind = exportsKindOf(value);
      if (kind !== undefined) {
        this.#kind(value, kind);
        return;
      }
    }
    const bare = Object.getPrototypeOf(value) === null;
    if (keys.includes("__proto__") || Object.getOwnPropertySymbols(value).length > 0) {
      this.#carefulObject(value, keys, bare);
      return;
    }
    if (bare) writer.byte(tag.bareObject);
    this.#shape(keys);
    // A getter is asked once.
    for (let i = 0; i < keys.length; i++) this.#inside(keys[i]!, i === 0 ? first : value[keys[i]!]);
  }

  #shape(keys: readonly string[]): void {
    const { writer } = this;
    const known = sentShape(keys);
    if (known?.message === this.#message) {
      writer.byte(tag.knownShape);
      writer.uint(known.number);
      return;
    }
    writer.byte(tag.newShape);
    const number = this.#shapes++;
    if (known !== undefined) {
      writer.bytes(known.block);
      known.message = this.#message;
      known.number = number;
      return;
    }
    const at = writer.length;
    writeKeys(keys, writer, (key) => this.string(key));
    rememberSent(keys, writer.written(at), this.#message, number);
  }

  /** Symbols that are not registered are left out, as structured clone leaves out all. */
  #carefulObject(value: object, keys: readonly string[], bare: boolean): void {
    if (types.isArgumentsObject(value)) {
      this.writer.byte(tag.arguments);
      this.writer.uint(value.length);
      for (let i = 0; i < value.length; i++) this.#inside(i, value[i]);
      return;
    }
    const symbols = Object.getOwnPropertySymbols(value).filter(
      (key) => portableSymbol(key) !== undefined && Object.prototype.propertyIsEnumerable.call(value, key),
    );
    this.writer.byte(tag.carefulObject);
    this.writer.byte(bare ? 1 : 0);
    this.writer.uint(keys.length + symbols.length);
    for (const key of [...keys, ...symbols]) {
      this.any(key);
      this.#inside(typeof key === "string" ? key : { text: `[${String(key)}]` }, Reflect.get(value, key));
    }
  }
}

/** An array, a date, … whose prototype has been replaced by that of plain objects, or by none. */
function isOtherwise(value: object, prototype: unknown): boolean {
  if (Array.isArray(value)) return true;
  return prototype === null && holdsMore(value);
}

function holdsMore(value: object): boolean {
  return (
    types.isDate(value) ||
    types.isMap(value) ||
    types.isSet(value) ||
    types.isRegExp(value) ||
    types.isNativeError(value) ||
    types.isPromise(value) ||
    types.isAnyArrayBuffer(value) ||
    types.isBoxedPrimitive(value) ||
    ArrayBuffer.isView(value)
  );
}
