/**
 * Functions and classes that were sent by value: which original each copy is of, so that one that comes home is the
 * original again.
 *
 * Runs in: both.
 * Guarantees: an original is not kept alive by its tag; a copy keeps its tags for its life.
 * Why several tags: a copy that is sent on has a home in each process that it came through, and may come back to any.
 */
import { wireId } from "./identity.ts";
import type { Decoder, Encoder } from "./kinds.ts";

export interface OriginTag {
  /** The wire id of the process that knows it by its number. */
  readonly home: string;
  readonly number: number;
}

/** Of a copy: where it came through, the process in which it was written first. */
const tags = new WeakMap<object, readonly OriginTag[]>();
const originals = new Map<string, WeakRef<object>>();
const forgotten = new FinalizationRegistry<string>((key) => originals.delete(key));
let last = 0;

function keyOf({ home, number }: OriginTag): string {
  return `${home} ${number}`;
}

/** The tags of the function as it leaves this process: it gets one of this process when it has none. */
function tagsToSend(subject: object): readonly OriginTag[] {
  const known = tags.get(subject) ?? [];
  const home = wireId();
  if (known.some((tag) => tag.home === home)) return known;
  const tag = { home, number: ++last };
  const all = [...known, tag];
  tags.set(subject, all);
  originals.set(keyOf(tag), new WeakRef(subject));
  forgotten.register(subject, keyOf(tag));
  return all;
}

/** The number by which the process `home` knows the function; undefined when it has never been there. */
export function numberAt(home: string, subject: object): number | undefined {
  return tags.get(subject)?.find((tag) => tag.home === home)?.number;
}

/** The function itself, where it is one of this process's and still there. */
export function originalOf(tag: OriginTag): object | undefined {
  return originals.get(keyOf(tag))?.deref();
}

/** Of a copy that came here: what it is a copy of, where that is one of this process's. */
export function originalAmong(ofCopy: readonly OriginTag[]): object | undefined {
  const home = wireId();
  const ours = ofCopy.find((tag) => tag.home === home);
  return ours === undefined ? undefined : originalOf(ours);
}

/** Notes of a copy what it is a copy of. */
export function setTags(copy: object, ofCopy: readonly OriginTag[]): void {
  tags.set(copy, ofCopy);
}

/** Notes of a copy that it has come once more, perhaps through other processes, which may get it back. */
export function addTags(copy: object, further: readonly OriginTag[]): void {
  const known = tags.get(copy) ?? [];
  const added = further.filter(({ home }) => !known.some((tag) => tag.home === home));
  if (added.length > 0) tags.set(copy, [...known, ...added]);
}

/** What all copies of one original have in common. */
export function originKey(ofCopy: readonly OriginTag[]): string {
  return keyOf(ofCopy[0]!);
}

export function writeTags(subject: object, encoder: Encoder): void {
  const all = tagsToSend(subject);
  encoder.uint(all.length);
  for (const { home, number } of all) {
    encoder.string(home);
    encoder.uint(number);
  }
}

export function readTags(decoder: Decoder): OriginTag[] {
  const read: OriginTag[] = [];
  for (let left = decoder.uint(); left > 0; left--) read.push({ home: decoder.string(), number: decoder.uint() });
  return read;
}
