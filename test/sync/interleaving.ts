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
import {
  compile,
  names,
  type Factory,
  type Mutation,
  type Stepped,
  type SteppedOwner,
  type Steps,
} from "./stepped-code.ts";

export type { Mutation, Steps } from "./stepped-code.ts";

/** A process as the explorer moves it. */
export interface Walker {
  readonly id: number;
  readonly code: Stepped;
  readonly lock: SteppedOwner;
  /** True while it believes to have the lock. */
  inside: boolean;
  dead: boolean;
}

interface Inner extends Walker {
  steps: Steps<void>;
  state: "runs" | "sleeps" | "done";
  rung: boolean;
  alarm: boolean;
  nowMs: number;
  /** Of all that it has read: two walkers with the same are at the same place. */
  history: number;
  /** Looks by itself, since anything else has happened. */
  vainLooks: number;
}

export interface Scenario {
  readonly programs: readonly ((walker: Walker) => Steps<void>)[];
  /** Milliseconds that pass between two looks at the clock: 0, and nobody has waited for long; 10, and everybody has. */
  readonly tickMs: number;
  readonly deaths: number;
  readonly giveUps: number;
  /** Of running processes; one that sleeps or ends is no preemption. */
  readonly preemptions: number;
}

export interface Explored {
  readonly states: number;
  readonly ends: number;
  readonly deaths: number;
}

type Choice = readonly [walker: number, action: "step" | "die" | "giveUp" | "look"];

const spot = 3_000;
const ownerAt = spot + 1;
/** A process that has looked so often by itself, while nobody else could do anything, waits in vain. */
const mostVainLooks = 2;

class GivenUp extends Error {}

/** One run: replays choices, then says what can be chosen. */
class World {
  static readonly words: Int32Array = new Int32Array(layout.waitRecords(8));
  readonly walkers: Inner[];
  readonly #buried = new Set<number>();
  readonly #scenario: Scenario;
  #clockMs = 0;
  #last = -1;
  deaths = 0;
  giveUps = 0;
  preemptions = 0;

  readonly #compiled: Factory;

  constructor(scenario: Scenario, compiled: Factory) {
    this.#compiled = compiled;
    const { words } = World;
    words.fill(0, 0, layout.headerHints);
    words.fill(0, spot, spot + 2);
    const count = scenario.programs.length;
    for (let id = 1; id <= count; id++) {
      words.fill(0, layout.participantEntry(id), layout.participantEntry(id + 1));
      words.fill(0, layout.waitRecords(id), layout.waitRecords(id) + 2 * layout.waitWords);
    }
    words[layout.header.nextParticipant] = count;
    this.#scenario = scenario;
    this.walkers = scenario.programs.map((program, index) => this.#walker(index + 1, program));
  }

  #walker(id: number, program: (walker: Walker) => Steps<void>): Inner {
    const walker: Inner = {
      id,
      code: undefined as never,
      lock: undefined as never,
      steps: undefined as never,
      inside: false,
      dead: false,
      state: "runs",
      rung: false,
      alarm: false,
      nowMs: 0,
      history: id,
      vainLooks: 0,
    };
    const { words } = World;
    const read = <T>(value: T): T => {
      walker.history = (Math.imul(walker.history, 31) + Number(value) + 7) | 0;
      return value;
    };
    const atomics = Object.fromEntries(
      (["load", "store", "exchange", "compareExchange", "add", "sub", "and", "or"] as const).map((operation) => [
        operation,
        (...args: number[]) => read((Atomics[operation] as (...all: unknown[]) => number)(...args)),
      ]),
    );
    const buried = this.#buried;
    const ring = (index: number): void => {
      this.walkers[index - 1]!.rung = true;
    };
    const environment: Record<string, unknown> = {
      ...layout,
      Atomics: atomics,
      seen: read,
      TimeoutError: GivenUp,
      field: layout.participant,
      setRingListener: () => {},
      payDebts: () => true,
      takeAlarm: () => {
        const { alarm } = walker;
        walker.alarm = false;
        return read(alarm);
      },
      family: () => ({ words }),
      indexOf: (of: number) => of,
      idOfIndex: (index: number) => index,
      ownId: () => id,
      interrupted: () => false,
      ring,
      isGone: function* (who: number): Steps<boolean> {
        yield;
        return read(buried.has(who));
      },
      lookAfter: (who: number) => this.#lookAfter(who, read),
      blockUntilRung: function* (): Steps<string> {
        walker.state = "sleeps";
        yield;
        walker.state = "runs";
        const reason = walker.rung ? "rung" : "time";
        walker.rung = false;
        read(reason.length);
        return reason;
      },
      process: { hrtime: () => [0, read((this.#clockMs += this.#scenario.tickMs)) * 1e6] },
      performance: { now: () => read(walker.nowMs) },
    };
    const code = this.#compiled(...names.map((name) => environment[name]));
    Object.assign(walker, { code, lock: new code.OwnerWord(words, ownerAt, spot) });
    walker.steps = program(walker);
    return walker;
  }

  *#lookAfter(who: number, read: <T>(value: T) => T): Steps<boolean> {
    yield;
    const subject = this.walkers[who - 1];
    if (subject === undefined || !subject.dead) return read(subject === undefined);
    if (!this.#buried.has(who)) {
      this.#buried.add(who);
      for (const other of this.walkers) Object.assign(other, { alarm: true, rung: true });
    }
    return read(true);
  }

  do([index, action]: Choice): void {
    const walker = this.walkers[index]!;
    if (action === "die") {
      walker.dead = true;
      this.deaths++;
      return;
    }
    if (action === "giveUp") {
      walker.nowMs = 1e9;
      this.giveUps++;
    }
    if (action === "look") walker.vainLooks++;
    else for (const other of this.walkers) other.vainLooks = 0;
    const last = this.walkers[this.#last];
    if (last !== undefined && this.#last !== index && last.state === "runs" && !last.dead) this.preemptions++;
    this.#last = index;
    walker.history = (Math.imul(walker.history, 31) + 3) | 0;
    if (walker.steps.next().done === true) walker.state = "done";
    const inside = this.walkers.filter((each) => each.inside && !each.dead);
    if (inside.length > 1) throw new Error("two processes hold the lock");
  }

  choices(): Choice[] {
    const { deaths, giveUps, preemptions } = this.#scenario;
    const alive = this.walkers.filter(({ dead, state }) => !dead && state !== "done");
    const ready = alive.filter(({ state, rung }) => state === "runs" || rung);
    const choices: Choice[] = [];
    const last = this.walkers[this.#last];
    const bound =
      last !== undefined && ready.includes(last as Inner) && last.state === "runs" && this.preemptions >= preemptions;
    for (const walker of bound ? [last as Inner] : ready) choices.push([walker.id - 1, "step"]);
    if (this.deaths < deaths) {
      for (const walker of alive)
        if (walker.state === "sleeps" || walker === last) choices.push([walker.id - 1, "die"]);
    }
    if (this.giveUps < giveUps) {
      for (const walker of alive)
        if (walker.state === "sleeps" && walker.nowMs === 0) choices.push([walker.id - 1, "giveUp"]);
    }
    if (ready.length === 0 && alive.length > 0) {
      // Nobody can do anything. Without a death nobody may be asleep; after one, a look by oneself must help.
      const owner = World.words[ownerAt]!;
      if (this.deaths === 0) throw new Error(`all sleep, and the owner's word is ${owner}: a wake-up was lost`);
      const patient = alive.filter(({ vainLooks }) => vainLooks < mostVainLooks);
      if (patient.length === 0) throw new Error(`all look in vain, and the owner's word is ${owner}`);
      choices.push([patient[0]!.id - 1, "look"]);
    }
    return choices;
  }

  key(): string {
    const { words } = World;
    const parts: unknown[] = [words[spot], words[ownerAt], this.#last, this.deaths, this.giveUps, this.preemptions];
    for (const { id, state, rung, alarm, dead, history, nowMs, vainLooks } of this.walkers) {
      const record = layout.waitRecords(id);
      const mine = [...words.subarray(record, record + 4)].join(",");
      parts.push(state, rung, alarm, dead, history, nowMs, vainLooks, this.#buried.has(id), mine);
    }
    return parts.join(" ");
  }
}

/** Goes through all runs of a scenario; throws with the run that breaks a rule. */
export function explore(scenario: Scenario, mutation?: Mutation): Explored {
  const compiled = compile(mutation);
  const seen = new Set<string>();
  const open: Choice[][] = [[]];
  let ends = 0;
  let deaths = 0;
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    const world = new World(scenario, compiled);
    try {
      for (const choice of path) world.do(choice);
      for (;;) {
        const choices = world.choices();
        if (choices.length === 0) {
          ends++;
          deaths += world.deaths;
          break;
        }
        const key = world.key();
        if (seen.has(key)) break;
        seen.add(key);
        for (const other of choices.slice(1)) open.push([...path, other]);
        path.push(choices[0]!);
        world.do(choices[0]!);
      }
    } catch (error) {
      const run = path.map(([walker, action]) => `${walker}${action === "step" ? "" : action}`).join(" ");
      throw new Error(`${(error as Error).message}, after ${run}`, { cause: error });
    }
  }
  return { states: seen.size, ends, deaths };
}

/** Acquires as `Lock.acquireSync()` does, holds it for a step, and releases it; or gives up. */
export function* acquireAndRelease(walker: Walker): Steps<void> {
  const { code, lock } = walker;
  if (!(yield* lock.takeFree())) {
    const attempt = function* (thorough: boolean): Steps<number | undefined> {
      const dead = yield* lock.take(thorough);
      return dead === code.notTaken ? undefined : dead;
    };
    try {
      yield* code.waitForSync(spot, attempt, 1, "model");
    } catch (error) {
      if (!(error instanceof GivenUp)) throw error;
      yield* lock.decline();
      return;
    }
  }
  walker.inside = true;
  yield;
  walker.inside = false;
  if (!(yield* lock.giveQuickly())) yield* lock.give();
}
