/**
 * The storm over locks, semaphores, conditions, barriers and events: their holders, waiters and parties are killed.
 *
 * What must hold: mutual exclusion; nothing stays held by the dead; nobody waits for more than a second on the dead;
 * those who survive get on, and no notification to them is lost; at the end nothing is held, nobody waits, nothing is left.
 */
import {
  Barrier,
  BoundedSemaphore,
  BrokenBarrierError,
  Condition,
  Event,
  getContext,
  Lock,
  RLock,
  TimeoutError,
  type Guard,
  type StartMethod,
  type WaitOptions,
} from "#src/index.js";
import { holders } from "#src/memory/arena.js";
import { handleOf } from "#src/memory/holdings.js";
import { lookAfter, ownId } from "#src/memory/participants.js";
import { joinSharedWords, makeSharedWords } from "../support/shared-words.ts";
import { killAndReplace, pause, raise, type Role, type StormReport } from "./storm.ts";

/** No survivor may wait longer on the dead, but for what the machine took of it. */
const longestWaitMs = 1000;
/** And not even a busy machine is to blame for more. Arbitrary. */
const longestWaitEverMs = 10_000;
/** For a party that has been killed before it came the others wait until its replacement comes. Arbitrary. */
const longestStartMs = 5000;
/** Of who measures what the machine takes. Arbitrary. */
const sleepMs = 5;
/** Long enough for the last replacements to begin with their work on a machine that is busy. Arbitrary. */
const peaceMs = 10_000;
/** Arbitrary. */
const pulseMs = 10;
const permits = 2;
const parties = 3;

/** Words that all share. Of `regions` each takes four: who is inside, two counters that must agree, entries. */
const at = {
  lock: 0,
  rlock: 4,
  items: 8,
  exclusion: 16,
  slow: 17,
  /** Of the slowest wait of all, milliseconds; and of the one of which most is left without the machine's part. */
  slowest: 18,
  slowestNet: 19,
  passes: 20,
  events: 21,
  /** By how much sleeps were too long, milliseconds: all together, and the worst. */
  late: 22,
  latest: 23,
  crowd: 32,
  /** How often each worker, and the parent, has had what it waits for. */
  turns: 48,
} as const;

const limits = { timeoutMs: longestWaitEverMs };

interface Everything {
  readonly handle: number;
  readonly lock: Lock;
  readonly rlock: RLock;
  readonly permits: BoundedSemaphore;
  readonly condition: Condition;
  readonly barrier: Barrier;
  readonly event: Event;
}

/** Inside a lock: two counters that only the lock keeps equal, and a mark that says who is inside. */
function region(words: Int32Array, first: number, guard: Guard): void {
  const repaired = guard.abandoned;
  if (!repaired && (words[first] !== 0 || words[first + 1] !== words[first + 2])) Atomics.add(words, at.exclusion, 1);
  words[first] = process.pid;
  words[first + 1] = words[first + 1]! + 1;
  for (let spin = 0; spin < 50; spin++) Atomics.load(words, first);
  if (words[first] !== process.pid) Atomics.add(words, at.exclusion, 1);
  words[first + 2] = words[first + 1]!;
  words[first + 3] = words[first + 3]! + 1;
  words[first] = 0;
}

/**
 * The control: waits for nobody, and notes how late it is all the same. A wait that took long because whoever was to go on
 * had no processor is as long as these, of a process that could always go on.
 */
export async function measureTheMachine(handle: number): Promise<void> {
  const words = joinSharedWords(handle);
  const nothing = new Int32Array(new SharedArrayBuffer(4));
  for (;;) {
    const start = performance.now();
    Atomics.wait(nothing, 0, 0, sleepMs);
    const lateMs = Math.floor(performance.now() - start - sleepMs);
    Atomics.add(words, at.late, lateMs);
    raise(words, at.latest, lateMs);
  }
}

/** Notes waits that were too long, also those that fail, and that this worker has got on. */
async function timed<T>(
  words: Int32Array,
  worker: number,
  wait: () => T | Promise<T>,
  mostMs = longestWaitMs,
): Promise<T> {
  const start = performance.now();
  const lateBefore = Atomics.load(words, at.late);
  try {
    const result = await wait();
    Atomics.add(words, at.turns + worker, 1);
    return result;
  } finally {
    const tookMs = Math.round(performance.now() - start);
    const netMs = tookMs - (Atomics.load(words, at.late) - lateBefore);
    if (netMs > mostMs || tookMs >= longestWaitEverMs) Atomics.add(words, at.slow, 1);
    if (mostMs === longestWaitMs) {
      raise(words, at.slowest, tookMs);
      raise(words, at.slowestNet, netMs);
    }
  }
}

export async function fightForLock({ handle, lock }: Everything, blocking: boolean, worker: number): Promise<void> {
  const words = joinSharedWords(handle);
  for (let n = 1; ; n++) {
    if (n % 2 === 0) await pause(blocking);
    const guard = await timed(words, worker, () => (blocking ? lock.acquireSync() : lock.acquire()));
    region(words, at.lock, guard);
    guard.release();
  }
}

export async function fightForRLock({ handle, rlock }: Everything, blocking: boolean, worker: number): Promise<void> {
  const words = joinSharedWords(handle);
  for (let n = 1; ; n++) {
    if (n % 2 === 0) await pause(blocking);
    const outer = await timed(words, worker, () => (blocking ? rlock.acquireSync() : rlock.acquire()));
    const inner = rlock.acquireSync();
    region(words, at.rlock, outer);
    inner.release();
    outer.release();
  }
}

/** Never more living ones inside than there are permits: those that are inside note their ids. */
export async function crowd(
  { handle, permits: semaphore }: Everything,
  blocking: boolean,
  worker: number,
): Promise<void> {
  const words = joinSharedWords(handle);
  for (let n = 1; ; n++) {
    if (n % 2 === 0) await pause(blocking);
    const guard = await timed(words, worker, () => (blocking ? semaphore.acquireSync() : semaphore.acquire()));
    let mine = at.crowd;
    while (Atomics.compareExchange(words, mine, 0, ownId()) !== 0) {
      const other = Atomics.load(words, mine);
      if (other !== 0 && lookAfter(other)) Atomics.compareExchange(words, mine, other, 0);
      else mine++;
    }
    let inside = 0;
    for (let place = at.crowd; place < at.crowd + 16; place++) {
      const other = Atomics.load(words, place);
      if (other !== 0 && !lookAfter(other) && Atomics.load(words, place) === other) inside++;
    }
    if (inside > permits) Atomics.add(words, at.exclusion, 1);
    Atomics.store(words, mine, 0);
    guard.release();
  }
}

export async function consume({ handle, condition }: Everything, blocking: boolean, worker: number): Promise<void> {
  const words = joinSharedWords(handle);
  for (let n = 1; ; n++) {
    if (n % 2 === 0) await pause(blocking);
    const guard = blocking ? condition.acquireSync() : await condition.acquire();
    while (words[at.items] === 0) {
      if (blocking) condition.waitSync();
      else await condition.wait();
    }
    words[at.items] = words[at.items]! - 1;
    // Whoever had the lock may have died before it took the item that it was notified of.
    if (guard.abandoned) condition.notifyAll();
    guard.release();
    Atomics.add(words, at.turns + worker, 1);
  }
}

export async function pass({ handle, barrier }: Everything, blocking: boolean, worker: number): Promise<void> {
  const words = joinSharedWords(handle);
  for (let n = 1; ; n++) {
    if (n % 2 === 0) await pause(blocking);
    try {
      const wait = (): number | Promise<number> => (blocking ? barrier.waitSync(limits) : barrier.wait(limits));
      await timed(words, worker, wait, longestStartMs);
      Atomics.add(words, at.passes, 1);
    } catch (error) {
      if (!(error instanceof BrokenBarrierError || error instanceof TimeoutError)) throw error;
      if (barrier.broken) barrier.reset();
    }
  }
}

export async function listen({ handle, event }: Everything, blocking: boolean, worker: number): Promise<void> {
  const words = joinSharedWords(handle);
  for (let n = 1; ; n++) {
    if (n % 2 === 0) await pause(blocking);
    await timed(words, worker, () => (blocking ? event.waitSync() : event.wait()));
    Atomics.add(words, at.events, 1);
    const until = performance.now() + 0.2;
    while (event.isSet() && performance.now() < until);
  }
}

export async function run(seed: number, seconds: number, method: StartMethod): Promise<StormReport> {
  const shared = makeSharedWords();
  const { words, handle } = shared;
  const all: Everything = {
    handle,
    lock: new Lock(),
    rlock: new RLock(),
    permits: new BoundedSemaphore(permits),
    condition: new Condition(),
    barrier: new Barrier(parties),
    event: new Event(),
  };
  const { lock, rlock, permits: semaphore, condition, barrier, event } = all;
  const problems: string[] = [];

  async function limited<T>(what: string, wait: (limits: WaitOptions) => Promise<T>): Promise<T | undefined> {
    try {
      return await timed(words, everybody.length, () => wait(limits));
    } catch (error) {
      problems.push(`${what}: ${String(error)}`);
      return undefined;
    }
  }

  type Work = (all: Everything, blocking: boolean, worker: number) => unknown;
  const everybody: Role[] = [];
  const role = (target: Work, blocking: boolean): Role => {
    const made = { target: target as Role["target"], args: [all, blocking, everybody.length] };
    everybody.push(made);
    return made;
  };
  const holding = [fightForLock, fightForRLock, crowd].flatMap((each) => [role(each, true), role(each, false)]);
  holding.push(role(crowd, true));
  const waiting = [consume, listen].flatMap((each) => [role(each, true), role(each, false)]);
  for (let party = 0; party < parties; party++) waiting.push(role(pass, party === 0));

  // All the time, so that who waits for longer has missed one: an Event has no holder that could be waited for.
  const pulses = setInterval(() => {
    event.set();
    event.clear();
  }, pulseMs);

  /** One item more, for one of those who wait. */
  async function between(): Promise<void> {
    const guard = await limited("the parent waits for the condition's lock", (limits) => condition.acquire(limits));
    if (guard === undefined) return;
    if (guard.abandoned) condition.notifyAll();
    if (words[at.items]! < 3) words[at.items] = words[at.items]! + 1;
    condition.notify();
    guard.release();
  }

  /** Left in peace, each of those who survived must get on. */
  async function afterwards(): Promise<void> {
    const before = everybody.map((_, worker) => words[at.turns + worker]!);
    const stuck = (): Role[] =>
      everybody.filter((_, worker) => Atomics.load(words, at.turns + worker) === before[worker]);
    const deadline = Date.now() + peaceMs;
    while (stuck().length > 0 && Date.now() < deadline) {
      await between();
      await pause(false);
    }
    // What was left lying by those who died before they took it is taken first; then each item needs its one notification.
    const taken = async (): Promise<boolean> => {
      const until = Date.now() + longestWaitEverMs;
      while (Atomics.load(words, at.items) > 0 && Date.now() < until) await pause(false);
      return words[at.items] === 0;
    };
    await condition.withLock(() => condition.notifyAll());
    if (!(await taken())) problems.push("notifyAll() reached nobody though items are there");
    for (let n = 0; n < 20; n++) {
      await condition.withLock(() => {
        words[at.items] = words[at.items]! + 1;
        condition.notify();
      });
      if (!(await taken())) problems.push("a notification was lost");
    }
    for (const { target, args } of stuck()) {
      problems.push(
        `${peaceMs} ms after the last kill ${target.name}(${args[1] === true ? "blocking" : ""}) still waits`,
      );
    }
  }

  const casts = [
    { roles: holding, between: () => pause(false) },
    { roles: waiting, between },
  ];
  const { Process: ItsProcess } = getContext(method);
  const control = new ItsProcess({ target: measureTheMachine, args: [handle], daemon: true });
  await control.start();
  const kills = await killAndReplace(casts, { seed, seconds, method, file: import.meta.url, afterwards });

  clearInterval(pulses);
  // All are dead: nothing may be held, and nobody may wait.
  (await limited("at the end, the Lock", (limits) => lock.acquire(limits)))?.release();
  (await limited("at the end, the RLock", (limits) => rlock.acquire(limits)))?.release();
  (await limited("at the end, the Condition", (limits) => condition.acquire(limits)))?.release();
  for (let n = 0; n < permits; n++) await limited("at the end, a permit", (limits) => semaphore.acquire(limits));
  for (let n = 0; n < permits; n++) semaphore.release();
  if (semaphore.value !== permits) problems.push(`${semaphore.value} permits are left of ${permits}`);
  for (const each of [lock, rlock, semaphore, event]) {
    const { waitingProcesses } = each.statistics();
    if (waitingProcesses > 0) problems.push(`${waitingProcesses} processes still wait for ${String(each)}`);
  }
  if (condition.statistics().waiting > 0) problems.push(`${String(condition)} at the end`);
  for (const each of [lock, rlock, semaphore, condition, barrier, event]) {
    const count = holders(handleOf(each)!);
    if (count !== 1) problems.push(`${String(each)} has ${count} holders at the end`);
  }
  if (words[at.exclusion]! > 0) problems.push(`mutual exclusion was violated ${words[at.exclusion]} times`);
  if (words[at.slow]! > 0)
    problems.push(`${words[at.slow]} waits took longer than ${longestWaitMs} ms, beside what the machine took`);
  const notes = {
    locked: words[at.lock + 3]!,
    relocked: words[at.rlock + 3]!,
    passes: words[at.passes]!,
    events: words[at.events]!,
    slowestWaitMs: words[at.slowest]!,
    withoutTheMachinesPartMs: words[at.slowestNet]!,
    latestSleepMs: words[at.latest]!,
  };
  control.kill();
  await control.join();
  shared.letGo();
  return { kills, problems, notes };
}
