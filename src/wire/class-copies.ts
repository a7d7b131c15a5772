/**
 * Classes that come more than once: one that is, with all that it holds, what an earlier copy of the same original is at
 * this moment, is that copy. So an item of a queue is an instance of the class that the function which takes it knows.
 *
 * Runs in: the process that receives.
 * Guarantees: a copy that has changed since, or an original that has, gives a class of its own; no copy is kept alive.
 * Why here and not at the sender's: only here is it known what an earlier copy has become.
 */
import { isDeepStrictEqual, types } from "node:util";
import { copyNotes, type AnyFunction, type CopyNotes } from "./capture.ts";
import type { Decoder, Mark } from "./kinds.ts";
import { addTags, originKey, type OriginTag } from "./origin-tags.ts";
import { isRequireOf } from "./require-function.ts";

/** Copies of one class that are looked through; the first is the one that long-lived functions know. Arbitrary. */
const mostCopies = 8;
/** Objects that are compared in one message; past it, classes are copies of their own. Arbitrary. */
const mostCompared = 20_000;

const copies = new Map<string, WeakRef<object>[]>();
const gone = new FinalizationRegistry<string>((key) => {
  const left = copies.get(key)?.filter((each) => each.deref() !== undefined) ?? [];
  if (left.length === 0) copies.delete(key);
  else copies.set(key, left);
});

/** What the text of a function makes besides the function: its prototype, its methods. */
const makers = new WeakMap<object, object>();

/** Called before anything is put on the function. */
export function noteMembers(made: AnyFunction): void {
  const prototype: unknown = Object.getOwnPropertyDescriptor(made, "prototype")?.value;
  for (const holder of [made, prototype]) {
    if (!isHolder(holder)) continue;
    if (holder !== made) makers.set(holder, made);
    for (const key of Reflect.ownKeys(holder)) {
      const { value, get, set } = Object.getOwnPropertyDescriptor(holder, key)!;
      for (const member of [value as unknown, get, set]) {
        if (typeof member !== "function" || member === made) continue;
        makers.set(member, made);
        // Of a generator.
        if (isHolder(member.prototype)) makers.set(member.prototype, made);
      }
    }
  }
}

/** The copy that is here already; or the one that was just made, as one that is here from now on. */
export function earlierCopy(made: AnyFunction, tags: readonly OriginTag[], mark: Mark, decoder: Decoder): AnyFunction {
  const key = originKey(tags);
  const known = copies.get(key) ?? [];
  const since = known.length === 0 ? undefined : decoder.since(mark);
  if (since !== undefined) {
    const state = decoder.store(table, () => ({ left: mostCompared, old: new Set<object>() }));
    const fresh = new Set(since.filter((each) => !state.old.has(each)));
    for (const each of known) {
      const earlier = each.deref();
      if (earlier === undefined) continue;
      const pairs = pairsOf(made, earlier, fresh, state);
      if (pairs === undefined) continue;
      decoder.replaceSince(mark, pairs);
      for (const old of pairs.values()) state.old.add(old);
      addTags(earlier, tags);
      return earlier as AnyFunction;
    }
  }
  if (known.length >= mostCopies) known.splice(1, 1);
  known.push(new WeakRef(made));
  copies.set(key, known);
  gone.register(made, key);
  return made;
}

/** What has been compared in one message, and which objects have been there before it. */
const table = {};

/** What stands for what in the earlier copy; undefined where the two are not the same. */
function pairsOf(
  made: object,
  earlier: object,
  fresh: ReadonlySet<object>,
  state: { left: number },
): ReadonlyMap<object, object> | undefined {
  const pairs = new Map<object, object>();
  const taken = new Set<object>();
  const todo: object[] = [];
  /** Whether two things are one, or may stand for each other; the content of objects is looked at later. */
  const same = (a: unknown, b: unknown): boolean => {
    if (Object.is(a, b)) return true;
    if (!isHolder(a) || !isHolder(b)) return false;
    const known = pairs.get(a);
    if (known !== undefined) return known === b;
    // What was in the message before may be in the hands of others.
    if (taken.has(b) || !(fresh.has(a) || fresh.has(makers.get(a) ?? a))) return false;
    pairs.set(a, b);
    taken.add(b);
    todo.push(a);
    return true;
  };
  if (!same(made, earlier)) return undefined;
  for (let a = todo.pop(); a !== undefined; a = todo.pop()) {
    if (--state.left < 0 || !isAlike(a, pairs.get(a)!, same)) return undefined;
  }
  return pairs;
}

type Same = (a: unknown, b: unknown) => boolean;

function isAlike(a: object, b: object, same: Same): boolean {
  if (typeof a !== typeof b || Object.isExtensible(a) !== Object.isExtensible(b)) return false;
  const content =
    typeof a === "function" ? sameFunction(a as AnyFunction, b as AnyFunction, same) : sameContent(a, b, same);
  return content && same(Object.getPrototypeOf(a), Object.getPrototypeOf(b)) && sameProperties(a, b, same);
}

function sameFunction(a: AnyFunction, b: AnyFunction, same: Same): boolean {
  const [notesA, notesB] = [copyNotes(a), copyNotes(b)];
  if (notesA === undefined || notesB === undefined) {
    const [makerA, makerB] = [makers.get(a), makers.get(b)];
    return makerA !== undefined && same(makerA, makerB) && String(a) === String(b);
  }
  return sameText(notesA, notesB) && sameVariables(notesA, notesB, same);
}

function sameText(a: CopyNotes, b: CopyNotes): boolean {
  return (
    a.text === b.text &&
    a.file === b.file &&
    a.line === b.line &&
    a.column === b.column &&
    a.strict === b.strict &&
    // What is shared with other functions of its message must not become shared with those of another.
    a.shared.size + b.shared.size === 0 &&
    a.outerArguments === undefined &&
    b.outerArguments === undefined &&
    a.names.length === b.names.length
  );
}

function sameVariables(a: CopyNotes, b: CopyNotes, same: Same): boolean {
  return (
    a.names.every((name, at) => {
      const [valueA, valueB] = [a.access(at), b.access(b.names.indexOf(name))];
      return same(valueA, valueB) || (isRequireOf(valueA, a.file) && isRequireOf(valueB, a.file));
    }) && a.privates.every(({ get }, at) => same(get(), b.privates[at]?.get()))
  );
}

function sameContent(a: object, b: object, same: Same): boolean {
  if (makers.has(a)) return makers.has(b);
  if (types.isMap(a) && types.isMap(b))
    return sameList([...a].flat(), [...b].flat(), same) && isPlain(a, Map.prototype);
  if (types.isSet(a) && types.isSet(b)) return sameList([...a], [...b], same) && isPlain(a, Set.prototype);
  if (types.isDate(a) && types.isDate(b)) return isDeepStrictEqual(a, b) && isPlain(a, Date.prototype);
  if (types.isRegExp(a) && types.isRegExp(b)) return isDeepStrictEqual(a, b) && isPlain(a, RegExp.prototype);
  if (Array.isArray(a) && Array.isArray(b)) return isPlain(a, Array.prototype);
  return isPlain(a, Object.prototype) || isPlain(a, null) || isInstanceOfCopy(a);
}

function sameList(a: readonly unknown[], b: readonly unknown[], same: Same): boolean {
  return a.length === b.length && a.every((each, at) => same(each, b[at]));
}

function isPlain(a: object, prototype: object | null): boolean {
  return Object.getPrototypeOf(a) === prototype;
}

/** Others may hold what their properties do not show. */
function isInstanceOfCopy(a: object): boolean {
  for (
    let at = Object.getPrototypeOf(a) as object | null;
    at !== null;
    at = Object.getPrototypeOf(at) as object | null
  ) {
    if (at === Object.prototype) return true;
    const maker = makers.get(at);
    if (maker === undefined || copyNotes(maker) === undefined) return false;
  }
  return true;
}

function sameProperties(a: object, b: object, same: Same): boolean {
  const keys = Reflect.ownKeys(a);
  if (!sameList(keys, Reflect.ownKeys(b), Object.is)) return false;
  return keys.every((key) => {
    const left = Object.getOwnPropertyDescriptor(a, key)!;
    const right = Object.getOwnPropertyDescriptor(b, key)!;
    return (
      left.enumerable === right.enumerable &&
      left.configurable === right.configurable &&
      left.writable === right.writable &&
      same(left.value, right.value) &&
      same(left.get, right.get) &&
      same(left.set, right.set)
    );
  });
}

function isHolder(a: unknown): a is object {
  return (typeof a === "object" && a !== null) || typeof a === "function";
}
