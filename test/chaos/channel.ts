/**
 * The storm over queues and pipes: producers, consumers, and senders of 64 MiB messages are killed.
 *
 * What must hold: no queue stops; no item is torn, doubled or out of order; an item whose put has resolved is lost only
 * with a consumer that had taken it; nobody waits for the dead at the other end of a pipe; the memory of the dead
 * comes back. Each item has a word that all share: who reads at the end knows from it what was put and what has arrived.
 */
import { setTimeout as after } from "node:timers/promises";
import {
  BrokenPipeError,
  EndOfChannelError,
  JoinableQueue,
  Pipe,
  Queue,
  SharedArray,
  type Connection,
  type StartMethod,
} from "#src/index.js";
import { holders } from "#src/memory/arena.js";
import { handleOf } from "#src/memory/holdings.js";
import { comesBackTo, mib, usedBytes } from "../support/memory.ts";
import { killAndReplace, randomNumbers, type Role, type StormReport } from "./storm.ts";

const producers = 4;
/** So many can be told apart of each producer; more are not put. */
const mostItems = 200_000;
const largeBytes = 64 * mib;
/** No survivor may wait longer. A machine that is busy makes waits longer, too. */
const longestWaitMs = 10_000;

/** Of an item: its put has begun, has resolved; it has arrived. */
const item = { begun: 1, put: 2, arrived: 4 } as const;
/** Words before those of the items. */
const at = {
  torn: 0,
  doubled: 1,
  order: 2,
  slow: 3,
  ended: 5,
  consumers: 6,
  arrived: 7,
  jobs: 8,
  sent: 9,
  gotten: 10,
  items: 16,
} as const;
/** What goes on as long as somebody is left. */
const progress = { items: at.arrived, jobs: at.jobs, "large messages": at.sent, "large items": at.gotten } as const;

interface Item {
  readonly producer: number;
  readonly n: number;
  readonly body: Uint8Array;
}

interface Everything {
  readonly words: SharedArray<Int32Array>;
  readonly queue: Queue<Item>;
  readonly jobs: JoinableQueue<number>;
  /** Ends of pipes on whose other side a sender of large messages sits. */
  readonly ends: Queue<Connection>;
  readonly large: Queue<Uint8Array>;
}

const wordOf = (producer: number, n: number): number => at.items + producer * mostItems + n;

function lengthOf(n: number): number {
  if (n % 100 === 99) return mib;
  return (n * 7919) % (n % 10 === 9 ? 100_000 : 1000);
}

function isWhole({ producer, n, body }: Item): boolean {
  return body.length === lengthOf(n) && body.every((byte) => byte === ((n + producer) & 0xff));
}

/** Only its producer, one after the other, writes these words; a put that a death left open stays open. */
export async function produce({ words: { array: words }, queue }: Everything, producer: number): Promise<void> {
  let n = 0;
  while (n < mostItems && Atomics.load(words, wordOf(producer, n)) !== 0) n++;
  for (; n < mostItems; n++) {
    Atomics.or(words, wordOf(producer, n), item.begun);
    const body = new Uint8Array(lengthOf(n)).fill(n + producer);
    await inTime(words, () => queue.put({ producer, n, body }, { timeoutMs: longestWaitMs }));
    Atomics.or(words, wordOf(producer, n), item.put);
  }
  await after(longestWaitMs);
}

function arrived(words: Int32Array, found: Item, last: number[]): void {
  const { producer, n } = found;
  if (!isWhole(found)) Atomics.add(words, at.torn, 1);
  Atomics.add(words, at.arrived, 1);
  const before = Atomics.or(words, wordOf(producer, n), item.arrived);
  if ((before & item.begun) === 0) Atomics.add(words, at.torn, 1);
  if ((before & item.arrived) !== 0) Atomics.add(words, at.doubled, 1);
  if (n <= (last[producer] ?? -1)) Atomics.add(words, at.order, 1);
  last[producer] = n;
}

export async function consume({ words: { array: words }, queue }: Everything, blocking: boolean): Promise<void> {
  Atomics.add(words, at.consumers, 1);
  const last: number[] = [];
  for (;;) arrived(words, blocking ? queue.getSync() : await queue.get(), last);
}

export async function giveJobs({ words: { array: words }, jobs }: Everything): Promise<void> {
  for (let n = 0; ; n++) await inTime(words, () => jobs.put(n, { timeoutMs: longestWaitMs }));
}

export async function doJobs({ words: { array: words }, jobs }: Everything): Promise<void> {
  for (let n = 0; ; n++) {
    await jobs.get();
    if (n % 10 === 0) await after(0);
    jobs.taskDone();
    Atomics.add(words, at.jobs, 1);
  }
}

/** Makes pipes, puts one end into a queue, and sends large messages until the other side has gone. */
export async function sendLarge({ words: { array: words }, ends }: Everything): Promise<void> {
  for (;;) {
    const [here, there] = Pipe();
    await inTime(words, () => ends.put(there, { timeoutMs: longestWaitMs }));
    await untilItEnds(words, async () => {
      for (let n = 1; ; n++) {
        const message = new Uint8Array(largeBytes).fill(n);
        await inTime(words, () => here.send(message, { timeoutMs: longestWaitMs }));
        await inTime(words, () => here.recv({ timeoutMs: 2 * longestWaitMs }));
      }
    });
    here.close();
  }
}

export async function receiveLarge({ words: { array: words }, ends }: Everything): Promise<void> {
  for (;;) {
    const end = await ends.get();
    await untilItEnds(words, async () => {
      for (let n = 1; n < 6; n++) {
        const message = await inTime(words, () => end.recv({ timeoutMs: longestWaitMs }));
        largeArrived(words, message as Uint8Array, n, at.sent);
        await end.send(n);
      }
    });
    end.close();
  }
}

export async function putLarge({ words: { array: words }, large }: Everything): Promise<void> {
  for (let n = 1; ; n++) {
    const message = new Uint8Array(largeBytes).fill(n);
    await inTime(words, () => large.put(message, { timeoutMs: longestWaitMs }));
  }
}

export async function getLarge({ words: { array: words }, large }: Everything): Promise<void> {
  for (;;) {
    const message = await large.get();
    largeArrived(words, message, message[0]!, at.gotten);
  }
}

function largeArrived(words: Int32Array, message: Uint8Array, byte: number, counter: number): void {
  Atomics.add(words, counter, 1);
  if (message.length !== largeBytes) Atomics.add(words, at.torn, 1);
  for (let i = 0; i < largeBytes; i += 4093) {
    if (message[i] === (byte & 0xff)) continue;
    Atomics.add(words, at.torn, 1);
    return;
  }
}

async function untilItEnds(words: Int32Array, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof EndOfChannelError || error instanceof BrokenPipeError)) throw error;
    Atomics.add(words, at.ended, 1);
  }
}

/** Whoever is told of no end in time has waited for the dead. */
async function inTime<T>(words: Int32Array, wait: () => Promise<T>): Promise<T> {
  try {
    return await wait();
  } catch (error) {
    if ((error as { code?: string }).code === "ERR_MP_TIMEOUT") Atomics.add(words, at.slow, 1);
    throw error;
  }
}

export async function run(seed: number, seconds: number, method: StartMethod): Promise<StormReport> {
  const words = new SharedArray(Int32Array, at.items + (producers + 1) * mostItems);
  const usedBefore = usedBytes();
  const report = await storm(words, seed, seconds, method);
  try {
    // The words, and the empty windows, stay a while: less than one large message.
    await comesBackTo(usedBefore, 32 * mib);
  } catch (error) {
    (report.problems as string[]).push(`the memory of the dead: ${(error as Error).message}`);
  }
  return report;
}

async function storm(
  shared: SharedArray<Int32Array>,
  seed: number,
  seconds: number,
  method: StartMethod,
): Promise<StormReport> {
  const random = randomNumbers(seed);
  const { array: words } = shared;
  const all: Everything = {
    words: shared,
    queue: new Queue({ maxSize: 100 }),
    jobs: new JoinableQueue({ maxSize: 100 }),
    ends: new Queue({ maxSize: 3 }),
    large: new Queue({ maxSize: 2 }),
  };
  const { queue, jobs, ends, large } = all;
  const problems: string[] = [];
  let own = 0;
  /** The parent is a producer, too, that nobody kills. */
  const putOne = async (): Promise<void> => {
    const n = own++;
    Atomics.or(words, wordOf(producers, n), item.begun);
    try {
      const body = new Uint8Array(lengthOf(n)).fill(n + producers);
      await queue.put({ producer: producers, n, body }, { timeoutMs: longestWaitMs });
      Atomics.or(words, wordOf(producers, n), item.put);
    } catch (error) {
      problems.push(`the parent's put: ${String(error)}`);
    }
  };
  /** Now and then a large message gets the time that it takes. */
  const giveTime = async (): Promise<void> => {
    const before = words[at.sent]! + words[at.gotten]!;
    const until = performance.now() + (random() < 0.15 ? 1000 : 0);
    while (words[at.sent]! + words[at.gotten]! === before && performance.now() < until) await after(5);
  };
  /** Left in peace, those who survived must get on. */
  const afterwards = async (): Promise<void> => {
    const before = Object.values(progress).map((place) => words[place]!);
    const stuck = (): string[] =>
      Object.entries(progress).flatMap(([name, place], i) => (words[place] === before[i] ? [name] : []));
    const until = performance.now() + longestWaitMs;
    while (stuck().length > 0 && performance.now() < until) await after(5);
    for (const name of stuck()) problems.push(`no ${name} for ${longestWaitMs} ms after the kills`);
  };
  const role = (target: (all: Everything, more: never) => unknown, more?: unknown): Role => ({
    target: target as Role["target"],
    args: [all, more],
  });
  const roles = Array.from({ length: producers }, (_, producer) => role(produce, producer));
  roles.push(role(consume, true), role(consume, false), role(consume, false));
  roles.push(role(giveJobs), role(doJobs), role(doJobs));
  const ofLarge = [role(sendLarge), role(receiveLarge), role(putLarge), role(getLarge)];
  const casts = [
    { roles, between: putOne },
    { roles: ofLarge, between: giveTime },
  ];
  const kills = await killAndReplace(casts, { seed, seconds, method, file: import.meta.url, afterwards });

  await drain(all, problems);
  for (const each of [queue, jobs, ends, large]) {
    if (each.statistics().bytes !== 0) problems.push(`${each.statistics().bytes} bytes in the empty ${String(each)}`);
    const count = holders(handleOf(each)!);
    if (count !== 1) problems.push(`${String(each)} has ${count} holders at the end`);
  }
  let put = 0;
  let lost = 0;
  for (let word = at.items; word < words.length; word++) {
    if ((words[word]! & item.put) === 0) continue;
    put++;
    if ((words[word]! & item.arrived) === 0) lost++;
  }
  const consumers = words[at.consumers]!;
  if (lost > consumers) problems.push(`${lost} items were lost by ${consumers} consumers`);
  for (const what of ["torn", "doubled", "order", "slow"] as const) {
    if (words[at[what]]! > 0) problems.push(`${what}: ${words[at[what]]}`);
  }
  return {
    kills,
    problems,
    notes: {
      put,
      lost,
      consumers,
      jobs: words[at.jobs]!,
      sent: words[at.sent]!,
      gotten: words[at.gotten]!,
      pipesEnded: words[at.ended]!,
    },
  };
}

/** All are dead: what is left can be had at once, and new items pass. */
async function drain(
  { words: { array: words }, queue, jobs, ends, large }: Everything,
  problems: string[],
): Promise<void> {
  const last: number[] = [];
  for (let found = queue.tryGet(); found !== undefined; found = queue.tryGet()) arrived(words, found.value, last);
  for (let found = large.tryGet(); found !== undefined; found = large.tryGet()) {
    largeArrived(words, found.value, found.value[0]!, at.gotten);
  }
  for (let found = ends.tryGet(); found !== undefined; found = ends.tryGet()) found.value.close();
  while (jobs.tryGet() !== undefined) jobs.taskDone();
  try {
    await jobs.join({ timeoutMs: longestWaitMs });
    for (const each of [queue, jobs, ends, large] as readonly Queue<unknown>[]) {
      await each.put("last", { timeoutMs: longestWaitMs });
      if ((await each.get({ timeoutMs: longestWaitMs })) !== "last") problems.push(`${String(each)} is not empty`);
    }
  } catch (error) {
    problems.push(`at the end: ${String(error)}`);
  }
}
