/**
 * Where this process waits: a place for each object that it waits for, with a record that others find.
 *
 * Runs in: every process.
 * Guarantees: a record speaks for whoever has waited longest here; a wake-up that nobody here needs any more is passed on.
 * Leaves to others: to wait (`wait-queue.ts`, `blocking-wait.ts`); to wake (`wait-records.ts`).
 */
import { TimeoutError } from "../base/errors.ts";
import { family } from "../memory/family.ts";
import {
  header,
  participant as field,
  participantEntry,
  waitRecord,
  waitRecords,
  waitsPerParticipant,
  waitWords,
} from "../memory/layout.ts";
import { indexOf, ownId } from "../memory/participants.ts";
import { waiting, wake, woken } from "./wait-records.ts";

/**
 * Tries to have what is waited for; undefined: not yet.
 *
 * `thorough`: time has passed or somebody has died, so that those on whom it depends are to be looked after.
 */
export type Attempt<T> = (thorough: boolean) => T | undefined;

/** One wait of this process. */
export interface Waiter {
  /** Drawn at its coming, so that it keeps its turn among the waits of all processes. */
  readonly ticket: number;
  readonly since: number;
  readonly attempt: Attempt<unknown>;
  /** At most one of the two is called, once; the waiter has left by then. */
  readonly succeed: (value: unknown) => void;
  readonly fail: (error: unknown) => void;
}

/** All of this process's waits for one object: they share a record. */
export interface Place {
  readonly spot: number;
  /** The index of the record's first word; undefined when all were in use: then it is looked at from time to time. */
  readonly record: number | undefined;
  readonly waiters: Set<Waiter>;
  /** True: one that fails says nothing about those who came later. */
  readonly each: boolean;
  /** How many keep it beside its waiters. */
  kept: number;
}

/** Between looks without being rung: short at first, since most deaths are near; then twice as long each. */
export const firstLookMs = 20;
export const longestLookMs = 400;

const places = new Map<number, Place>();
let records: number[] | undefined;
let recordsUsed = 0;
let owner = 0;

/** All places of this process, as they are now. */
export function takenPlaces(): Place[] {
  return [...places.values()];
}

/** How many asynchronous and blocking waits of this process are under way. */
export function pendingWaits(): number {
  let count = 0;
  for (const { waiters } of places.values()) count += waiters.size;
  return count;
}

/**
 * Keeps this process's record of a wait that is about to begin until `done` is called, so that it can be counted in: from
 * now on others find it at the spot.
 */
export function keepRecord(spot: number): { readonly record: number | undefined; readonly done: () => void } {
  const place = enter(spot);
  place.kept++;
  if (place.record !== undefined && place.waiters.size === 0) {
    const { words } = family();
    words[place.record + waitRecord.ticket] = nextTicket();
    Atomics.store(words, place.record + waitRecord.spot, spot);
  }
  return {
    record: place.record,
    done: () => {
      place.kept--;
      vacate(place);
    },
  };
}

/** The place for that object; `each` as for `waitFor`. */
export function enter(spot: number, each = false): Place {
  const known = places.get(spot);
  if (known !== undefined) return known;
  const record = newRecord();
  const place: Place = { spot, record, waiters: new Set(), each, kept: 0 };
  places.set(spot, place);
  return place;
}

/** Why not an object of the two, spread into the waiter: V8 then makes new maps for each, measured: 7 µs a wait. */
export function nextTicket(): number {
  return Atomics.add(family().words, header.tickets, 1);
}

/** From here on others find the wait. */
export function join(place: Place, waiter: Waiter): void {
  place.waiters.add(waiter);
  const { record, spot, waiters } = place;
  if (record === undefined || waiters.size > 1) return;
  const { words } = family();
  showFirst(place);
  Atomics.store(words, record + waitRecord.state, waiting);
  Atomics.store(words, record + waitRecord.spot, spot);
  announce(spot);
}

/** The record speaks for whoever has waited longest here. */
function showFirst({ record, waiters }: Place): void {
  const [first] = waiters;
  if (record === undefined || first === undefined) return;
  const { words } = family();
  words[record + waitRecord.ticket] = first.ticket;
  words[record + waitRecord.since] = first.since;
}

function announce(spot: number): void {
  Atomics.or(family().words, spot, 1 << (indexOf(ownId()) & 31));
}

/** From here on a change wakes this process again. */
export function arm({ record, spot }: Place): void {
  if (record === undefined) return;
  const { words } = family();
  if (Atomics.exchange(words, record + waitRecord.state, waiting) !== waiting) announce(spot);
}

export function leave(place: Place, waiter: Waiter): void {
  place.waiters.delete(waiter);
  if (place.waiters.size > 0) showFirst(place);
  else vacate(place);
}

function vacate(place: Place): void {
  if (place.waiters.size + place.kept > 0 || places.get(place.spot) !== place) return;
  places.delete(place.spot);
  const { record, spot } = place;
  if (record === undefined) return;
  const { words } = family();
  Atomics.store(words, record + waitRecord.spot, 0);
  Atomics.store(words, record + waitRecord.wanting, 0);
  records!.push(record);
  // A wake-up that nobody here needs any more is somebody else's. One too many costs a look.
  if (Atomics.exchange(words, record + waitRecord.state, 0) === woken) wake(spot);
}

function newRecord(): number | undefined {
  const id = ownId();
  if (owner !== id) {
    owner = id;
    records = [];
    recordsUsed = 0;
  }
  const free = records!.pop();
  if (free !== undefined) return free;
  if (recordsUsed === waitsPerParticipant) return undefined;
  const index = indexOf(id);
  const record = waitRecords(index) + recordsUsed * waitWords;
  const { words } = family();
  for (let word = 0; word < waitWords; word++) Atomics.store(words, record + word, 0); // An earlier user's may be there.
  recordsUsed++;
  Atomics.store(words, participantEntry(index) + field.waits, recordsUsed);
  return record;
}

export function timedOut(what: string, timeoutMs: number): TimeoutError {
  return new TimeoutError(
    `${what}: ${timeoutMs} ms have passed\n  do this:  raise timeoutMs, or look at who holds it up`,
  );
}
