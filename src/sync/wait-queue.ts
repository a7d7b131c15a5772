/**
 * The one wait queue: whoever waits for anything in shared memory waits here.
 *
 * Runs in: every process.
 * Guarantees: eventually fair (who has waited longest is woken first; whoever comes by may still be quicker);
 * cancellable (a wait that is given up passes a wake-up on); robust: records belong to the waiter, so a death breaks no
 * list, and every waiter looks again by itself within half a second, so a wake-up that died with another is not missed.
 * Leaves to others: what is waited for (each attempt is the caller's).
 *
 *   spot      a word of the object's: bit n is set when a participant whose index is n modulo 32 waits for it
 *   record    in the waiter's own part of memory: spot, state, ticket (`memory/layout.ts`)
 *   wait      record written -> bit set -> attempt -> sleep            (so a change after the attempt finds the record)
 *   wake      object changed -> mask read -> record of the lowest ticket marked woken -> its owner rung
 */
import { TimeoutError } from "../base/errors.ts";
import { after } from "../base/deadline.ts";
import type { WaitOptions } from "../base/options.ts";
import { blockUntilRung, ring, setRingListener, stayForRings, stayNoLonger, takeAlarm } from "../memory/doorbell.ts";
import { family } from "../memory/family.ts";
import {
  header,
  maxParticipants,
  participant as field,
  participantEntry,
  waitRecord,
  waitRecords,
  waitsPerParticipant,
  waitWords,
} from "../memory/layout.ts";
import { idOfIndex, indexOf, isGone, ownId, participants } from "../memory/participants.ts";
import { interrupted, interruptedError } from "./interruption.ts";

/**
 * Tries to have what is waited for; undefined: not yet.
 *
 * `thorough`: time has passed or somebody has died, so that those on whom it depends are to be looked after.
 */
export type Attempt<T> = (thorough: boolean) => T | undefined;

const waiting = 1;
const woken = 2;

/** Between looks without being rung: short at first, since most deaths are near; then twice as long each. */
const firstLookMs = 20;
const longestLookMs = 400;

interface Waiter {
  /** Drawn at its coming, so that it keeps its turn among the waits of all processes. */
  readonly ticket: number;
  readonly since: number;
  readonly attempt: Attempt<unknown>;
  /** At most one of the two is called, once; the waiter has left by then. */
  readonly succeed: (value: unknown) => void;
  readonly fail: (error: unknown) => void;
}

/** All of this process's waits for one object: they share a record. */
interface Place {
  readonly spot: number;
  /** The index of the record's first word; undefined when all were in use: then it is looked at from time to time. */
  readonly record: number | undefined;
  readonly waiters: Set<Waiter>;
}

const places = new Map<number, Place>();
let records: number[] | undefined;
let recordsUsed = 0;
let owner = 0;
let lookMs = firstLookMs;
let nextLook: NodeJS.Timeout | undefined;

setRingListener(() => serveWoken());

/**
 * Waits until `attempt` succeeds. It is called at once, and again after each wake-up.
 *
 * @param spot the index of the word in the core where the object keeps the mask of who waits
 * @param what for the message of the TimeoutError
 * @throws {TimeoutError}
 * @throws signal.reason
 */
export function waitFor<T>(spot: number, attempt: Attempt<T>, options: WaitOptions, what: string): Promise<T> {
  const { timeoutMs, signal } = options;
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const had = attempt(false);
    if (had !== undefined) {
      resolve(had);
      return;
    }
    if (timeoutMs !== undefined && timeoutMs <= 0) throw timedOut(what, 0);
    const place = enter(spot);
    let cancelTimer = (): void => {};
    // Success, time and abort exclude each other at once, not a microtask later: what was taken is never lost.
    const end = (): void => {
      cancelTimer();
      signal?.removeEventListener("abort", aborted);
      stayNoLonger();
      leave(place, waiter);
    };
    const waiter: Waiter = {
      ...arrival(),
      attempt,
      succeed: (value) => {
        end();
        resolve(value as T);
      },
      fail: (error) => {
        end();
        reject(error as Error);
      },
    };
    const aborted = (): void => waiter.fail(signal!.reason);
    join(place, waiter);
    stayForRings();
    lookAgainSoon();
    signal?.addEventListener("abort", aborted, { once: true });
    if (timeoutMs !== undefined) cancelTimer = after(timeoutMs, () => waiter.fail(timedOut(what, timeoutMs)));
    serve(place, false);
  });
}

/**
 * The same, blocking this thread.
 *
 * @throws {TimeoutError}
 * @throws {MultiprocessingError} ERR_MP_INTERRUPTED when a signal came that has a JavaScript handler
 */
export function waitForSync<T>(spot: number, attempt: Attempt<T>, timeoutMs: number | undefined, what: string): T {
  const had = attempt(false);
  if (had !== undefined) return had;
  const until = timeoutMs === undefined ? Infinity : performance.now() + timeoutMs;
  if (timeoutMs !== undefined && timeoutMs <= 0) throw timedOut(what, 0);
  const place = enter(spot);
  const waiter: Waiter = { ...arrival(), attempt, succeed: () => {}, fail: () => {} };
  join(place, waiter);
  try {
    let lookMs = firstLookMs;
    let thorough = false;
    for (;;) {
      arm(place);
      const found = attempt(thorough);
      if (found !== undefined) return found;
      const leftMs = until - performance.now();
      if (leftMs <= 0) throw timedOut(what, timeoutMs!);
      const why = blockUntilRung(Math.min(leftMs, lookMs));
      if (why === "signal" && interrupted()) throw interruptedError(what);
      thorough = why === "time" || takeAlarm();
      if (why === "time") lookMs = Math.min(lookMs * 2, longestLookMs);
    }
  } finally {
    leave(place, waiter);
  }
}

/**
 * Wakes those who have waited longest, to make their attempts.
 *
 * @param count at most so many processes; Infinity: all
 */
export function wake(spot: number, count = 1): void {
  const { words } = family();
  if (Atomics.load(words, spot) === 0) return;
  for (let left = count; left > 0; left--) {
    const found = oldest(words, spot);
    if (found === undefined) return;
    // Another may have woken it meanwhile, or it has gone: then the next oldest is looked for.
    if (!wakeFound(found)) left++;
  }
}

/** Wakes that wait; false when it is woken already, or no longer there. */
export function wakeFound({ at, index }: FoundWait): boolean {
  const { words } = family();
  if (Atomics.compareExchange(words, at + waitRecord.state, waiting, woken) !== waiting) return false;
  ring(index);
  return true;
}

/** True while that participant waits at the spot, woken or not. */
export function waitsAt(words: Int32Array, spot: number, index: number): boolean {
  const first = waitRecords(index);
  const end = first + Atomics.load(words, participantEntry(index) + field.waits) * waitWords;
  for (let record = first; record < end; record += waitWords) if (Atomics.load(words, record) === spot) return true;
  return false;
}

/** A wait that has been found: where its record is, and whose it is. */
export interface FoundWait {
  readonly at: number;
  readonly index: number;
  /** How long it has waited, milliseconds. */
  readonly waitedMs: number;
}

/** The wait for an object that began first, and has not been woken yet. */
export function oldest(words: Int32Array, spot: number): FoundWait | undefined {
  let mask = Atomics.load(words, spot);
  let at = -1;
  let owner = 0;
  let ticket = 0;
  while (mask !== 0) {
    const bit = 31 - Math.clz32(mask);
    mask &= ~(1 << bit);
    let anybody = searchBit(bit);
    if (anybody) continue;
    // Nobody of that bit waits any more. Cleared first, looked again after: who enters meanwhile is found or sets it.
    Atomics.and(words, spot, ~(1 << bit));
    anybody = searchBit(bit);
    if (anybody) Atomics.or(words, spot, 1 << bit);
  }
  if (at < 0) return undefined;
  return { at, index: owner, waitedMs: (clock() - words[at + waitRecord.since]!) >>> 0 };

  function searchBit(bit: number): boolean {
    const highest = Math.min(Atomics.load(words, header.nextParticipant), maxParticipants - 1);
    let anybody = false;
    for (let index = bit; index <= highest; index += 32) {
      const used = Atomics.load(words, participantEntry(index) + field.waits);
      if (used === 0 || isGone(idOfIndex(index))) continue;
      const first = waitRecords(index);
      for (let record = first; record < first + used * waitWords; record += waitWords) {
        if (Atomics.load(words, record) !== spot) continue;
        anybody = true;
        if (Atomics.load(words, record + waitRecord.state) !== waiting) continue;
        const itsTicket = words[record + waitRecord.ticket]!;
        if (at >= 0 && ((itsTicket - ticket) | 0) >= 0) continue;
        at = record;
        owner = index;
        ticket = itsTicket;
      }
    }
    return anybody;
  }
}

/** How many processes wait at the spot. */
export function countWaiting(spot: number): number {
  const { words } = family();
  let count = 0;
  for (const index of participants()) if (waitsAt(words, spot, index)) count++;
  return count;
}

/** How many asynchronous and blocking waits of this process are under way. */
export function pendingWaits(): number {
  let count = 0;
  for (const { waiters } of places.values()) count += waiters.size;
  return count;
}

/** The monotonic clock in milliseconds modulo 2^32; the same for all processes. */
export function clock(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return (seconds * 1000 + Math.floor(nanoseconds / 1e6)) | 0;
}

function enter(spot: number): Place {
  const known = places.get(spot);
  if (known !== undefined) return known;
  const record = newRecord();
  const place: Place = { spot, record, waiters: new Set() };
  places.set(spot, place);
  return place;
}

function arrival(): { readonly ticket: number; readonly since: number } {
  return { ticket: Atomics.add(family().words, header.tickets, 1), since: clock() };
}

function join(place: Place, waiter: Waiter): void {
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
function arm({ record, spot }: Place): void {
  if (record === undefined) return;
  const { words } = family();
  if (Atomics.exchange(words, record + waitRecord.state, waiting) !== waiting) announce(spot);
}

function leave(place: Place, waiter: Waiter): void {
  place.waiters.delete(waiter);
  if (place.waiters.size > 0) {
    showFirst(place);
    return;
  }
  if (places.get(place.spot) !== place) return;
  places.delete(place.spot);
  const { record, spot } = place;
  if (record === undefined) return;
  const { words } = family();
  Atomics.store(words, record + waitRecord.spot, 0);
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

function serveWoken(): void {
  const thorough = takeAlarm();
  const { words } = family();
  for (const place of [...places.values()]) {
    if (thorough || place.record === undefined || Atomics.load(words, place.record + waitRecord.state) === woken) {
      serve(place, thorough);
    }
  }
}

/** Makes the attempts of a place in the order of coming, until one fails. */
function serve(place: Place, thorough: boolean): void {
  for (const waiter of place.waiters) {
    let found: unknown;
    try {
      found = waiter.attempt(thorough);
      if (found === undefined) {
        arm(place);
        found = waiter.attempt(thorough);
      }
    } catch (error) {
      waiter.fail(error);
      continue;
    }
    if (found === undefined) return;
    waiter.succeed(found);
  }
}

function lookAgainSoon(): void {
  lookMs = firstLookMs;
  if (nextLook === undefined) scheduleLook();
}

function scheduleLook(): void {
  nextLook = setTimeout(() => {
    nextLook = undefined;
    for (const place of [...places.values()]) serve(place, true);
    lookMs = Math.min(lookMs * 2, longestLookMs);
    if (places.size > 0) scheduleLook();
  }, lookMs);
  nextLook.unref();
}

function timedOut(what: string, timeoutMs: number): TimeoutError {
  return new TimeoutError(
    `${what}: ${timeoutMs} ms have passed\n  do this:  raise timeoutMs, or look at who holds it up`,
  );
}
