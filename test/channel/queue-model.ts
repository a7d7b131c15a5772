/**
 * Several processes at one queue, run step by step: a step for each access to shared memory, every order of steps up to a
 * number of preemptions, with a death before any step.
 *
 * The code is the library's own, from `putSync()` and `getSync()` down to the window, the lock at each end, the table of
 * consumers and the wait queue; a copy with variables of its own for each process. Sleeping, ringing, burials and the
 * clock are what the explorer says they are. What an item holds beside its bytes is not here: see `deaths.test.ts`.
 */
import * as errors from "#src/base/errors.js";
import * as channelErrors from "#src/channel/errors.js";
import * as layout from "#src/memory/layout.js";
import type { Explored } from "../support/explored.ts";
import { search, type Choice } from "../support/search.ts";
import { stepped, type Factory, type Mutation, type Steps } from "../support/stepped.ts";
import {
  dataBytes,
  Kernel,
  queueAt,
  queueHandle,
  queueWords,
  takenAt,
  table,
  words,
  writtenAt,
  data,
  type SteppedQueue,
  type Walker,
} from "./queue-surroundings.ts";

export type Program = "put" | "put, put" | "get" | "get, get" | "close" | "tidy";

export interface Scenario {
  readonly programs: readonly Program[];
  readonly maxSize: number;
  readonly joinable: boolean;
  readonly deaths: number;
  /** Of running processes; one that sleeps or ends is no preemption. */
  readonly preemptions: number;
}

export interface ExploredQueue extends Explored {
  /** Items of which the taker died. */
  readonly lost: number;
}

type QueueChoice = Choice<"die" | "look">;

const files = [
  "sync/wait-records.js",
  "sync/wait-places.js",
  "sync/wait-queue.js",
  "sync/blocking-wait.js",
  "channel/end-lock.js",
  "channel/window-journal.js",
  "channel/window.js",
  "channel/consumer-table.js",
  "channel/queue-memory.js",
  "channel/queue.js",
  "channel/joinable-queue.js",
];
/**
 * A holder that is looked at twice, and six times after a nap, has been looked at as often as it needs. Of memory that is
 * as little as this, nothing stays in use for good, and it is given back in two pieces.
 */
const fewer: readonly Mutation[] = [
  [/const looks = 200;/, "const looks = 1;"],
  [/const naps = 40;/, "const naps = 6;"],
  [/const leastSoftBytes = 4 \* 2 \*\* 20;/, "const leastSoftBytes = 0;"],
  [/const tidyBytes = 2 \*\* 20;/, "const tidyBytes = 2048;"],
];

const mostVainLooks = 2;

class World {
  readonly walkers: Walker[];
  readonly #scenario: Scenario;
  readonly #factory: Factory;
  readonly #kernel: Kernel;
  #last = -1;
  deaths = 0;
  preemptions = 0;
  /** Items that have been taken, and their taker died. */
  lost = 0;

  constructor(scenario: Scenario, factory: Factory) {
    this.#scenario = scenario;
    this.#factory = factory;
    this.walkers = [];
    this.#kernel = new Kernel(this.walkers);
    words.fill(0, 0, layout.headerHints);
    words.fill(0, queueAt, queueAt + queueWords);
    table.fill(0);
    new Uint8Array(data).fill(0);
    const count = scenario.programs.length + 1;
    for (let id = 1; id <= count; id++) {
      words.fill(0, layout.participantEntry(id), layout.participantEntry(id + 1));
      words.fill(0, layout.waitRecords(id), layout.waitRecords(id) + 3 * layout.waitWords);
    }
    words[layout.header.highestParticipant] = count;
    // The last one comes when all others have ended, and sees what they have left.
    for (const program of [...scenario.programs, undefined])
      this.walkers.push(this.#walker(this.walkers.length + 1, program));
  }

  #walker(id: number, program: Program | undefined): Walker {
    const walker: Walker = {
      id,
      queue: undefined as never,
      steps: undefined as never,
      state: "runs",
      rung: false,
      alarm: false,
      dead: false,
      history: id,
      vainLooks: 0,
      nap: [0, 0],
      put: [],
      got: [],
      toldOfEnd: false,
    };
    const seen = <T>(value: T): T => {
      walker.history = (Math.imul(walker.history, 31) + Number(value) + 7) | 0;
      return value;
    };
    const code = this.#factory(this.#kernel.modulesFor(walker, seen), seen);
    const { makeQueueMemory } = code["queue-memory"] as {
      makeQueueMemory(range: object, bounds: object, joinable: boolean): Steps<void>;
    };
    const { maxSize, joinable } = this.#scenario;
    const range = { handle: queueHandle, words, base: queueAt };
    if (id === 1) {
      const making = makeQueueMemory(range, { maxSize, maxBytes: dataBytes }, joinable);
      while (making.next().done !== true);
    }
    const Queue = (joinable ? code["joinable-queue"]!["JoinableQueue"] : code["queue"]!["Queue"]) as new (
      range: object,
    ) => SteppedQueue;
    Object.assign(walker, { queue: new Queue(range) });
    walker.steps = program === undefined ? this.#settle(walker) : this.#run(walker, program);
    return walker;
  }

  *#run(walker: Walker, program: Program): Steps<void> {
    try {
      yield* this.#use(walker, program);
    } catch (error) {
      const expected = program.startsWith("put") ? errors.ClosedError : channelErrors.EndOfChannelError;
      if (!this.#scenario.programs.includes("close") || !(error instanceof expected)) throw error;
      walker.toldOfEnd = true;
    }
  }

  *#use(walker: Walker, program: Program): Steps<void> {
    const { queue } = walker;
    if (program === "close") return yield* queue.close();
    if (program === "tidy") return void (yield* queue.memory.tidy());
    for (const [n, action] of program.split(", ").entries()) {
      if (action === "put") {
        const item = walker.id * 10 + n;
        yield* queue.putSync(item);
        walker.put.push(item);
        continue;
      }
      walker.got.push(yield* queue.getSync());
      if (this.#scenario.joinable) yield* queue.taskDone();
    }
  }

  /** What all others have left: in order, each once, none lost but with who has died. */
  *#settle(walker: Walker): Steps<void> {
    const { queue, got: left } = walker;
    while ((yield* queue.memory.count$get()) > 0) {
      const found = yield* queue.tryGet();
      if (found === undefined) throw new Error("a queue of some items answers as an empty one");
      left.push(found.value);
      if (this.#scenario.joinable) yield* queue.taskDone();
    }
    const { programs } = this.#scenario;
    if (left.length > 0 && this.walkers.some(({ id, toldOfEnd }) => toldOfEnd && programs[id - 1]!.startsWith("get"))) {
      throw new Error("a consumer was told of the end, and items are left");
    }
    const known = this.walkers.flatMap(({ got }) => got);
    if (new Set(known).size < known.length) throw new Error(`taken twice: ${known.join(" ")}`);
    for (const { put, got } of this.walkers) {
      this.#inOrder(got);
      const missing = put.filter((item) => !known.includes(item)).length;
      this.lost += missing;
    }
    const deadTakers = this.walkers.filter(({ dead }) => dead).length;
    if (this.lost > deadTakers) throw new Error(`${this.lost} items are lost, and ${deadTakers} processes have died`);
    const progress = queue.memory.table === undefined ? undefined : yield* queue.memory.table.progress(true);
    if (progress !== undefined && (progress.unfinished !== 0 || progress.lost > deadTakers)) {
      throw new Error(`all is done, and the table says ${JSON.stringify(progress)}`);
    }
  }

  #inOrder(items: readonly number[]): void {
    for (const [n, item] of items.entries()) {
      const before = items.slice(0, n).findLast((other) => Math.floor(other / 10) === Math.floor(item / 10));
      if (before !== undefined && before > item) throw new Error(`not in the order of putting: ${items.join(" ")}`);
    }
  }

  do([index, action]: QueueChoice): void {
    const walker = this.walkers[index]!;
    if (action === "die") {
      walker.dead = true;
      this.deaths++;
      return;
    }
    if (action === "look") walker.vainLooks++;
    const last = this.walkers[this.#last];
    if (last !== undefined && this.#last !== index && last.state === "runs" && !last.dead) this.preemptions++;
    this.#last = index;
    walker.history = (Math.imul(walker.history, 31) + 3) | 0;
    const [written, taken] = [words[writtenAt]!, words[takenAt]!];
    if (walker.steps.next().done === true) walker.state = "done";
    if (written !== words[writtenAt] || taken !== words[takenAt]) {
      for (const other of this.walkers) other.vainLooks = 0;
    }
    const { maxSize } = this.#scenario;
    const size = (words[writtenAt]! - words[takenAt]!) | 0;
    if (size < 0 || (maxSize > 0 && size > maxSize)) throw new Error(`${size} items are in a queue of ${maxSize}`);
  }

  choices(): QueueChoice[] {
    const { deaths, preemptions } = this.#scenario;
    const users = this.walkers.slice(0, -1);
    const alive = users.filter(({ dead, state }) => !dead && state !== "done");
    const awake = alive.filter(
      ({ state, rung, nap: [at, value] }) =>
        state === "runs" || (state === "sleeps" && rung) || (state === "naps" && words[at] !== value),
    );
    // Who naps goes on by itself, when nobody else can.
    const ready = awake.length > 0 ? awake : alive.filter(({ state }) => state === "naps");
    const last = this.walkers[this.#last];
    const bound = last?.state === "runs" && ready.includes(last) && this.preemptions >= preemptions;
    const choices: QueueChoice[] = (bound ? [last] : ready).map(({ id }) => [id - 1, "step"]);
    // At first nobody has begun, and to die then is to have been one less.
    if (this.deaths < deaths && last !== undefined && alive.includes(last)) choices.push([this.#last, "die"]);
    if (ready.length > 0 || alive.length === 0) return choices;
    const patient = alive.filter(({ vainLooks }) => vainLooks < mostVainLooks);
    if (this.deaths > 0 && patient.length > 0) return [...choices, [patient[0]!.id - 1, "look"]];
    this.#checkSleep(alive);
    return choices;
  }

  /** Nobody will do anything any more: whoever waits must have nothing to do, since another has died. */
  #checkSleep(alive: readonly Walker[]): void {
    const { maxSize, programs } = this.#scenario;
    const size = (words[writtenAt]! - words[takenAt]!) | 0;
    for (const { id } of alive) {
      const puts = programs[id - 1]!.startsWith("put");
      if (puts ? maxSize === 0 || size < maxSize : size > 0) {
        throw new Error(`process ${id} sleeps, and ${size} items are in the queue: a wake-up was lost`);
      }
    }
  }

  /** Once all others have ended. */
  settle(): void {
    const { steps } = this.walkers.at(-1)!;
    for (let step = 0; steps.next().done !== true; step++)
      if (step > 10_000) throw new Error("the last one never ends");
  }

  key(): string {
    const parts: unknown[] = [this.#last, this.deaths, this.preemptions, ...this.#kernel.burials];
    parts.push(words.subarray(queueAt, queueAt + queueWords).join(","), table.join(","));
    for (const { id, state, rung, alarm, dead, history, vainLooks } of this.walkers) {
      const record = layout.waitRecords(id);
      const mine = words.subarray(record, record + 4).join(",");
      parts.push(state, rung, alarm, dead, history, vainLooks, mine, words[layout.participantEntry(id) + 11]);
    }
    return parts.join(" ");
  }
}

/** Goes through all runs of a scenario, up to a time; throws with the run that breaks a rule. */
export function explore(scenario: Scenario, mutations: readonly Mutation[] = [], limitMs = Infinity): ExploredQueue {
  const factory = stepped(files, [...fewer, ...mutations]);
  let [deaths, lost] = [0, 0];
  const ended = (world: World): void => {
    world.settle();
    deaths += world.deaths;
    lost += world.lost;
  };
  return { ...search(() => new World(scenario, factory), ended, limitMs), deaths, lost };
}
