/**
 * Something that has happened, or not yet: all who wait for it go on together.
 *
 * Runs in: every process.
 * Guarantees: who waits when it is set goes on, even if it is cleared at once; nothing to put right when anybody dies.
 */
import { checkSyncWaitOptions, checkWaitOptions, type SyncWaitOptions, type WaitOptions } from "../base/options.ts";
import { TimeoutError } from "../base/errors.ts";
import { nextTurn, turnIsDue } from "../base/turn.ts";
import type { Range } from "../memory/arena.ts";
import { eventWord, objectKind, objectWord } from "../memory/layout.ts";
import { waitForSync } from "./blocking-wait.ts";
import { registerShared } from "./shared-kind.ts";
import { makeSmallRange } from "./small-range.ts";
import { countWaiting, waitFor, wake } from "./wait-queue.ts";

/** An event at one moment. */
export interface EventStatistics {
  /** As `Event.isSet()`. */
  readonly isSet: boolean;
  /** How many processes wait for it. */
  readonly waitingProcesses: number;
}

/**
 * A flag that processes wait for.
 *
 * @example
 * const ready = new Event();
 * // in one process: ready.set();
 * // in others:
 * await ready.wait();
 */
export class Event {
  readonly #words: Int32Array;
  readonly #sets: number;
  readonly #spot: number;

  constructor();
  /** @internal */
  constructor(range: Range);
  constructor(range?: Range) {
    const { words, base } = range ?? makeSmallRange(this, objectKind.event);
    this.#words = words;
    this.#sets = base + eventWord.sets;
    this.#spot = base + objectWord.spot;
  }

  /** Whether the flag is set. */
  isSet(): boolean {
    return (Atomics.load(this.#words, this.#sets) & 1) === 1;
  }

  /** All who wait go on, and who comes later does not wait. */
  set(): void {
    this.#turn(1);
    wake(this.#spot, Infinity);
  }

  /** Who comes from now on waits. */
  clear(): void {
    this.#turn(0);
  }

  /**
   * Waits until it is set; at once when it is.
   *
   * @returns false when `timeoutMs` have passed first
   * @throws signal.reason when the signal is aborted
   */
  async wait(options?: WaitOptions): Promise<boolean> {
    const limits = checkWaitOptions("Event.wait()", options);
    limits.signal?.throwIfAborted();
    if (this.isSet()) {
      if (turnIsDue()) await nextTurn();
      return true;
    }
    return waitFor(this.#spot, this.#attempt(), limits, "Event.wait()", true).catch(falseIfTimedOut);
  }

  /**
   * The same, blocking this thread.
   *
   * @throws {MultiprocessingError} ERR_MP_INTERRUPTED when a signal comes that has a handler in JavaScript
   */
  waitSync(options?: SyncWaitOptions): boolean {
    const timeoutMs = checkSyncWaitOptions("Event.waitSync()", options);
    if (this.isSet()) return true;
    try {
      return waitForSync(this.#spot, this.#attempt(), timeoutMs, "Event.waitSync()");
    } catch (error) {
      return falseIfTimedOut(error);
    }
  }

  statistics(): EventStatistics {
    return { isSet: this.isSet(), waitingProcesses: countWaiting(this.#spot) };
  }

  /** <Event set> */
  toString(): string {
    return `<Event ${this.isSet() ? "set" : "unset"}>`;
  }

  #attempt(): () => true | undefined {
    const words = this.#words;
    const at = this.#sets;
    const before = Atomics.load(words, at);
    return () => {
      const now = Atomics.load(words, at);
      return (now & 1) === 1 || now !== before ? true : undefined;
    };
  }

  #turn(to: 0 | 1): void {
    for (;;) {
      const now = Atomics.load(this.#words, this.#sets);
      if ((now & 1) === to || Atomics.compareExchange(this.#words, this.#sets, now, now + 1) === now) return;
    }
  }
}

function falseIfTimedOut(error: unknown): false {
  if (error instanceof TimeoutError) return false;
  throw error;
}

registerShared("event", Event, (range) => new Event(range));
