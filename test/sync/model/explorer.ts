/**
 * Runs the library's own code step by step: several "processes" in one, a step for each access to shared memory, every
 * order of steps up to a number of preemptions, with a death, or a wait that is given up, before any step.
 *
 * Each process evaluates a copy of the code of its own (`stepped-code.ts`), so that it has its own variables, over one
 * array that stands for the memory. Sleeping, ringing, the kernel's word on who is dead and the clock are what the
 * explorer says they are. A state is told from another by the memory and by what each process has read so far: that
 * determines what it does.
 */
import * as layout from "#src/memory/layout.js";
import { search, type Choice } from "../../support/search.ts";
import { $, type Loop } from "./event-loop.ts";
import { compile, type Factory, type Mutation, type Steps } from "./stepped-code.ts";
import { atomicsOf, same } from "./surroundings.ts";

export type { Mutation, Steps } from "./stepped-code.ts";

/** A process as its program sees it. */
export interface Walker extends Loop {
  readonly id: number;
  /** What the modules export, its own copy. */
  readonly code: Record<string, unknown>;
  /** True while it believes to have what only so many may have. */
  inside: boolean;
  dead: boolean;
  /** Whatever its program notes. */
  readonly notes: unknown[];
  /** What the first object's own word was when it last began to sleep, or died: who has a lock, how often an event was set. */
  lastWord: number;
}

interface Inner extends Walker {
  steps: Steps<unknown>;
  alarm: boolean;
  nowMs: number;
  /** What ends its blocking wait, beside a ring and time. */
  interrupted: boolean;
  interruptible: boolean;
  timers: Set<() => unknown>;
  burials: ((index: number) => unknown)[];
  /** Of all that it has read: two walkers with the same are at the same place. */
  history: number;
  /** Looks by itself, since anything else has happened. */
  vainLooks: number;
  /** From such a look until it sleeps again. */
  looks: boolean;
}

export interface Scenario {
  /** Writes what the objects are at first. */
  readonly prepare?: (words: Int32Array) => void;
  readonly programs: readonly ((walker: Walker) => Steps<unknown>)[];
  /** The modules of `src/sync` that its programs use, beside those of locks. @default none */
  readonly uses?: readonly string[];
  /** How many may be inside at a time. @default 1 */
  readonly room?: number;
  /** Milliseconds that pass between two looks at the clock: 0, and nobody has waited for long; 10, and everybody has. */
  readonly tickMs: number;
  readonly deaths: number;
  /** The first so many may die. @default all */
  readonly mortal?: number;
  readonly giveUps: number;
  /** Looks by oneself, before nobody can do anything else. @default 0 */
  readonly looks?: number;
  /** Of running processes; one that sleeps or ends is no preemption. */
  readonly preemptions: number;
  /**
   * Called when nobody has anything to do any more, those who still sleep having looked by themselves if anybody has died.
   *
   * @returns what is wrong with that
   */
  readonly wrongAtEnd?: (walkers: readonly Walker[], words: Int32Array) => string | undefined;
}

export interface Explored {
  readonly states: number;
  readonly ends: number;
  readonly deaths: number;
}

type SyncChoice = Choice<"die" | "giveUp" | "interrupt" | "look">;

/** Where the objects are: 16 words each, 4 of them. */
export const firstObject = 3_008;
export const objectWords = 16;
/** The first word of an object's that is not of all objects. */
export const ownWord = 2;
const objects = 4;
const recordsLookedAt = 3;
/** A process that has looked so often by itself, while nobody else could do anything, waits in vain. */
const mostVainLooks = 2;

/** The object of that number, made by a class of the library's as if it had been received. */
export function objectAt(walker: Walker, className: string, number = 0): never {
  const { words } = World;
  const base = firstObject + number * objectWords;
  const bytes = new Uint8Array(words.buffer, base * 4, objectWords * 4);
  const itsClass = walker.code[className] as new (range: unknown) => unknown;
  return new itsClass({ handle: 1, sizeBytes: objectWords * 4, words, bytes, base }) as never;
}

/** One run: replays choices, then says what can be chosen. */
class World {
  static readonly words: Int32Array = new Int32Array(layout.waitRecords(8));
  readonly walkers: Inner[];
  readonly #buried = new Set<number>();
  /** Who buries whom. */
  readonly #burying = new Map<number, number>();
  readonly #scenario: Scenario;
  readonly #compiled: Factory;
  #clockMs = 0;
  #last = -1;
  deaths = 0;
  #giveUps = 0;
  #looks = 0;
  #preemptions = 0;

  constructor(scenario: Scenario, compiled: Factory) {
    this.#compiled = compiled;
    const { words } = World;
    words.fill(0, 0, layout.headerHints);
    words.fill(0, firstObject, firstObject + objects * objectWords);
    const count = scenario.programs.length;
    for (let id = 1; id <= count; id++) {
      words.fill(0, layout.participantEntry(id), layout.participantEntry(id + 1));
      words.fill(0, layout.waitRecords(id), layout.waitRecords(id) + recordsLookedAt * layout.waitWords);
    }
    words[layout.header.highestParticipant] = count;
    scenario.prepare?.(words);
    this.#scenario = scenario;
    this.walkers = scenario.programs.map((program, index) => this.#walker(index + 1, program));
  }

  #walker(id: number, program: (walker: Walker) => Steps<unknown>): Inner {
    const { words } = World;
    const walker: Inner = {
      id,
      code: undefined as never,
      steps: undefined as never,
      inside: false,
      dead: false,
      notes: [],
      lastWord: 0,
      state: "runs",
      rung: false,
      listener: () => {},
      look: undefined,
      fired: undefined,
      alarm: false,
      interrupted: false,
      interruptible: false,
      timers: new Set(),
      burials: [],
      nowMs: 0,
      history: id,
      vainLooks: 0,
      looks: false,
    };
    const note = (value: number): void => {
      walker.history = (Math.imul(walker.history, 31) + value + 7) | 0;
    };
    const read = <T>(value: T): T => {
      if (typeof value === "bigint") {
        note(Number(BigInt.asIntN(32, value)));
        note(Number(value >> 32n));
      } else note(Number(value));
      return value;
    };
    const extras: Record<string, unknown> = {};
    const modules: Record<string, unknown> = Object.assign(Object.create(same) as object, {
      Atomics: atomicsOf(read),
      seen: read,
      forgetRing: () => {}, // Here a ring is noted and sent in one step.
      setRingListener: (listener: () => unknown) => (walker.listener = listener),
      takeAlarm: () => {
        const { alarm } = walker;
        walker.alarm = false;
        return read(alarm);
      },
      after: (_: number, then: () => unknown) => {
        walker.timers.add(then);
        return () => walker.timers.delete(then);
      },
      setTimeout: (look: () => unknown) => {
        walker.look = look;
        return { unref: () => {} };
      },
      extras,
      registerShared: (name: string, _: unknown, __: unknown, more: unknown) => (extras[name] = more),
      onBurial: (burial: (index: number) => unknown) => walker.burials.push(burial),
      family: () => ({ words }),
      indexOf: (of: number) => of,
      idOfIndex: (index: number) => index,
      ownId: () => id,
      ownIdIfAny: () => id,
      pidOf: (of: number) => of,
      participants: () => this.walkers.map((other) => other.id).filter((other) => !read(this.#isGone(other))),
      ring: (index: number) => {
        this.walkers[index - 1]!.rung = true;
      },
      isGone: function* (this: unknown, who: number): Steps<boolean> {
        yield;
        return read(isGone(who));
      },
      lookAfter: (who: number) => this.#lookAfter(walker, who, read),
      blockUntilRung: function* (_: number, interruptible: boolean): Steps<string> {
        Object.assign(walker, { state: "sleeps", interruptible });
        yield;
        walker.state = "runs";
        const reason = walker.interrupted ? "signal" : walker.rung ? "rung" : "time";
        Object.assign(walker, { rung: false, interrupted: false, interruptible: false });
        note(reason.length);
        return reason;
      },
      nap: function* (_: number, interruptible: boolean): Steps<string> {
        walker.interruptible = interruptible;
        yield; // It ends by itself: for the others it is as if this process ran slowly.
        const reason = walker.interrupted ? "signal" : walker.rung ? "rung" : "time";
        Object.assign(walker, { rung: false, interrupted: false, interruptible: false });
        note(reason.length);
        return reason;
      },
      process: { hrtime: () => [0, read((this.#clockMs += this.#scenario.tickMs)) * 1e6] },
      performance: { now: () => read(walker.nowMs) },
    });
    const isGone = (who: number): boolean => this.#isGone(who);
    Object.assign(walker, { code: this.#compiled(modules) });
    walker.steps = program(walker);
    return walker;
  }

  #isGone(who: number): boolean {
    return this.#buried.has(who) || this.#burying.has(who);
  }

  /** As `participants.ts` does it: one grave-digger at a time, and whoever follows a dead one does it again. */
  *#lookAfter(by: Inner, who: number, read: <T>(value: T) => T): Steps<boolean> {
    yield;
    const subject = this.walkers[who - 1];
    if (subject === undefined || !subject.dead) return read(subject === undefined);
    const digger = this.#burying.get(who);
    if (this.#buried.has(who) || (digger !== undefined && !this.walkers[digger - 1]!.dead)) return read(true);
    this.#burying.set(who, by.id);
    for (const other of this.walkers) Object.assign(other, { alarm: true, rung: true });
    for (const burial of by.burials) yield* $(burial(who));
    this.#buried.add(who);
    this.#burying.delete(who);
    return read(true);
  }

  do([index, action]: SyncChoice): void {
    const walker = this.walkers[index]!;
    if (action === "die") {
      walker.dead = true;
      walker.lastWord = World.words[firstObject + ownWord]!;
      this.deaths++;
      return;
    }
    if (action === "giveUp") {
      const [fired] = walker.timers;
      walker.fired = fired;
      walker.nowMs += 1e9;
      this.#giveUps++;
    }
    if (action === "interrupt") {
      walker.interrupted = true;
      this.#giveUps++;
    }
    if (action !== "look") {
      if (!walker.looks) for (const other of this.walkers) other.vainLooks = 0;
    } else if (this.#isAnyReady()) this.#looks++;
    else {
      walker.looks = true;
      walker.vainLooks++;
    }
    const last = this.walkers[this.#last];
    if (last !== undefined && this.#last !== index && last.state === "runs" && !last.dead) this.#preemptions++;
    this.#last = index;
    walker.history = (Math.imul(walker.history, 31) + action.length) | 0;
    const awake = walker.state !== "sleeps";
    if (walker.steps.next().done === true) walker.state = "done";
    if (walker.state !== "runs") walker.looks = false;
    if (awake && walker.state === "sleeps") walker.lastWord = World.words[firstObject + ownWord]!;
    let inside = 0;
    for (const each of this.walkers) if (each.inside && !each.dead) inside++;
    if (inside > (this.#scenario.room ?? 1)) throw new Error(`${inside} are inside`);
  }

  #isReady({ dead, state, rung }: Inner): boolean {
    return !dead && (state === "runs" || (state === "sleeps" && rung));
  }

  #isAnyReady(): boolean {
    return this.walkers.some((walker) => this.#isReady(walker));
  }

  choices(): SyncChoice[] {
    const { deaths, mortal, giveUps, looks = 0, preemptions } = this.#scenario;
    const alive = this.walkers.filter(({ dead, state }) => !dead && state !== "done");
    const ready = alive.filter((walker) => this.#isReady(walker));
    const asleep = alive.filter(({ state }) => state === "sleeps");
    const choices: SyncChoice[] = [];
    const last = this.walkers[this.#last];
    const bound =
      last !== undefined && ready.includes(last) && last.state === "runs" && this.#preemptions >= preemptions;
    for (const walker of bound ? [last] : ready) choices.push([walker.id - 1, "step"]);
    if (this.deaths < deaths) {
      for (const walker of alive) {
        if (walker.id > (mortal ?? walker.id)) continue;
        if (walker.state === "sleeps" || walker === last) choices.push([walker.id - 1, "die"]);
      }
    }
    if (this.#giveUps < giveUps) {
      for (const walker of asleep) {
        const isBlocked = walker.interruptible;
        if (isBlocked || walker.timers.size > 0) choices.push([walker.id - 1, "giveUp"]);
        if (isBlocked) choices.push([walker.id - 1, "interrupt"]);
      }
    }
    if (this.#looks < looks && ready.length > 0 && !bound) {
      for (const walker of asleep) if (!walker.rung) choices.push([walker.id - 1, "look"]);
    }
    // Nobody can do anything. Without a death nobody may wait in vain; after one, a look by oneself must help.
    if (ready.length === 0 && this.deaths > 0) {
      const patient = asleep.find(({ vainLooks }) => vainLooks < mostVainLooks);
      if (patient !== undefined) choices.push([patient.id - 1, "look"]);
    }
    if (
      ready.length === 0 &&
      choices.every(([, action]) => action === "die" || action.startsWith("g") || action.startsWith("i"))
    ) {
      const wrong = (this.#scenario.wrongAtEnd ?? noneSleeps)(this.walkers, World.words);
      if (wrong !== undefined) throw new Error(wrong);
    }
    return choices;
  }

  key(): string {
    const { words } = World;
    let key = `${this.#last} ${this.deaths} ${this.#giveUps} ${this.#looks} ${this.#preemptions}`;
    for (let at = firstObject; at < firstObject + objects * objectWords; at++)
      if (words[at] !== 0) key += ` ${at}:${words[at]}`;
    for (const walker of this.walkers) {
      const { id, state, rung, alarm, dead, history, nowMs, vainLooks, interrupted } = walker;
      const flags =
        (rung ? 1 : 0) | (alarm ? 2 : 0) | (dead ? 4 : 0) | (this.#buried.has(id) ? 8 : 0) | (interrupted ? 16 : 0);
      key += `|${state} ${flags} ${this.#burying.get(id) ?? 0} ${history} ${nowMs} ${vainLooks}`;
      const first = layout.waitRecords(id);
      for (let at = first; at < first + recordsLookedAt * layout.waitWords; at++)
        if (words[at] !== 0) key += ` ${at}:${words[at]}`;
    }
    return key;
  }
}

/** Of objects for which nobody need wait for ever. */
export function noneSleeps(walkers: readonly Walker[]): string | undefined {
  const asleep = walkers.filter(({ dead, state }) => !dead && state === "sleeps");
  return asleep.length === 0 ? undefined : `${asleep.map(({ id }) => id).join(" and ")} wait in vain`;
}

/** Goes through all runs of a scenario; throws with the run that breaks a rule. */
export function explore(scenario: Scenario, mutation?: Mutation): Explored {
  const compiled = compile(scenario.uses, mutation);
  let deaths = 0;
  const { states, ends } = search(
    () => new World(scenario, compiled),
    (world) => void (deaths += world.deaths),
  );
  return { states, ends, deaths };
}
