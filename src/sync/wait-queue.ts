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
 *   wake      object changed -> mask read -> record of the lowest ticket marked woken -> its owner rung  (`wait-records.ts`)
 */
import { MultiprocessingError, TimeoutError } from "../base/errors.ts";
import { after } from "../base/deadline.ts";
import type { WaitOptions } from "../base/options.ts";
import { ready } from "../base/turn.ts";
import {
  blockUntilRung,
  forgetRing,
  nap,
  setRingListener,
  stayForRings,
  stayNoLonger,
  takeAlarm,
} from "../memory/doorbell.ts";
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
import { payDebts } from "./debts.ts";
import { clock, waiting, wake, woken } from "./wait-records.ts";

export { countWaiting, oldest, waitsAt, wake, wakeFound, type FoundWait } from "./wait-records.ts";

/**
 * Tries to have what is waited for; undefined: not yet.
 *
 * `thorough`: time has passed or somebody has died, so that those on whom it depends are to be looked after.
 */
export type Attempt<T> = (thorough: boolean) => T | undefined;

/** Between looks without being rung: short at first, since most deaths are near; then twice as long each. */
const firstLookMs = 20;
const longestLookMs = 400;
/** Milliseconds: about twice what it takes to be woken, and until the naps together are longer than a lock is barged. */
const firstNapMs = 0.1;
const longestNapMs = 0.8;
/** Between attempts to send what is owed, while this thread blocks: as often as a turn of an event loop might. Arbitrary. */
const owingMs = 1;

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
  /** True: one that fails says nothing about those who came later. */
  readonly each: boolean;
  /** How many keep it beside its waiters. */
  kept: number;
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
 * @param each true when a later wait for the same spot may succeed though an earlier one has not
 * @throws {TimeoutError}
 * @throws signal.reason
 */
export function waitFor<T>(
  spot: number,
  attempt: Attempt<T>,
  options: WaitOptions,
  what: string,
  each = false,
): Promise<T> {
  const { timeoutMs, signal } = options;
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const had = attempt(false);
    if (had !== undefined) {
      resolve(had);
      return;
    }
    if (timeoutMs !== undefined && timeoutMs <= 0) {
      // Whoever asks again and again, without waiting, lets the event loop turn.
      void ready(timedOut(what, 0)).then(reject);
      return;
    }
    const place = enter(spot, each);
    let cancelTimer = (): void => {};
    // Success, time and abort exclude each other at once, not a microtask later: what was taken is never lost.
    const end = (): void => {
      cancelTimer();
      signal?.removeEventListener("abort", aborted);
      stayNoLonger();
      leave(place, waiter);
    };
    const waiter: Waiter = {
      ticket: nextTicket(),
      since: clock(),
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

interface BlockingOptions {
  readonly interruptible?: boolean;
  /** Others come by and take it before those who were woken for it. */
  readonly barging?: boolean;
}

/**
 * The same, blocking this thread. What this process owes others is sent first, or meanwhile.
 *
 * @throws {TimeoutError}
 * @throws {MultiprocessingError} ERR_MP_INTERRUPTED when a signal has come, before or meanwhile, whose handler in
 * JavaScript has not run yet
 */
export function waitForSync<T>(
  spot: number,
  attempt: Attempt<T>,
  timeoutMs: number | undefined,
  what: string,
  { interruptible = true, barging = false }: BlockingOptions = {},
): T {
  const had = attempt(false);
  if (had !== undefined) return had;
  const until = timeoutMs === undefined ? Infinity : performance.now() + timeoutMs;
  if (timeoutMs !== undefined && timeoutMs <= 0) throw timedOut(what, 0);
  const place = enter(spot);
  const waiter: Waiter = { ticket: nextTicket(), since: clock(), attempt, succeed: noop, fail: noop };
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
      const owing = !payDebts();
      const why = blockUntilRung(Math.min(leftMs, owing ? owingMs : lookMs), interruptible);
      if (why === "signal") throw interrupted(what);
      thorough = why === "time" || takeAlarm();
      if (why === "time" && !owing) lookMs = Math.min(lookMs * 2, longestLookMs);
      if (barging && !thorough) {
        barging = false;
        const free = lookBetweenNaps(attempt, until, interruptible, what);
        if (free !== undefined) return free;
        thorough = takeAlarm();
      }
    }
  } finally {
    leave(place, waiter);
  }
}

/**
 * After a wake-up nobody wakes this wait: it looks again by itself, each time after as long as all before together.
 *
 * Why: whoever acquires and releases again and again is quicker than whoever was woken, and pays for waking it at each
 * release (measured: half of its time). What it leaves free at last is found after twice the time that was waited for
 * it; and whoever has been through all naps has waited long enough to be handed it.
 *
 * @returns what was found; undefined: the naps are over, the time is up, or somebody has rung
 */
function lookBetweenNaps<T>(attempt: Attempt<T>, until: number, interruptible: boolean, what: string): T | undefined {
  for (let napMs = firstNapMs; ; napMs *= 2) {
    const found = attempt(false);
    if (found !== undefined) return found;
    const leftMs = until - performance.now();
    if (leftMs <= 0 || napMs > longestNapMs) return undefined;
    payDebts();
    const why = nap(Math.min(leftMs, napMs), interruptible);
    if (why === "signal") throw interrupted(what);
    if (why === "rung") return undefined;
  }
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

function enter(spot: number, each = false): Place {
  const known = places.get(spot);
  if (known !== undefined) return known;
  const record = newRecord();
  const place: Place = { spot, record, waiters: new Set(), each, kept: 0 };
  places.set(spot, place);
  return place;
}

/** Why not an object of the two, spread into the waiter: V8 then makes new maps for each, measured: 7 µs a wait. */
function nextTicket(): number {
  return Atomics.add(family().words, header.tickets, 1);
}

function noop(): void {}

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
    if (found === undefined) {
      if (place.each) continue;
      break;
    }
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
    forgetRing();
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

function interrupted(what: string): MultiprocessingError {
  return new MultiprocessingError(
    `${what}: a signal came, and its handler can run only when the thread no longer blocks\n` +
      `  do this:  call it again once the handler has run, which it can while you await something; or use the asynchronous form`,
    { code: "ERR_MP_INTERRUPTED" },
  );
}
