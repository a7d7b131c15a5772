/**
 * Waiting in the wait queue by blocking the thread.
 *
 * Runs in: every process.
 * Guarantees: those of `wait-queue.ts`; what this process owes others is sent first, or meanwhile; a signal that waits for
 * its handler in JavaScript ends the wait, unless it must not.
 */
import { MultiprocessingError } from "../base/errors.ts";
import { blockUntilRung, nap, takeAlarm } from "../memory/doorbell.ts";
import { payDebts } from "./debts.ts";
import {
  arm,
  enter,
  firstLookMs,
  join,
  leave,
  longestLookMs,
  nextTicket,
  timedOut,
  type Attempt,
  type Waiter,
} from "./wait-places.ts";
import { clock } from "./wait-records.ts";

/** Milliseconds: about twice what it takes to be woken, and until the naps together are longer than a lock is barged. */
const firstNapMs = 0.1;
const longestNapMs = 0.8;
/** Between attempts to send what is owed, while this thread blocks: as often as a turn of an event loop might. Arbitrary. */
const owingMs = 1;

interface BlockingOptions {
  readonly interruptible?: boolean;
  /** Others come by and take it before those who were woken for it. */
  readonly barging?: boolean;
}

/**
 * As `waitFor()`, blocking this thread.
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

function noop(): void {}

function interrupted(what: string): MultiprocessingError {
  return new MultiprocessingError(
    `${what}: a signal came, and its handler can run only when the thread no longer blocks\n` +
      `  do this:  call it again once the handler has run, which it can while you await something; or use the asynchronous form`,
    { code: "ERR_MP_INTERRUPTED" },
  );
}
