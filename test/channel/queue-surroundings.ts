/**
 * What surrounds the processes of `queue-model.ts`: the memory that they share, the kernel and the codec as far as a queue
 * needs them, and the deaths that burials find.
 */
import * as errors from "#src/base/errors.js";
import * as channelErrors from "#src/channel/errors.js";
import * as layout from "#src/memory/layout.js";
import type { Exports, Steps } from "../support/stepped.ts";

export interface SteppedQueue {
  putSync(value: number): Steps<void>;
  getSync(): Steps<number>;
  tryGet(): Steps<{ readonly value: number } | undefined>;
  taskDone(): Steps<void>;
  close(): Steps<void>;
  readonly memory: {
    count$get(): Steps<number>;
    tidy(): Steps<boolean>;
    readonly table: { progress(thorough: boolean): Steps<{ unfinished: number; lost: number }> } | undefined;
  };
}

interface User {
  readonly id: number;
  readonly queue: SteppedQueue;
}

/** A process as the explorer moves it. */
export interface Walker extends User {
  steps: Steps<void>;
  state: "runs" | "sleeps" | "naps" | "done";
  rung: boolean;
  alarm: boolean;
  dead: boolean;
  history: number;
  /** Looks by itself, since an item came or went. */
  vainLooks: number;
  /** The word that it naps at, and what it was. */
  nap: readonly [at: number, value: number];
  readonly put: number[];
  readonly got: number[];
  /** Its call was rejected, since the queue is closed. */
  toldOfEnd: boolean;
}

/** So little that three items do not fit one behind the other. */
export const dataBytes = 4096;
const itemBytes = 1200;
/** As little as `tidy()` gives back. */
const pageBytes = 256;
export const queueAt = 3_008;
export const queueHandle = 1;
export const queueWords = 48;
/** How many items have been put, and how many taken: the first words of the window's two lines. */
export const writtenAt = queueAt + 16;
export const takenAt = writtenAt + 16;
const mostUsers = 6;

export const words: Int32Array = new Int32Array(layout.waitRecords(mostUsers + 1));
export const table: Int32Array = new Int32Array((mostUsers + 1) * 4);
export const data: ArrayBuffer = new ArrayBuffer(dataBytes);

export class Kernel {
  /** Who is buried, or by whom it is being buried. */
  readonly burials = new Map<number, number | "buried">();
  readonly #walkers: readonly Walker[];
  #handles = queueHandle;

  constructor(walkers: readonly Walker[]) {
    this.#walkers = walkers;
  }

  /** What stands for the modules that are not stepped through, and for what is global. */
  modulesFor(walker: Walker, seen: <T>(value: T) => T): Record<string, Exports> {
    const burials: ((index: number) => Steps<void>)[] = [];
    const { id } = walker;
    const own = (): number => id;
    const same = (index: number): number => index;
    const nothing = (): void => {};
    const state = (who: number): number | "buried" | undefined => this.burials.get(who);
    const isGone = function* (who: number): Steps<boolean> {
      yield;
      return seen(state(who) !== undefined);
    };
    const isBuried = function* (who: number): Steps<boolean> {
      yield;
      return seen(state(who) === "buried");
    };
    const atomics = Object.fromEntries(
      (["load", "store", "exchange", "compareExchange", "add", "sub", "and", "or"] as const).map((operation) => [
        operation,
        (...args: number[]) => seen((Atomics[operation] as (...all: unknown[]) => number)(...args)),
      ]),
    );
    const futexWait = function* (_: Int32Array, at: number, value: number): Steps<void> {
      walker.state = "naps";
      walker.nap = [at, value];
      yield;
      walker.state = "runs";
    };
    const blockUntilRung = function* (): Steps<string> {
      walker.state = "sleeps";
      yield;
      walker.state = "runs";
      const reason = walker.rung ? "rung" : "time";
      walker.rung = false;
      seen(reason.length);
      return reason;
    };
    return {
      globals: { Atomics: atomics, process: { hrtime: () => [0, 0] }, performance: { now: () => 0 } },
      errors: { ...errors, ...channelErrors },
      layout: { ...layout, pageBytes },
      deadline: { after: nothing },
      options: { checkSyncWaitOptions: nothing, checkWaitOptions: () => ({}), checkOptions: nothing, shown: String },
      turn: { ready: same, nextTurn: nothing, turnIsDue: () => false },
      waitable: { waitable: Symbol("waitable") },
      debts: { payDebts: () => true },
      "shared-kind": { registerShared: nothing },
      arena: {
        onGivingBack: nothing,
        releaseFrom: nothing,
        releaseMessage: nothing,
        retainForMessage: nothing,
        *clearPart(_: number, offset: number, length: number): Steps<void> {
          yield;
          new Uint8Array(data, offset, length).fill(0);
        },
        sizeOf: () => dataBytes,
        mapPart: () => data,
        view: (handle: number) => (handle === queueHandle ? { words, base: queueAt } : { words: table, base: 0 }),
      },
      lists: { ticketOf: () => 0 },
      holdings: {
        hold: () => ({ handle: ++this.#handles, holding: 0 }),
        handOnTo: (to: Int32Array, at: number, held: { readonly handle: number }) => (to[at] = held.handle),
        keep: nothing,
      },
      family: { family: () => ({ words, addon: { futexWait } }) },
      participants: {
        ownId: own,
        indexOf: same,
        idOfIndex: same,
        isGone,
        isBuried,
        lookAfter: (who: number) => this.#lookAfter(id, who, seen, burials),
        onBurial: (burial: (index: number) => Steps<void>) => burials.push(burial),
      },
      doorbell: {
        setRingListener: nothing,
        forgetRing: nothing,
        stayForRings: nothing,
        stayNoLonger: nothing,
        takeAlarm: () => {
          const { alarm } = walker;
          walker.alarm = false;
          return seen(alarm);
        },
        ring: (index: number) => {
          this.#walkers[index - 1]!.rung = true;
        },
        blockUntilRung,
      },
      line: { Line: class {} },
      spin: { Spinner: Seldom },
      "idle-queues": { lookAtIdleQueues: nothing, tidyWhenIdle: nothing },
      parcel: parcels,
    };
  }

  *#lookAfter(
    by: number,
    who: number,
    seen: <T>(value: T) => T,
    burials: readonly ((index: number) => Steps<void>)[],
  ): Steps<boolean> {
    yield;
    const subject = this.#walkers[who - 1];
    if (subject?.dead !== true) return seen(false);
    const digger = this.burials.get(who);
    if (digger === "buried" || (digger !== undefined && this.#walkers[digger - 1]!.dead === false)) return seen(true);
    this.burials.set(who, by);
    for (const burial of burials) yield* burial(who);
    this.burials.set(who, "buried");
    for (const other of this.#walkers) Object.assign(other, { alarm: true, rung: true });
    return seen(true);
  }
}

class Seldom {
  spin(): undefined {}
}

/** Items are their number, and as long as it takes. */
const parcels: Exports = {
  *orDiscard(_: unknown, work: () => Steps<unknown>): Steps<unknown> {
    return yield* work();
  },
  pack(value: number) {
    const bytes = new Uint8Array(itemBytes).fill(value);
    return { bytes, sizeBytes: itemBytes };
  },
  keepParcel() {},
  discard() {},
  *publish(
    window: { write(list: number, bytes: Uint8Array, charge: number): Steps<boolean> },
    { bytes }: { bytes: Uint8Array },
    charge: number,
  ): Steps<boolean> {
    return yield* window.write(0, bytes, charge);
  },
  *take(
    window: {
      bytes: Uint8Array;
      peek(): Steps<{ start: number; length: number } | undefined>;
      advance(charge: number, taker: number, count: number): Steps<void>;
    },
    chargeOf: (sizeBytes: number) => Steps<number>,
    taker = 0,
    count = 0,
  ): Steps<Uint8Array | undefined> {
    const found = yield* window.peek();
    if (found === undefined) return undefined;
    const bytes = window.bytes.slice(found.start, found.start + found.length);
    yield* window.advance(yield* chargeOf(found.length), taker, count);
    return bytes;
  },
  unpackSync(bytes: Uint8Array): number {
    const [value] = bytes;
    if (bytes.length !== itemBytes || bytes.some((byte) => byte !== value)) throw new Error("an item is torn");
    return value!;
  },
  isSimple: () => true,
};
