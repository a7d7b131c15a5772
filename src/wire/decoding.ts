/**
 * One message under way: bytes in, values out.
 *
 * Runs in: the process that receives.
 * Guarantees: bad bytes give a MalformedMessageError, never a crash, and nothing that they say is called but the
 * `decode` of a registered kind.
 */
import { readDoubles, readIntegers } from "./arrays.ts";
import { decodeBuiltin } from "./decode-builtin.ts";
import { kindNamed, type Decoder, type FetchAside, type Mark } from "./kinds.ts";
import type { Reader } from "./reader.ts";
import { readKeys } from "./shapes.ts";
import { tag } from "./tags.ts";

/** In the list of objects, one that is begun and not adopted yet. */
const begun: object = {};

export class Decoding implements Decoder {
  readonly reader: Reader;
  readonly #modules: readonly unknown[];
  // Lists are made when something comes into them: most messages need none.
  #objects: object[] | undefined;
  #shapes: (readonly string[])[] | undefined;
  #deferred: object[] | undefined;
  #afterwards: (() => void)[] | undefined;
  #stores: Map<object, unknown> | undefined;
  #slot = -1;

  /** Finds the bytes that are not in the message. */
  readonly aside: FetchAside | undefined;

  constructor(reader: Reader, modules: readonly unknown[], aside?: FetchAside) {
    this.reader = reader;
    this.aside = aside;
    this.#modules = modules;
  }

  get fromChannel(): boolean {
    return this.aside !== undefined;
  }

  message(): unknown {
    const { reader } = this;
    let value: unknown;
    try {
      value = this.value();
      for (let i = 0; this.#deferred !== undefined && i < this.#deferred.length; i++) this.#fill(this.#deferred[i]!);
    } catch (error) {
      if (error instanceof RangeError && /call stack/.test(error.message)) reader.malformed("it is nested too deeply");
      throw error;
    }
    if (reader.left !== 0) reader.malformed(`${reader.left} bytes are left over`);
    if (this.#afterwards !== undefined) for (const step of this.#afterwards) step();
    return value;
  }

  string(): string {
    const { reader } = this;
    const head = reader.byte();
    if (head >= tag.shortString) return reader.latin1(head - tag.shortString);
    if (head === tag.latin1) return reader.latin1(reader.uint());
    if (head === tag.utf16) return reader.utf16(reader.uint());
    return reader.malformed(`a text cannot begin with ${head}`);
  }

  uint(): number {
    return this.reader.uint();
  }

  module(): unknown {
    const number = this.reader.uint();
    if (number >= this.#modules.length) this.malformed(`it has no module ${number}`);
    return this.#modules[number];
  }

  malformed(why: string): never {
    return this.reader.malformed(why);
  }

  afterwards(step: () => void): void {
    (this.#afterwards ??= []).push(step);
  }

  store<T>(key: object, make: () => T): T {
    this.#stores ??= new Map();
    let found = this.#stores.get(key) as T | undefined;
    if (found === undefined) this.#stores.set(key, (found = make()));
    return found;
  }

  adopt<T extends object>(shell: T): T {
    if (this.#slot >= 0) this.#objects![this.#slot] = shell;
    return shell;
  }

  mark(): Mark {
    return { objects: this.#slot, pending: this.#pending };
  }

  get #pending(): number {
    return (this.#deferred?.length ?? 0) + (this.#afterwards?.length ?? 0);
  }

  since({ objects, pending }: Mark): readonly object[] | undefined {
    return pending === this.#pending ? this.#objects!.slice(objects) : undefined;
  }

  replaceSince({ objects }: Mark, by: ReadonlyMap<object, object>): void {
    const all = this.#objects!;
    for (let at = objects; at < all.length; at++) all[at] = by.get(all[at]!) ?? all[at]!;
  }

  value(): unknown {
    const { reader } = this;
    const head = reader.byte();
    if (head >= tag.shortString) return reader.latin1(head - tag.shortString);
    if (head >= tag.smallInteger) return head - tag.smallInteger;
    switch (head) {
      case tag.undefined:
        return undefined;
      case tag.null:
        return null;
      case tag.true:
        return true;
      case tag.false:
        return false;
      case tag.integer: {
        const zigzag = reader.uint();
        return zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2;
      }
      case tag.double:
        return reader.double();
      case tag.latin1:
        return reader.latin1(reader.uint());
      case tag.utf16:
        return reader.utf16(reader.uint());
      case tag.reference:
        return this.#reference();
      case tag.newShape:
      case tag.knownShape:
      case tag.bareObject:
      case tag.carefulObject:
        return this.#object(head, this.#next({}));
      case tag.array:
      case tag.sparseArray:
      case tag.integers:
      case tag.doubles:
        return this.#array(head, this.#next([]));
      case tag.kind:
        return this.#kind();
      case tag.deferred:
        return this.#defer();
      default:
        return decodeBuiltin(head, this);
    }
  }

  /** Numbers an object whose content follows. */
  #next<T extends object>(shell: T): T {
    (this.#objects ??= []).push(shell);
    return shell;
  }

  /** Takes the next number for an object that can only be made when its first parts are known. */
  begin(): number {
    return (this.#objects ??= []).push(begun) - 1;
  }

  finish<T extends object>(number: number, made: T): T {
    this.#objects![number] = made;
    return made;
  }

  #reference(): object {
    const number = this.reader.uint();
    const found = this.#objects?.[number];
    if (found === undefined || found === begun) this.malformed(`it refers to object ${number}, which is not there yet`);
    return found;
  }

  #kind(): object {
    const number = this.begin();
    const name = this.string();
    const kind = kindNamed(name);
    if (kind === undefined) this.malformed(`it holds a "${name}", which is unknown here`);
    const outer = this.#slot;
    this.#slot = number;
    const made = kind.decode(this);
    this.#slot = outer;
    return this.finish(number, made);
  }

  #defer(): object {
    const what = this.reader.byte();
    if (what !== tag.array && what !== tag.newShape) this.malformed(`${what} cannot come later`);
    const shell = this.#next(what === tag.array ? [] : {});
    (this.#deferred ??= []).push(shell);
    return shell;
  }

  #fill(shell: object): void {
    const head = this.reader.byte();
    if (Array.isArray(shell)) this.#array(head, shell);
    else this.#object(head, shell as Record<string, unknown>);
  }

  #object(head: number, shell: Record<string, unknown>): object {
    const { reader } = this;
    let kind = head;
    if (kind === tag.bareObject) {
      Object.setPrototypeOf(shell, null);
      kind = reader.byte();
    }
    switch (kind) {
      case tag.newShape: {
        const keys = readKeys(reader, () => this.string());
        (this.#shapes ??= []).push(keys);
        for (const key of keys) shell[key] = this.value();
        return shell;
      }
      case tag.knownShape: {
        const keys = this.#shapes?.[reader.uint()];
        if (keys === undefined) this.malformed("it refers to a shape that is not there");
        for (const key of keys) shell[key] = this.value();
        return shell;
      }
      case tag.carefulObject:
        return this.#careful(shell);
      default:
        return this.malformed(`an object cannot begin with ${kind}`);
    }
  }

  #careful(shell: object): object {
    if (this.reader.byte() === 1) Object.setPrototypeOf(shell, null);
    const count = this.reader.count();
    for (let i = 0; i < count; i++) {
      const key = this.value();
      if (typeof key !== "string" && typeof key !== "symbol") this.malformed("a key is neither string nor symbol");
      const value = this.value();
      Object.defineProperty(shell, key, { value, enumerable: true, writable: true, configurable: true });
    }
    return shell;
  }

  #array(head: number, shell: unknown[]): unknown[] {
    const { reader } = this;
    if (head === tag.array) {
      const count = reader.count();
      for (let i = 0; i < count; i++) shell.push(this.value());
      return shell;
    }
    if (head === tag.integers) return readIntegers(shell, reader);
    if (head === tag.doubles) return readDoubles(shell, reader);
    if (head !== tag.sparseArray) this.malformed(`an array cannot begin with ${head}`);
    const length = reader.uint();
    if (length > 2 ** 32 - 1) this.malformed(`no array is ${length} long`);
    shell.length = length;
    const count = reader.count();
    for (let i = 0; i < count; i++) {
      const key = this.string();
      const value = this.value();
      Object.defineProperty(shell, key, { value, enumerable: true, writable: true, configurable: true });
    }
    return shell;
  }
}
