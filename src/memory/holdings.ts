/**
 * What this process holds of the family's ranges, written where others can read it, so that a death gives it back.
 *
 * Runs in: every process; the list of a dead one is read by whoever buries it.
 * Guarantees: an entry stands for one of the holders that its range has counted, whoever is killed at whatever point. The
 * last holder's entry stays until the range has been given back: a grave-digger ends what the dead one had begun.
 */
import { ClosedError } from "../base/errors.ts";
import { releaseFrom, reserve, settle, take, view, type Range } from "./arena.ts";
import { mapList, move, raise } from "./counts.ts";
import { family } from "./family.ts";
import { handlesPerParticipant, heldOffset, pageBytes, participant as field, participantEntry } from "./layout.ts";
import { indexOf, onBurial, onEntry, ownId } from "./participants.ts";

/** The place of an entry in this process's list. */
export type Holding = number;

interface List {
  readonly entries: Int32Array;
  readonly index: number;
  readonly unused: number[];
  used: number;
}

let list: List | undefined;

onEntry(() => {
  const index = indexOf(ownId());
  list = { entries: mapList(index), index, unused: [], used: 0 };
});

onBurial((index) => {
  const { addon, descriptor, words } = family();
  const used = Atomics.load(words, participantEntry(index) + field.held);
  if (used === 0) return;
  const entries = mapList(index);
  for (let at = 0; at < used; at++) releaseFrom(entries, at, index);
  addon.detach(entries.buffer);
  addon.punchHole(descriptor, heldOffset(index), handlesPerParticipant * 4);
});

/** A range that this process holds, and by which entry. */
export interface HeldRange {
  readonly handle: number;
  readonly holding: Holding;
}

/** Takes a zeroed range for this process. */
export function hold(sizeBytes: number): HeldRange {
  const handle = take(sizeBytes);
  const holding = note(handle);
  settle(handle);
  return { handle, holding };
}

/**
 * The same for a large range, whose pages are there from the beginning.
 *
 * @throws {MultiprocessingError} ERR_MP_OUT_OF_MEMORY when there is no room; nothing is held then
 */
export function holdReserved(sizeBytes: number): HeldRange {
  const held = hold(Math.max(pageBytes, sizeBytes));
  try {
    reserve(held.handle, sizeBytes);
    return held;
  } catch (error) {
    letGo(held.holding);
    throw error;
  }
}

/** Holds a range that another holds, too; undefined when it is nobody's any more. */
export function holdToo(handle: number): Holding | undefined {
  const own = ownList();
  const at = newEntry(own);
  if (raise(handle, own.entries, at, own.index)) return at;
  own.unused.push(at);
  return undefined;
}

export function letGo(holding: Holding): void {
  const { entries, index, unused } = ownList();
  releaseFrom(entries, holding, index);
  unused.push(holding); // Afterwards: what is let go may let go of more.
}

/** What this process held is held from now on by a message, outside of shared memory, that names it. */
export function handOn(holding: Holding): void {
  const { entries, unused } = ownList();
  Atomics.store(entries, holding, 0);
  unused.push(holding);
}

/** This process takes over what a message held. */
export function takeOver(handle: number): Holding {
  return note(handle);
}

/**
 * What this process held is held from now on by a word of the core, if that is 0.
 *
 * @returns 0; or what the word names already: this process goes on holding what it held
 */
export function handOnTo(words: Int32Array, at: number, { handle, holding }: HeldRange): number {
  const { entries, unused } = ownList();
  const before = move(handle, entries, holding, words, at);
  if (before === 0) unused.push(holding);
  return before;
}

/** How many ranges this process holds. */
export function holdingCount(): number {
  return list === undefined ? 0 : list.used - list.unused.length;
}

const handles = new WeakMap<object, number>();
const shared = new Map<number, WeakRef<object>>();
interface Held {
  readonly handle: number;
  readonly holding: Holding;
  /** In a forked child, what was noted in the server's list is no longer its business. */
  readonly list: List;
}

const helds = new WeakMap<object, Held>();
const collected = new FinalizationRegistry<Held>((gone) => {
  if (shared.get(gone.handle)?.deref() === undefined) shared.delete(gone.handle);
  if (list === gone.list) letGo(gone.holding);
});

/**
 * The one object of this process for a range: it holds the range as long as it is reachable.
 *
 * @param make called with the range when this process has no object for it yet
 * @throws {ClosedError} when the range is nobody's any more
 */
export function sharedObject<T extends object>(handle: number, make: (range: Range) => T): T {
  const known = shared.get(handle)?.deref();
  if (known !== undefined) return known as T;
  const holding = holdToo(handle);
  if (holding === undefined) {
    throw new ClosedError(
      "What was received is no longer there: every process that held it has let it go or has ended",
    );
  }
  const made = make(view(handle));
  keep(made, handle, holding);
  return made;
}

/** For an object that sees to its holding by itself. */
export function nameHandle(object: object, handle: number): void {
  handles.set(object, handle);
}

/** The object for a range from now on; it holds the range as long as it is reachable. */
export function keep(object: object, handle: number, holding: Holding): void {
  shared.set(handle, new WeakRef(object));
  handles.set(object, handle);
  const held = { handle, holding, list: ownList() };
  helds.set(object, held);
  collected.register(object, held, object);
}

/** An object that is closed: its range is let go now, not when it is collected. Twice is fine. */
export function letGoOf(object: object): void {
  const held = helds.get(object);
  if (held === undefined) return;
  helds.delete(object);
  handles.delete(object);
  collected.unregister(object);
  if (shared.get(held.handle)?.deref() === object) shared.delete(held.handle);
  if (list === held.list) letGo(held.holding);
}

/** The range of an object of `keep` and its kin; undefined for any other object. */
export function handleOf(object: object): number | undefined {
  return handles.get(object);
}

/** The objects of this process that are held by `keep`. */
export function* keptObjects(): Generator<object> {
  for (const reference of shared.values()) {
    const object = reference.deref();
    if (object !== undefined) yield object;
  }
}

/** In a forked child: what the objects of the preloaded modules hold, this process must hold for itself. */
export function holdAgain(): void {
  list = undefined;
  for (const [handle, reference] of [...shared]) {
    const object = reference.deref();
    shared.delete(handle);
    if (object === undefined) continue;
    const holding = holdToo(handle);
    if (holding !== undefined) keep(object, handle, holding);
  }
}

function note(handle: number): Holding {
  const own = ownList();
  const at = newEntry(own);
  Atomics.store(own.entries, at, handle);
  return at;
}

function newEntry(own: List): Holding {
  const at = own.unused.pop() ?? own.used++;
  if (at >= handlesPerParticipant) {
    own.used--;
    throw new RangeError(`A process can hold ${handlesPerParticipant} shared objects; this one holds as many already`);
  }
  if (at === own.used - 1) Atomics.store(family().words, participantEntry(own.index) + field.held, own.used);
  return at;
}

function ownList(): List {
  ownId();
  return list!;
}
