/**
 * A place where a number of parties wait for each other.
 *
 * Runs in: every process.
 * Guarantees: all parties of a generation pass, or none; it breaks when a party dies while it waits, which the others
 * see by themselves.
 *
 *   arrive    a free slot gets this generation and this process's id -> "arrived" is one more
 *   pass      the last one: a new generation, in the same word as "arrived"
 *   give up   "arrived" is one less, if the generation is still the same -> the slot is free
 *
 * The slots say who to look after; the word alone says who passes. So a death between two steps leaves a slot that
 * names the dead, and that breaks the barrier.
 */
import { BrokenBarrierError, invalidArgument, invalidState } from "../base/errors.ts";
import {
  checkMilliseconds,
  checkOptions,
  checkSyncWaitOptions,
  checkWaitOptions,
  shown,
  type SyncWaitOptions,
  type WaitOptions,
} from "../base/options.ts";
import { holdsOthers, view, type Range } from "../memory/arena.ts";
import { handOnTo, holdReserved } from "../memory/holdings.ts";
import { barrierWord, objectKind, objectWord } from "../memory/layout.ts";
import { isGone, lookAfter, ownId, pidOf } from "../memory/participants.ts";
import {
  generationOfSlot,
  idOfSlot,
  isBefore,
  mostParties,
  nextGeneration,
  parseState,
  phase,
  slotWord,
  stateWord,
  wasBroken,
  type BarrierState,
} from "./barrier-state.ts";
import { waitForSync } from "./blocking-wait.ts";
import { registerShared } from "./shared-kind.ts";
import { makeSmallRange } from "./small-range.ts";
import { waitFor, wake } from "./wait-queue.ts";

/** What a Barrier takes beside the number of its parties. */
export interface BarrierOptions {
  /** Called by one party when all have arrived, before any passes. If it throws, the barrier breaks. @default none */
  readonly action?: (() => unknown) | undefined;
  /** For `wait()`s that have no limit of their own; milliseconds. @default no limit */
  readonly timeoutMs?: number | undefined;
}

/** One wait, from its arrival. */
interface Visit {
  slot: number;
  generation: number;
  arrived: boolean;
}

interface Outcome {
  readonly index: number;
  /** True for the one that is to call the action, after which all pass. */
  readonly acts: boolean;
}

const slotBytes = 8;
/** The largest range that lies in the core; what does not fit has a range of its own. */
const mostBytesInside = 2048;

/**
 * Parties wait here until as many have come as are needed; then all go on, and it begins anew.
 *
 * A wait that is given up (`timeoutMs`, `signal`) is as if that party had not come; unlike Python's, it does not break
 * the barrier: `abort()` does.
 *
 * @example
 * const barrier = new Barrier(3);
 * // in each of three processes
 * const index = await barrier.wait(); // 0, 1 or 2
 */
export class Barrier {
  readonly #state: BigUint64Array;
  readonly #slots: BigUint64Array;
  readonly #parties: number;
  readonly #spot: number;
  #action: (() => unknown) | undefined;
  #timeoutMs: number | undefined;

  /** @param parties a whole number from 1 to 2^20-1 */
  constructor(parties: number, options?: BarrierOptions);
  /** @internal */
  constructor(range: Range);
  constructor(given: number | Range, options?: BarrierOptions) {
    if (typeof given !== "object") check(given, options);
    const { words, base, bytes } = typeof given === "object" ? given : makeRange(this, given);
    this.#spot = base + objectWord.spot;
    this.#parties = words[base + barrierWord.parties]!;
    const table = words[base + barrierWord.table]!;
    const inside = table === 0 ? { bytes, from: barrierWord.slots * 4 } : { bytes: view(table).bytes, from: 0 };
    this.#state = new BigUint64Array(words.buffer, bytes.byteOffset + barrierWord.state * 4, 1);
    this.#slots = new BigUint64Array(inside.bytes.buffer, inside.bytes.byteOffset + inside.from, this.#parties);
    this.#action = options?.action;
    this.#timeoutMs = options?.timeoutMs;
  }

  /** How many are needed. */
  get parties(): number {
    return this.#parties;
  }

  /** How many wait now. */
  get waiting(): number {
    const state = this.#read();
    return state.phase === phase.broken ? 0 : state.arrived;
  }

  /** True from a break until `reset()`. */
  get broken(): boolean {
    return this.#read().phase === phase.broken;
  }

  /**
   * Waits until all parties have come.
   *
   * @returns a number from 0 to `parties` - 1, another one for each of those who pass together
   * @throws {BrokenBarrierError} when it is broken, breaks, or is reset meanwhile
   * @throws {TimeoutError} when `timeoutMs` have passed; it is then as if this party had not come
   * @throws signal.reason when the signal is aborted; as before
   */
  async wait(options?: WaitOptions): Promise<number> {
    const limits = checkWaitOptions("Barrier.wait()", options);
    limits.signal?.throwIfAborted();
    const visit: Visit = { slot: -1, generation: 0, arrived: false };
    const own = { ...limits, timeoutMs: limits.timeoutMs ?? this.#timeoutMs };
    const attempt = (thorough: boolean): Outcome | undefined => this.#attempt(visit, thorough);
    let outcome: Outcome;
    try {
      outcome = await waitFor(this.#spot, attempt, own, "Barrier.wait()", true);
    } catch (error) {
      outcome = this.#withdraw(visit, error);
    }
    if (outcome.acts) await this.#act(visit);
    return outcome.index;
  }

  /**
   * The same, blocking this thread; an action must be synchronous.
   *
   * @throws {MultiprocessingError} ERR_MP_INTERRUPTED when a signal comes that has a handler in JavaScript
   */
  waitSync(options?: SyncWaitOptions): number {
    const timeoutMs = checkSyncWaitOptions("Barrier.waitSync()", options) ?? this.#timeoutMs;
    const visit: Visit = { slot: -1, generation: 0, arrived: false };
    const attempt = (thorough: boolean): Outcome | undefined => this.#attempt(visit, thorough);
    let outcome: Outcome;
    try {
      outcome = waitForSync(this.#spot, attempt, timeoutMs, "Barrier.waitSync()");
    } catch (error) {
      outcome = this.#withdraw(visit, error);
    }
    if (outcome.acts) this.#actSync(visit);
    return outcome.index;
  }

  /** Makes it as new; those who wait get a BrokenBarrierError. */
  reset(): void {
    this.#change((state) => nextGeneration(state, true));
    wake(this.#spot, Infinity);
  }

  /** Breaks it: those who wait, and those who come, get a BrokenBarrierError until `reset()`. */
  abort(): void {
    this.#change((state) => ({ ...state, phase: phase.broken }));
    wake(this.#spot, Infinity);
  }

  statistics(): { readonly parties: number; readonly waiting: number; readonly broken: boolean } {
    const { parties, waiting, broken } = this;
    return { parties, waiting, broken };
  }

  /** <Barrier 1 of 3 waiting> */
  toString(): string {
    return `<Barrier ${this.broken ? "broken" : `${this.waiting} of ${this.#parties} waiting`}>`;
  }

  #attempt(visit: Visit, thorough: boolean): Outcome | undefined {
    for (;;) {
      const word = Atomics.load(this.#state, 0);
      const state = parseState(word);
      if (visit.arrived && state.generation !== visit.generation) return this.#ended(visit, state);
      if (state.phase === phase.broken) throw this.#brokenError(state.generation);
      if (thorough && this.#breakIfDead(state.generation)) continue;
      if (visit.arrived || state.phase === phase.acting) return undefined;
      if (visit.slot < 0) {
        visit.slot = this.#claim(state.generation);
        visit.generation = state.generation;
        if (visit.slot >= 0 || Atomics.load(this.#state, 0) !== word) continue;
        return undefined; // All have come that are needed: this one waits for the next time.
      }
      if (state.generation !== visit.generation) {
        this.#freeSlot(visit); // It was reset before this one had arrived.
        continue;
      }
      const last = state.arrived + 1 === this.#parties;
      if (last && this.#breakIfDead(state.generation)) continue;
      const acts = last && this.#action !== undefined;
      const arrived = { ...state, arrived: state.arrived + 1, phase: acts ? phase.acting : phase.filling };
      if (!this.#replace(word, last && !acts ? nextGeneration(state, false) : arrived)) continue;
      visit.arrived = true;
      if (!last) return undefined;
      if (!acts) wake(this.#spot, Infinity);
      return { index: visit.slot, acts };
    }
  }

  #ended(visit: Visit, state: BarrierState): Outcome {
    if (wasBroken(state, visit.generation)) throw this.#brokenError(visit.generation);
    return { index: visit.slot, acts: false };
  }

  /** @returns where it has passed after all */
  #withdraw(visit: Visit, error: unknown): Outcome {
    while (visit.slot >= 0) {
      const word = Atomics.load(this.#state, 0);
      const state = parseState(word);
      if (!visit.arrived) {
        this.#freeSlot(visit);
        wake(this.#spot, Infinity);
      } else if (state.generation !== visit.generation) {
        return this.#ended(visit, state); // The others have passed, since this one had come.
      } else if (state.phase !== phase.filling) {
        break; // Broken, or about to pass: nothing to take back.
      } else if (this.#replace(word, { ...state, arrived: state.arrived - 1 })) {
        visit.arrived = false;
      }
    }
    throw error;
  }

  /** @returns a slot of this generation, or -1 when all are taken */
  #claim(generation: number): number {
    const mine = slotWord(generation, ownId());
    for (let at = 0; at < this.#parties; at++) {
      const seen = Atomics.load(this.#slots, at);
      // Of a later one: what this process knows is out of date, and the slot is somebody's who waits.
      if (!isBefore(generationOfSlot(seen), generation)) continue;
      if (Atomics.compareExchange(this.#slots, at, seen, mine) === seen) return at;
    }
    return -1;
  }

  #freeSlot(visit: Visit): void {
    Atomics.compareExchange(this.#slots, visit.slot, slotWord(visit.generation, ownId()), 0n);
    visit.slot = -1;
  }

  /** True when a party of this generation is dead; it is broken then. */
  #breakIfDead(generation: number): boolean {
    const looked = new Set([ownId()]);
    for (let at = 0; at < this.#parties; at++) {
      const slot = Atomics.load(this.#slots, at);
      if (generationOfSlot(slot) !== generation || looked.has(idOfSlot(slot))) continue;
      looked.add(idOfSlot(slot));
      if (!lookAfter(idOfSlot(slot))) continue;
      this.#change((state) => (state.generation === generation ? { ...state, phase: phase.broken } : undefined));
      wake(this.#spot, Infinity);
      return true;
    }
    return false;
  }

  /** Calls the action; if it throws, the barrier breaks, and the error is this party's. */
  async #act(visit: Visit): Promise<void> {
    try {
      await this.#action!();
    } catch (error) {
      this.#breakGeneration(visit);
      throw error;
    }
    this.#finish(visit);
  }

  #actSync(visit: Visit): void {
    let returned: unknown;
    try {
      returned = this.#action!();
    } catch (error) {
      this.#breakGeneration(visit);
      throw error;
    }
    if (typeof (returned as PromiseLike<unknown> | undefined)?.then === "function") {
      this.#breakGeneration(visit);
      throw invalidState(
        `Cannot pass a Barrier by waitSync(): its action is asynchronous\n  do this:  use await barrier.wait()`,
      );
    }
    this.#finish(visit);
  }

  #breakGeneration({ generation }: Visit): void {
    this.#change((state) => (state.generation === generation ? { ...state, phase: phase.broken } : undefined));
    wake(this.#spot, Infinity);
  }

  /** The action is done: all pass, unless it was broken or reset meanwhile. */
  #finish({ generation }: Visit): void {
    const passed = this.#change((state) =>
      state.generation === generation && state.phase === phase.acting ? nextGeneration(state, false) : undefined,
    );
    if (!passed) throw this.#brokenError(generation);
    wake(this.#spot, Infinity);
  }

  #read(): BarrierState {
    return parseState(Atomics.load(this.#state, 0));
  }

  #replace(word: bigint, by: BarrierState): boolean {
    return Atomics.compareExchange(this.#state, 0, word, stateWord(by)) === word;
  }

  #change(to: (state: BarrierState) => BarrierState | undefined): boolean {
    for (;;) {
      const word = Atomics.load(this.#state, 0);
      const next = to(parseState(word));
      if (next === undefined) return false;
      if (this.#replace(word, next)) return true;
    }
  }

  #brokenError(generation: number): BrokenBarrierError {
    for (let at = 0; at < this.#parties; at++) {
      const slot = Atomics.load(this.#slots, at);
      if (generationOfSlot(slot) !== generation || !isGone(idOfSlot(slot))) continue;
      const pid = pidOf(idOfSlot(slot));
      const who = pid === undefined ? "a party" : `the party of process ${pid}`;
      return new BrokenBarrierError(`The barrier is broken: ${who} died while it waited\n${repair}`, { pid });
    }
    return new BrokenBarrierError(`The barrier is broken: it was aborted or reset, or its action failed\n${repair}`);
  }

  static {
    registerShared("barrier", Barrier, (range) => new Barrier(range), {
      write: (barrier, encoder) => {
        encoder.value(barrier.#action, ".action");
        encoder.value(barrier.#timeoutMs, ".timeoutMs");
      },
      read: (barrier, decoder) => {
        const action = decoder.value();
        const timeoutMs = decoder.value();
        if (typeof action === "function") barrier.#action ??= action as () => unknown;
        if (typeof timeoutMs === "number") barrier.#timeoutMs ??= timeoutMs;
      },
    });
  }
}

const repair = "  do this:  call reset() once those who remain agree to begin anew";

function check(parties: unknown, options: BarrierOptions | undefined): void {
  if (!(Number.isInteger(parties) && (parties as number) >= 1 && (parties as number) <= mostParties)) {
    throw invalidArgument(
      `new Barrier(): parties must be a whole number from 1 to ${mostParties}; received ${shown(parties)}`,
    );
  }
  checkOptions("new Barrier()", options, ["action", "timeoutMs"]);
  checkMilliseconds("new Barrier()", "timeoutMs", options?.timeoutMs);
  if (options?.action !== undefined && typeof options.action !== "function") {
    throw invalidArgument(`new Barrier(): action must be a function; received ${shown(options.action)}`);
  }
}

function makeRange(object: object, parties: number): Range {
  const insideBytes = barrierWord.slots * 4 + parties * slotBytes;
  const inside = insideBytes <= mostBytesInside;
  const table = inside ? undefined : holdReserved(parties * slotBytes);
  const range = makeSmallRange(object, objectKind.barrier, inside ? insideBytes : undefined);
  const { words, base, bytes } = range;
  words[base + barrierWord.parties] = parties;
  // Generation 0 is what free slots have.
  const first = stateWord({ arrived: 0, phase: phase.filling, history: 0, generation: 1 });
  new BigUint64Array(words.buffer, bytes.byteOffset + barrierWord.state * 4, 1)[0] = first;
  if (table !== undefined) handOnTo(words, base + barrierWord.table, table);
  return range;
}

holdsOthers(objectKind.barrier, barrierWord.table);
