/** What the code of a process of the model finds around it, beside what the explorer decides. */
import * as errors from "#src/base/errors.js";
import * as layout from "#src/memory/layout.js";
import { $, awaiting, makePromise, nextOf, Produced, Promised } from "./event-loop.ts";

/** What all processes find around them alike. */
export const same: Record<string, unknown> = {
  ...layout,
  ...errors,
  // Of eight words each is looked at like the others; with one fewer it is in use more often.
  semaphoreWord: { ...layout.semaphoreWord, keptCount: 1 },
  ...{ awaiting, makePromise, nextOf, Produced, Promise: Promised, $ },
  stayForRings: () => {},
  stayNoLonger: () => {},
  turnIsDue: () => false,
  payDebts: () => true,
  pause: () => {},
  ready: (value: unknown) => ({ then: (next: (value: unknown) => unknown) => next(value) }),
  holdsOthers: () => {},
  checkSyncWaitOptions: (_: string, options?: { readonly timeoutMs?: number }) => options?.timeoutMs,
  checkWaitOptions: (_: string, options: unknown) => options ?? {},
};

/** Atomics, each result of which is told to `read`. */
export function atomicsOf(read: <T>(value: T) => T): Record<string, unknown> {
  return {
    load: (at: Int32Array, index: number) => read(Atomics.load(at, index)),
    store: (at: Int32Array, index: number, value: number) => read(Atomics.store(at, index, value)),
    exchange: (at: Int32Array, index: number, value: number) => read(Atomics.exchange(at, index, value)),
    compareExchange: (at: Int32Array, index: number, expected: number, value: number) =>
      read(Atomics.compareExchange(at, index, expected, value)),
    add: (at: Int32Array, index: number, value: number) => read(Atomics.add(at, index, value)),
    sub: (at: Int32Array, index: number, value: number) => read(Atomics.sub(at, index, value)),
    and: (at: Int32Array, index: number, value: number) => read(Atomics.and(at, index, value)),
    or: (at: Int32Array, index: number, value: number) => read(Atomics.or(at, index, value)),
  };
}
