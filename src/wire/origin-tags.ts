/**
 * Functions and classes that were sent by value: which original each copy is of, so that one that comes home is the
 * original again.
 *
 * Runs in: both.
 * Guarantees: an original is not kept alive by its tag; a copy keeps its tag for its life.
 */
import { wireId } from "./identity.ts";

export interface OriginTag {
  /** The wire id of the process in which it was written. */
  readonly home: string;
  readonly number: number;
}

const tags = new WeakMap<object, OriginTag>();
const originals = new Map<string, WeakRef<object>>();
const forgotten = new FinalizationRegistry<string>((key) => originals.delete(key));
let last = 0;

function keyOf({ home, number }: OriginTag): string {
  return `${home} ${number}`;
}

/** The tag of the function; it gets one of this process when it has none. */
export function tagOf(subject: object): OriginTag {
  let tag = tags.get(subject);
  if (tag === undefined) {
    tag = { home: wireId(), number: ++last };
    tags.set(subject, tag);
    originals.set(keyOf(tag), new WeakRef(subject));
    forgotten.register(subject, keyOf(tag));
  }
  return tag;
}

/** The function itself, where it is one of this process's and still there. */
export function originalOf(tag: OriginTag): object | undefined {
  return originals.get(keyOf(tag))?.deref();
}

/** Notes of a copy what it is a copy of. */
export function setTag(copy: object, tag: OriginTag): void {
  tags.set(copy, tag);
}
