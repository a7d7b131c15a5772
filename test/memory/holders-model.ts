/**
 * Several processes that hold ranges, name them on lists, let go of them and bury each other, run step by step: a step for
 * each access to shared memory, every order of steps up to a number of preemptions, with a death before any step.
 *
 * The code is the library's own: holdings, counts, the arena, participants and lists; a copy with variables of its own
 * for each process. The kernel is what the explorer says it is: who runs, and what memory there is.
 */
import * as errors from "#src/base/errors.js";
import * as layout from "#src/memory/layout.js";
import type { Explored } from "../support/explored.ts";
import { search, type Choice } from "../support/search.ts";
import { stepped, type Exports, type Factory, type Mutation, type Steps } from "../support/stepped.ts";

/**
 * hold: holds the range, too, and lets go. list: puts it on a list as well, and lets go of that. move: hands what it holds
 * on to a list, and lets go of that. bury: looks after all others. let go: of what the first one holds from the beginning.
 */
export type Action = "hold" | "list" | "move" | "bury" | "let go";

export interface Scenario {
  readonly programs: readonly (readonly Action[])[];
  readonly deaths: number;
  readonly preemptions: number;
}

interface Held {
  readonly handle: number;
  readonly holding: number;
}

interface Code {
  readonly holdings: {
    hold(sizeBytes: number): Steps<Held>;
    holdToo(handle: number): Steps<number | undefined>;
    letGo(holding: number): Steps<void>;
    handOnTo(words: Int32Array, at: number, held: Held): Steps<number>;
  };
  readonly lists: { makeList(handles: readonly number[]): Steps<Held> };
  readonly participants: { ownId(): Steps<number>; lookAfter(id: number): Steps<boolean> };
}

interface Walker {
  readonly id: number;
  readonly pid: number;
  readonly code: Code;
  readonly steps: Steps<void>;
  history: number;
  state: "runs" | "done" | "dead";
}

const rangeBytes = 64;
/** So many ranges, and entries of each list, are ever in use. */
const few = 8;
const mostWalkers = 6;
const firstPid = 1000;
/** The range itself, made by the first one; what is in it while anybody holds it. */
const handle = 1;
const content = 77;
/** The word of a list that names the next one: a list of so few has none. */
const nextWord = 7;

const words: Int32Array<ArrayBuffer> = new Int32Array((layout.sizeClasses[0]!.offset + few * rangeBytes) / 4);
const bytes = new Uint8Array(words.buffer);
const lists = Array.from({ length: mostWalkers + 1 }, () => new Int32Array(few));
const rangesAt = layout.sizeClasses[0]!.offset / 4;

function run<T>(steps: Steps<T>): T {
  for (let n = 0; n < 100_000; n++) {
    const { done, value } = steps.next();
    if (done === true) return value as T;
  }
  throw new Error("it never ends");
}

class World {
  readonly walkers: Walker[] = [];
  deaths = 0;
  readonly #scenario: Scenario;
  readonly #factory: Factory;
  readonly #undertaker: Walker;
  #last = -1;
  #preemptions = 0;

  constructor(scenario: Scenario, factory: Factory) {
    this.#scenario = scenario;
    this.#factory = factory;
    words.fill(0, 0, layout.participantEntry(mostWalkers + 1));
    words.fill(0, layout.countWord(0), layout.countWord(few + 1));
    words.fill(0, rangesAt);
    for (const list of lists) list.fill(0);
    const all = scenario.programs.map((program, n) => this.#walker(firstPid + n, program));
    this.#undertaker = this.#walker(firstPid + all.length, ["bury"]);
    this.walkers.push(...all);
    const [owner] = all;
    run(owner!.code.holdings.hold(rangeBytes));
    words[rangesAt + 1] = content;
  }

  #walker(pid: number, program: readonly Action[]): Walker {
    const walker = { pid, history: pid, state: "runs" } as unknown as { -readonly [key in keyof Walker]: Walker[key] };
    const seen = <T>(value: T): T => {
      walker.history = (Math.imul(walker.history, 31) + Number(value) + 7) | 0;
      return value;
    };
    walker.code = this.#factory(this.#modules(pid, seen), seen) as unknown as Code;
    walker.id = run(walker.code.participants.ownId());
    walker.steps = this.#run(walker, program);
    return walker;
  }

  #modules(pid: number, seen: <T>(value: T) => T): Record<string, Exports> {
    const nothing = (): void => {};
    const listAt = (offset: number): Int32Array<ArrayBuffer> =>
      lists[(offset - layout.heldOffset(0)) / 4 / layout.handlesPerParticipant]!;
    const addon = {
      map: (_: number, offset: number) => listAt(offset).buffer,
      punchHole: (_: number, offset: number) => void listAt(offset).fill(0),
      detach: nothing,
    };
    const isRunning = (who: { readonly pid: number }): boolean =>
      seen(who.pid === pid || this.walkers.some((each) => each.pid === who.pid && each.state !== "dead"));
    const atomics = Object.fromEntries(
      (["load", "store", "exchange", "compareExchange", "add"] as const).map((operation) => [
        operation,
        (...args: number[]) => seen((Atomics[operation] as (...all: unknown[]) => number)(...args)),
      ]),
    );
    const all = { words, bytes, addon, descriptor: 0 };
    return {
      globals: { Atomics: atomics, process: { pid, ppid: 1, once: nothing } },
      errors: { ...errors },
      layout: { ...layout },
      family: { family: () => all, familyIfAny: () => all },
      "process-facts": { isRunning, markOf: () => ({ pid, startTime: 1 }) },
    };
  }

  *#run(walker: Walker, program: readonly Action[]): Steps<void> {
    const { holdings, lists: making } = walker.code;
    for (const action of program) {
      if (action === "bury") {
        for (const { id } of this.walkers) if (id !== walker.id) yield* walker.code.participants.lookAfter(id);
        continue;
      }
      if (action === "let go") {
        yield* holdings.letGo(0);
        continue;
      }
      const holding = yield* holdings.holdToo(handle);
      if (holding === undefined) {
        if (!this.#isLetGo()) throw new Error("the range is nobody's, and its owner has not let go");
        continue;
      }
      if (action !== "hold") {
        const list = yield* making.makeList(action === "list" ? [handle] : []);
        if (action === "move")
          yield* holdings.handOnTo(words, rangesAt + ((list.handle - 1) * rangeBytes) / 4 + nextWord, {
            handle,
            holding,
          });
        this.#check();
        yield* holdings.letGo(list.holding);
      }
      if (action !== "move") {
        this.#check();
        yield* holdings.letGo(holding);
      }
    }
  }

  #isLetGo(): boolean {
    const { programs } = this.#scenario;
    return programs.some((program) => program.includes("let go"));
  }

  #check(): void {
    if (words[rangesAt + 1] !== content) throw new Error("the range was given back while somebody held it");
  }

  do([index, action]: Choice<"die">): void {
    const walker = this.walkers[index]!;
    if (action === "die") {
      walker.state = "dead";
      this.deaths++;
      return;
    }
    const last = this.walkers[this.#last];
    if (last !== undefined && last !== walker && last.state === "runs") this.#preemptions++;
    this.#last = index;
    walker.history = (Math.imul(walker.history, 31) + 3) | 0;
    if (walker.steps.next().done === true) walker.state = "done";
    if (!this.#isLetGo()) this.#check();
  }

  choices(): Choice<"die">[] {
    const { deaths, preemptions } = this.#scenario;
    const alive = this.walkers.flatMap(({ state }, index) => (state === "runs" ? [index] : []));
    const last = alive.includes(this.#last) ? this.#last : undefined;
    const bound = last !== undefined && this.#preemptions >= preemptions;
    const choices: Choice<"die">[] = (bound ? [last] : alive).map((index) => [index, "step"]);
    if (last !== undefined && this.deaths < deaths) choices.push([last, "die"]);
    return choices;
  }

  /** Once all have ended, and the dead are buried: what is held is what the living hold. */
  settle(): void {
    run(this.#undertaker.steps);
    const [owner] = this.walkers;
    const expected = owner!.state === "dead" || this.#isLetGo() ? 0 : 1;
    const counts = [...words.subarray(layout.countWord(1), layout.countWord(few + 1))];
    // What a dead one was about to take, or had emptied, is whoever's takes it next.
    const held = counts.map((count) => Math.max(0, count));
    if (held.join(" ") !== [expected, ...Array<number>(few - 1).fill(0)].join(" ")) {
      throw new Error(`the counts are ${counts.join(" ")} at the end`);
    }
    if (words.subarray(rangesAt + (expected * rangeBytes) / 4).some((word) => word !== 0)) {
      throw new Error("what nobody holds was not emptied");
    }
    const named = lists.flatMap((list) => [...list]).filter((name) => name !== 0).length;
    if (named !== expected) throw new Error(`${named} entries name something at the end`);
    for (const { id } of this.walkers) {
      const entry = layout.participantEntry(id & (layout.maxParticipants - 1));
      if (words[entry + layout.participant.change] !== 0) throw new Error("a change is noted at the end");
    }
  }

  key(): string {
    const parts: unknown[] = [this.#last, this.deaths, this.#preemptions];
    // The header, and the hint where a range of the smallest size was last found; then who takes part.
    parts.push(words.subarray(0, layout.headerHints + 1).join(","));
    parts.push(words.subarray(layout.participantEntry(0), layout.participantEntry(mostWalkers + 1)).join(","));
    parts.push(words.subarray(layout.countWord(0), layout.countWord(few + 1)).join(","));
    parts.push(words.subarray(rangesAt).join(","));
    for (const list of lists) parts.push(list.join(","));
    for (const { state, history } of this.walkers) parts.push(state, history);
    return parts.join(" ");
  }
}

const files = [
  "memory/participants.js",
  "memory/counts.js",
  "memory/arena.js",
  "memory/holdings.js",
  "channel/lists.js",
];

/** Goes through all runs of a scenario, up to a time; throws with the run that breaks a rule. */
export function explore(scenario: Scenario, mutations: readonly Mutation[] = [], limitMs = Infinity): Explored {
  const factory = stepped(files, mutations);
  let deaths = 0;
  const ended = (world: World): void => {
    world.settle();
    deaths += world.deaths;
  };
  return { ...search(() => new World(scenario, factory), ended, limitMs), deaths };
}
