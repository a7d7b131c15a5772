/**
 * The one wait queue: whoever waits for anything in shared memory waits here.
 *
 * Runs in: every process.
 * Guarantees: eventually fair (who has waited longest is woken first; whoever comes by may still be quicker); waits of one
 * process for one thing are served in the order of their calls; a loop of awaits lets the event loop turn;
 * cancellable (a wait that is given up passes a wake-up on); robust: records belong to the waiter, so a death breaks no
 * list, and every waiter looks again by itself within half a second, so a wake-up that died with another is not missed.
 * Leaves to others: what is waited for (each attempt is the caller's); to wait by blocking (`blocking-wait.ts`); whose
 * records these are (`wait-places.ts`).
 *
 *   spot      a word of the object's: bit n is set when a participant whose index is n modulo 32 waits for it
 *   record    in the waiter's own part of memory: spot, state, ticket (`memory/layout.ts`)
 *   wait      record written -> bit set -> attempt -> sleep            (so a change after the attempt finds the record)
 *   wake      object changed -> mask read -> record of the lowest ticket marked woken -> its owner rung  (`wait-records.ts`)
 */
import { onAbort } from "../base/abort.ts";
import { after } from "../base/deadline.ts";
import type { WaitOptions } from "../base/options.ts";
import { nextTurn, turnIsDue } from "../base/turn.ts";
import { forgetRing, setRingListener, stayForRings, stayNoLonger, takeAlarm } from "../memory/doorbell.ts";
import { family } from "../memory/family.ts";
import { waitRecord } from "../memory/layout.ts";
import {
  arm,
  enter,
  firstLookMs,
  join,
  leave,
  longestLookMs,
  nextTicket,
  takenPlaces,
  timedOut,
  type Attempt,
  type Place,
  type Waiter,
} from "./wait-places.ts";
import { clock, woken } from "./wait-records.ts";

export { countWaiting, oldest, waitsAt, wake, wakeAfterSwap, wakeFound, type FoundWait } from "./wait-records.ts";

let lookMs = firstLookMs;
let nextLook: NodeJS.Timeout | undefined;

setRingListener(() => serveWoken());

/**
 * Waits until `attempt` succeeds. It is called at once, or after a turn of the event loop that is due; and again after
 * each wake-up.
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
    const due = turnIsDue();
    if (!due) {
      const had = attempt(false);
      if (had !== undefined) {
        resolve(had);
        return;
      }
    }
    if (timeoutMs !== undefined && timeoutMs <= 0) {
      resolve(onceWithoutWaiting(attempt, due, what));
      return;
    }
    const place = enter(spot, each);
    let cancelTimer = (): void => {};
    // Success, time and abort exclude each other at once, not a microtask later: what was taken is never lost.
    const end = (): void => {
      cancelTimer();
      forget?.();
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
    join(place, waiter);
    stayForRings();
    lookAgainSoon();
    const forget = signal && onAbort(signal, () => waiter.fail(signal.reason));
    if (timeoutMs !== undefined) cancelTimer = after(timeoutMs, () => waiter.fail(timedOut(what, timeoutMs)));
    if (due) void nextTurn().then(() => place.waiters.has(waiter) && serveNew(place, waiter));
    else serveNew(place, waiter);
  });
}

/** The answer to a wait of no time whose first attempt has failed, or is yet to be made, in the next turn. */
async function onceWithoutWaiting<T>(attempt: Attempt<T>, due: boolean, what: string): Promise<T> {
  if (due) {
    await nextTurn();
    const had = attempt(false);
    if (had !== undefined) return had;
  }
  throw timedOut(what, 0);
}

/** Where others wait already, each for itself, others find the record; whoever has woken it has also rung. */
function serveNew(place: Place, waiter: Waiter): void {
  if (place.each && place.waiters.size > 1) attemptFor(waiter, false);
  else serve(place, false);
}

function serveWoken(): void {
  const thorough = takeAlarm();
  const { words } = family();
  for (const place of takenPlaces()) {
    if (thorough || place.record === undefined || Atomics.load(words, place.record + waitRecord.state) === woken) {
      serve(place, thorough);
    }
  }
}

/** Makes the attempts of a place in the order of coming, until one fails, unless each waits for itself. */
function serve(place: Place, thorough: boolean): void {
  for (const waiter of place.waiters) {
    if (attemptFor(waiter, thorough)) continue;
    arm(place);
    if (!attemptFor(waiter, thorough) && !place.each) break;
  }
}

/** True when that wait is over. */
function attemptFor(waiter: Waiter, thorough: boolean): boolean {
  let found: unknown;
  try {
    found = waiter.attempt(thorough);
  } catch (error) {
    waiter.fail(error);
    return true;
  }
  if (found === undefined) return false;
  waiter.succeed(found);
  return true;
}

function lookAgainSoon(): void {
  lookMs = firstLookMs;
  if (nextLook === undefined) scheduleLook();
}

function scheduleLook(): void {
  nextLook = setTimeout(() => {
    nextLook = undefined;
    forgetRing();
    for (const place of takenPlaces()) serve(place, true);
    lookMs = Math.min(lookMs * 2, longestLookMs);
    if (takenPlaces().length > 0) scheduleLook();
  }, lookMs);
  nextLook.unref();
}
