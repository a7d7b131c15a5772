/** What the processes of the model do: each program works with the library's own classes, blocking or asynchronously. */
import {
  barrierWord,
  boundedWord,
  eventWord,
  lockWord,
  objectKind,
  objectWord,
  semaphoreWord,
} from "#src/memory/layout.js";
import { generationOfSlot, idOfSlot, parseState, phase, stateWord } from "#src/sync/barrier-state.js";
import type { Extras } from "#src/sync/shared-kind.js";
import type { Decoder } from "#src/wire/kinds.js";
import { $, awaiting, eventLoop } from "./event-loop.ts";
import { firstObject, objectAt, objectWords, type Walker } from "./explorer.ts";
import type { Steps } from "./stepped-code.ts";

export type Program = (walker: Walker) => Steps<unknown>;

/** A class of the library's, each method of which takes steps. */
type Stepped = Record<string, (...args: unknown[]) => Steps<unknown>>;

/** How a program waits: its thread blocked, or in its event loop. */
export type Way = "blocking" | "asynchronous";

interface SteppedGuard {
  readonly abandoned: boolean;
}

/** Long enough to be over only when the explorer says so. */
const limits = { timeoutMs: 1 };

/** In its event loop, where it is to be. */
function as(way: Way, program: Program): Program {
  return way === "blocking" ? program : (walker) => eventLoop(walker, [program(walker)]);
}

/** Calls `name`, or its blocking form. */
function* call(object: Stepped, way: Way, name: string, ...args: unknown[]): Steps<unknown> {
  if (way === "blocking") return yield* $(object[`${name}Sync`]!(...args));
  return yield* awaiting(yield* $(object[name]!(...args)));
}

/** Undefined when the explorer has ended it. */
function* unlessGivenUp(steps: Steps<unknown>): Steps<unknown> {
  try {
    return yield* steps;
  } catch (error) {
    const { code } = error as { code?: string };
    if (code !== "ERR_MP_TIMEOUT" && code !== "ERR_MP_INTERRUPTED") throw error;
    return undefined;
  }
}

function* acquireInTheEnd(lock: Stepped, way: Way): Steps<SteppedGuard> {
  for (;;) {
    const guard = (yield* unlessGivenUp(call(lock, way, "acquire"))) as SteppedGuard | undefined;
    if (guard !== undefined) return guard;
  }
}

/** Holds what it has acquired for a step. */
function* inside(walker: Walker): Steps<void> {
  walker.inside = true;
  yield;
  walker.inside = false;
}

/** Acquires, holds it for a step, and releases it; or gives up. */
export function holder(className: string, way: Way, times = 1): Program {
  return as(way, function* (walker) {
    const object: Stepped = objectAt(walker, className);
    for (let time = 0; time < times; time++) {
      const guard = (yield* unlessGivenUp(call(object, way, "acquire", limits))) as SteppedGuard | undefined;
      if (guard === undefined) continue;
      walker.notes.push(guard.abandoned ? "abandoned" : "released");
      yield* inside(walker);
      yield* $(object["release"]!());
    }
  });
}

/** Two asynchronous flows of one process. */
export function twoHolders(className: string): Program {
  return (walker) => {
    const object: Stepped = objectAt(walker, className);
    function* flow(): Steps<void> {
      if ((yield* unlessGivenUp(call(object, "asynchronous", "acquire", limits))) === undefined) return;
      if (walker.inside) throw new Error("two flows are inside");
      yield* inside(walker);
      yield* $(object["release"]!());
    }
    return eventLoop(walker, [flow(), flow()]);
  };
}

/** Gives a permit that it did not acquire. */
export const giver: Program = function* (walker) {
  const semaphore: Stepped = objectAt(walker, "Semaphore");
  yield* $(semaphore["release"]!());
};

/** Takes a permit, and does not give it back. */
export function taker(way: Way): Program {
  return as(way, function* (walker) {
    const semaphore: Stepped = objectAt(walker, "Semaphore");
    if ((yield* unlessGivenUp(call(semaphore, way, "acquire", limits))) !== undefined) walker.notes.push("taken");
  });
}

function conditionOf(walker: Walker): { readonly condition: Stepped; readonly lock: Stepped } {
  const lock: Stepped = objectAt(walker, "Lock");
  const condition: Stepped = objectAt(walker, "Condition", 1);
  const extras = walker.code["extras"] as Record<string, Extras<unknown>>;
  extras["condition"]!.read(condition, { value: () => lock } as unknown as Decoder);
  return { condition, lock };
}

const itemsAt = firstObject + 2 * objectWords;

/** Waits until there is an item, and takes it, as documentation tells to. */
export function consumer(way: Way): Program {
  return as(way, function* (walker) {
    const { condition, lock } = conditionOf(walker);
    const { words } = memoryOf(walker);
    const guard = yield* acquireInTheEnd(lock, way);
    while (words[itemsAt] === 0) {
      const notified = yield* unlessGivenUp(call(condition, way, "wait", limits));
      if (!(yield* $(lock["isMine"]!()))) throw new Error("a wait has ended without the lock");
      if (notified !== true && words[itemsAt] === 0) break;
    }
    // Nothing lets others in between what follows.
    walker.inside = true;
    yield;
    if (words[itemsAt]! > 0) words[itemsAt] = words[itemsAt]! - 1;
    if (guard.abandoned) yield* $(condition["notifyAll"]!());
    walker.inside = false;
    yield* $(lock["release"]!());
  });
}

/** One item more, and one notification. */
export function producer(items = 1): Program {
  return function* (walker) {
    const { condition, lock } = conditionOf(walker);
    const { words } = memoryOf(walker);
    for (let item = 0; item < items; item++) {
      const guard = yield* acquireInTheEnd(lock, "blocking");
      walker.inside = true;
      yield;
      words[itemsAt] = words[itemsAt]! + 1;
      yield* $(condition["notify"]!(guard.abandoned ? Infinity : 1));
      walker.inside = false;
      yield* $(lock["release"]!());
    }
  };
}

/** Whoever died while it had the lock took with it what it was about to do: only then may an item be left to sleepers. */
export function itemsAreTaken(walkers: readonly Walker[], words: Int32Array): string | undefined {
  const asleep = walkers.filter(({ dead, state }) => !dead && state === "sleeps");
  if (asleep.length === 0) return undefined;
  const owner = words[firstObject + lockWord.owner]!;
  if (owner !== 0 && walkers[Math.abs(owner) - 1]!.dead === false)
    return `the lock's word is ${owner}, and nobody comes`;
  const diedWithIt = walkers.some(({ dead, id, lastWord }) => dead && lastWord === id);
  if (words[itemsAt]! > 0 && !diedWithIt) return `${words[itemsAt]} items are there, and ${asleep.length} wait`;
  return undefined;
}

export function listener(way: Way): Program {
  return as(way, function* (walker) {
    const event: Stepped = objectAt(walker, "Event");
    const happened = yield* unlessGivenUp(call(event, way, "wait", limits));
    walker.notes.push(happened);
  });
}

export function setter(andClears: boolean): Program {
  return function* (walker) {
    const event: Stepped = objectAt(walker, "Event");
    yield* $(event["set"]!());
    if (andClears) yield* $(event["clear"]!());
  };
}

export function party(way: Way, times = 1): Program {
  return as(way, function* (walker) {
    const barrier: Stepped = objectAt(walker, "Barrier");
    for (let time = 0; time < times; time++) {
      try {
        const index = yield* unlessGivenUp(call(barrier, way, "wait", limits));
        walker.notes.push(index === undefined ? "given up" : index);
      } catch (error) {
        if ((error as { code?: string }).code !== "ERR_MP_BROKEN_BARRIER") throw error;
        walker.notes.push("broken");
        return;
      }
    }
  });
}

/** Those who pass have each a number of their own; nobody waits with the dead, or while enough have come. */
export function passTogether(parties: number, withResets = false) {
  return (walkers: readonly Walker[], words: Int32Array): string | undefined => {
    const living = walkers.filter(({ dead }) => !dead);
    const asleep = living.filter(({ state }) => state === "sleeps");
    const { buffer } = words;
    const state = parseState(new BigUint64Array(buffer, (firstObject + barrierWord.state) * 4, 1)[0]!);
    const slots = [...new BigUint64Array(buffer, (firstObject + barrierWord.slots) * 4, parties)];
    const here = slots.filter((slot) => generationOfSlot(slot) === state.generation).map(idOfSlot);
    if (asleep.length > 0 && here.some((id) => walkers[id - 1]!.dead)) return "they wait with the dead";
    if (asleep.length >= parties) return `${asleep.length} wait, and ${parties} are needed`;
    if (walkers.length === living.length && state.phase === phase.filling && state.arrived > asleep.length)
      return `${state.arrived} have arrived, ${asleep.length} wait`;
    const broken = living.filter(({ notes }) => notes.includes("broken")).length;
    const dead = walkers.length - living.length;
    if (broken > 0 && dead === 0 && !withResets) return "it broke, and nobody had died";
    const indexes = living.flatMap(({ notes }) => notes.filter((each) => typeof each === "number"));
    if (dead === 0 && !withResets && indexes.length % parties !== 0) return `only ${indexes.length} have passed`;
    if (dead === 0 && indexes.length === parties && new Set(indexes).size !== parties) return "two have one index";
    return undefined;
  };
}

/** Waits for it to be broken, or resets it. */
export function resetter(name: "reset" | "abort"): Program {
  return function* (walker) {
    const barrier: Stepped = objectAt(walker, "Barrier");
    yield* $(barrier[name]!());
  };
}

function memoryOf(walker: Walker): { readonly words: Int32Array } {
  return (walker.code["family"] as () => { words: Int32Array })();
}

/** Nobody waits for a permit while there is one; after a death one may be lost with the dead. */
export function permitsAreTaken(walkers: readonly Walker[], words: Int32Array): string | undefined {
  const asleep = walkers.filter(({ dead, state }) => !dead && state === "sleeps");
  const kept = [
    ...words.subarray(firstObject + semaphoreWord.kept, firstObject + semaphoreWord.kept + semaphoreWord.keptCount),
  ];
  const value = words[firstObject + semaphoreWord.value]! + kept.filter((id) => id !== 0).length;
  if (value < 0) return `its value is ${value}`;
  if (asleep.length > 0 && value > 0) return `${value} permits are free, and ${asleep.length} wait`;
  return undefined;
}

export function prepareSemaphore(value: number) {
  return (words: Int32Array): void => {
    words[firstObject + objectWord.kind] = objectKind.semaphore;
    words[firstObject + semaphoreWord.value] = value;
  };
}

export function prepareBounded(value: number) {
  return (words: Int32Array): void => {
    words[firstObject + objectWord.kind] = objectKind.boundedSemaphore;
    words[firstObject + boundedWord.bound] = value;
  };
}

export function prepareCondition(words: Int32Array): void {
  words[firstObject + objectWord.kind] = objectKind.lock;
  words[firstObject + objectWords + objectWord.kind] = objectKind.condition;
}

export function prepareBarrier(parties: number) {
  return (words: Int32Array): void => {
    words[firstObject + objectWord.kind] = objectKind.barrier;
    words[firstObject + barrierWord.parties] = parties;
    const state = new BigUint64Array(words.buffer, (firstObject + barrierWord.state) * 4, 1);
    // Generation 0 is what free slots have.
    state[0] = stateWord({ arrived: 0, phase: phase.filling, history: 0, generation: 1 });
  };
}

/** Whoever slept when it was set has gone on, though it was cleared at once. */
export function allHeard(walkers: readonly Walker[], words: Int32Array): string | undefined {
  const deaf = walkers.filter(
    ({ dead, state, lastWord }) => !dead && state === "sleeps" && lastWord !== words[firstObject + eventWord.sets],
  );
  return deaf.length === 0 ? undefined : `${deaf.length} sleep, who slept when it was set`;
}
