/** The ends of waits: AbortSignals that others wait with, too, and work that fails. */
import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { test } from "node:test";
import { onAbort } from "#src/base/abort.js";
import { within } from "#src/base/deadline.js";
import { nextTurn, turnIsDue } from "#src/base/turn.js";

const listeners = (signal: AbortSignal): number => getEventListeners(signal, "abort").length;
const many = 1000;

/** Counts how often a listener comes to a signal, or goes. */
function counted(): { readonly stop: AbortController; readonly changes: () => number } {
  const stop = new AbortController();
  let changes = 0;
  for (const name of ["addEventListener", "removeEventListener"] as const) {
    const original = stop.signal[name].bind(stop.signal) as (...args: unknown[]) => void;
    stop.signal[name] = (...args: unknown[]): void => {
      changes++;
      original(...args);
    };
  }
  return { stop, changes: () => changes };
}

test("those who wait with one signal are told in the order of coming, by one listener", () => {
  const { stop, changes } = counted();
  const told: number[] = [];
  for (let n = 0; n < many; n++) onAbort(stop.signal, () => told.push(n));
  assert.equal(listeners(stop.signal), 1);
  stop.abort();
  assert.deepEqual(
    told,
    Array.from({ length: many }, (_, n) => n),
  );
  assert.equal(changes(), 1);
});

test("whoever takes the wish back is not told, not even by what another does when it is told", () => {
  const stop = new AbortController();
  const told: string[] = [];
  const forgetFirst = onAbort(stop.signal, () => told.push("first"));
  onAbort(stop.signal, () => {
    told.push("second");
    forgetThird();
  });
  const forgetThird = onAbort(stop.signal, () => told.push("third"));
  forgetFirst();
  stop.abort();
  assert.deepEqual(told, ["second"]);
});

test("the listener goes with the last one, and comes again with the next", () => {
  const { stop, changes } = counted();
  for (let round = 1; round <= 2; round++) {
    const forget = Array.from({ length: many }, () => onAbort(stop.signal, () => {}));
    assert.equal(listeners(stop.signal), 1);
    for (const each of forget) each();
    for (const each of forget) each(); // Twice is fine.
    assert.equal(listeners(stop.signal), 0);
    assert.equal(changes(), 2 * round);
  }
});

test("within() hears of work that fails before it has had its turn, and nobody else does", async () => {
  turnIsDue();
  const until = performance.now() + 20;
  while (performance.now() < until);
  assert.ok(turnIsDue());
  await assert.rejects(
    within(Promise.reject(new Error("no")), {}, () => "late"),
    /no/,
  );
  const stop = new AbortController();
  stop.abort(new Error("enough"));
  await assert.rejects(
    within(Promise.reject(new Error("no")), { signal: stop.signal }, () => "late"),
    /enough/,
  );
  await nextTurn(); // What nobody had heard of would have ended this process by now.
});

test("within() leaves no listener, however it ends", async () => {
  const { stop, changes } = counted();
  const { signal } = stop;
  const never = new Promise<never>(() => {});
  const late = (): string => "late";
  assert.equal(await within(Promise.resolve("done"), { signal }, late), "done");
  await assert.rejects(within(Promise.reject(new Error("no")), { signal }, late), /no/);
  assert.equal(await within(never, { signal, timeoutMs: 1 }, late), "late");
  assert.equal(listeners(signal), 0);
  const before = changes();
  const waits = Array.from({ length: many }, () => within(never, { signal }, late));
  await new Promise(setImmediate);
  assert.equal(listeners(signal), 1);
  const reason = new Error("enough");
  stop.abort(reason);
  for (const each of await Promise.allSettled(waits)) {
    assert.equal(each.status === "rejected" && each.reason, reason);
  }
  assert.equal(changes() - before, 1);
});
