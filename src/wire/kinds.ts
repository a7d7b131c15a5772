/**
 * How a kind of object tells the codec the way it crosses, and the list of all such kinds.
 *
 * Runs in: every process; both ends register the same kinds, by importing the same parts of the library.
 * Guarantees: a name belongs to one kind; a kind registered later is asked first.
 * Leaves to others: the format (`codec.ts`), and the kinds themselves (functions, Process, Queue, Lock, …).
 */
import { invalidState } from "../base/errors.ts";

/** A module that the receiver imports before it decodes the body of a message. */
export type ModuleReference =
  | { readonly how: "import"; readonly url: string }
  | { readonly how: "require"; readonly filename: string }
  | { readonly how: "builtin"; readonly name: string }
  | {
      readonly how: "binding";
      /** URL or file name of the module that has the import statement. */
      readonly from: string;
      readonly specifier: string;
      readonly attributes?: Record<string, string>;
    };

/** @returns the number under which the receiver finds the bytes; undefined: they are to be in the message */
export type PutAside = (bytes: Uint8Array) => number | undefined;
/** The inverse. @returns a buffer of exactly that length, which is nobody else's; undefined when there are none */
export type FetchAside = (number: number, length: number) => ArrayBuffer | undefined;

/** What a refusal says. */
export interface Refusal {
  /** What the value is: `a promise`, `a Socket`. */
  readonly subject: string;
  /** Why that cannot be copied: a sentence without the final dot. */
  readonly why: string;
  /** What to do instead. */
  readonly remedy: string;
  readonly cause?: unknown;
}

export const proxyRefusal: Refusal = {
  subject: "a proxy",
  why: "what it does cannot be seen from outside",
  remedy: "send the object behind it, and make the proxy on the other side",
};

/** What a kind writes with. */
export interface Encoder {
  /**
   * Writes any value.
   *
   * @param step the piece that this value adds to the path in errors: `.name`, `[3]`, ` variable "db" used by "handler" at main.ts:14`
   * @throws {UnserializableError} when it cannot be copied
   */
  value(value: unknown, step: string): void;
  string(text: string): void;
  /** A whole number from 0 to 2^53-1. */
  uint(n: number): void;
  /** Names a module that the receiver has imported before `decode` is called. */
  module(reference: ModuleReference): void;
  /** Throws the UnserializableError that names the whole path. */
  refuse(what: Refusal): never;
  /** The receiver's wire id, where it is known: what originates there goes as its tag alone. */
  readonly home: string | undefined;
  /** Originals that must stay alive until the answer has come. */
  readonly keep: object[];
  /** State of a kind that lasts for one message. */
  store<T>(key: object, make: () => T): T;
}

/** A place in a message that is being read. */
export interface Mark {
  readonly objects: number;
  /** What had been put off until later. */
  readonly pending: number;
}

/** What a kind reads with; each method reads what the one of the same name wrote. */
export interface Decoder {
  /** It came through a channel, whose sender cannot know who receives: perhaps the process that it is from. */
  readonly fromChannel: boolean;
  value(): unknown;
  string(): string;
  uint(): number;
  /** The module: its namespace, `module.exports` for "require", the module itself for "builtin". */
  module(): unknown;
  /** To be called once for each decoded object, before what it contains is decoded, so that cycles find it. */
  adopt<T extends object>(shell: T): T;
  /** Throws the MalformedMessageError. */
  malformed(why: string): never;
  /** Runs `step` when the whole message is decoded. */
  afterwards(step: () => void): void;
  /** State of a kind that lasts for one message. */
  store<T>(key: object, make: () => T): T;
  /** The place at which the object that is being decoded begins. */
  mark(): Mark;
  /** The objects that have been decoded since; undefined where a part of them comes later. */
  since(mark: Mark): readonly object[] | undefined;
  /** Gives the objects since the mark others in their place: for all that refers to them from now on. */
  replaceSince(mark: Mark, by: ReadonlyMap<object, object>): void;
}

/** A kind of object that knows how it crosses. */
export interface Kind<T extends object> {
  /** Stable and unique: it goes on the wire. */
  readonly name: string;
  /** Asked for each object that is not plain data, so it must be cheap. */
  readonly matches: (value: object) => value is T;
  /** True: asked for plain objects too (prototype Object.prototype or null), so it must be cheaper still. */
  readonly plainToo?: boolean;
  /** True: asked for plain objects whose first property is a function, as it is in what modules export. */
  readonly exportsToo?: boolean;
  encode(value: T, encoder: Encoder): void;
  /** Calls `decoder.adopt(shell)` as soon as the shell exists, and returns the shell. */
  decode(decoder: Decoder): object;
}

// `any`: a list of kinds of different objects; `matches` is what makes each call right.
const byName = new Map<string, Kind<any>>();
const newestFirst: Kind<any>[] = [];
const plainFirst: Kind<any>[] = [];
const exportsFirst: Kind<any>[] = [];

/** Teaches the codec a kind of object. */
export function registerKind(kind: Kind<any>): void {
  if (byName.has(kind.name)) {
    throw invalidState(
      `Cannot register the kind "${kind.name}": one of that name is registered already; two copies of the library were loaded into one process, load it once`,
    );
  }
  byName.set(kind.name, kind);
  newestFirst.unshift(kind);
  if (kind.plainToo === true) plainFirst.unshift(kind);
  if (kind.exportsToo === true) exportsFirst.unshift(kind);
}

/** The kind that an object is of. */
export function kindOf(value: object): Kind<any> | undefined {
  for (const kind of newestFirst) if (kind.matches(value)) return kind;
  return undefined;
}

/** The kind that a plain object is of, against appearances. */
export function plainKindOf(value: object): Kind<any> | undefined {
  for (const kind of plainFirst) if (kind.matches(value)) return kind;
  return undefined;
}

/** The kind that a plain object is of which holds functions. */
export function exportsKindOf(value: object): Kind<any> | undefined {
  for (const kind of exportsFirst) if (kind.matches(value)) return kind;
  return undefined;
}

/** The kind that a message names. */
export function kindNamed(name: string): Kind<any> | undefined {
  return byName.get(name);
}
