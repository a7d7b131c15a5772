/**
 * The storm over a pool: its workers are killed while 100,000 tasks and more with `retries` run, round after round.
 *
 * What must hold: every result is there, in order, once, whatever its way (a map, submits, streams, large buffers) and
 * whatever its worker did when it died; no task fails; afterwards the pool is idle, ends, and leaves no shared memory.
 */
import { within } from "#src/base/deadline.js";
import { Pool, type PoolStatistics, type StartMethod } from "#src/index.js";
import { comesBackTo, mib, usedBytes } from "../support/memory.ts";
import { randomNumbers, type StormReport } from "./storm.ts";

const tasks = 100_000;
const workers = 3;
/** Beyond what the kills can cost any one task. */
const retries = 1_000_000;
/** Of a round, that nobody waits for for ever; a busy machine takes a fifth of it. Arbitrary. */
const longestRoundMs = 60_000;
/** So few kills say nothing: the rounds go on until there were more, however short the time. */
const fewestKills = 20;
/** Between two kills so many tasks are done at least: workers that are killed as fast as they come up do nothing. */
const doneBetweenKills = 100;
/** Is put into shared memory of its own. */
const largeBytes = 400_000;

/** What queues and tables of the family's grow to, and keep. Arbitrary: 20 large buffers. */
const mostMemoryLeft = 8 * mib;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Mostly short, so that a kill meets chunks and batches; now and then long, so that it meets a task. */
function work(n: number): number {
  const until = performance.now() + (n % 1000 === 0 ? 2 : 0.005);
  while (performance.now() < until);
  return n * 2;
}

async function later(n: number): Promise<{ n: number; twice: string }> {
  await new Promise((resolve) => setTimeout(resolve, n % 5));
  return { n, twice: String(n * 2) };
}

/** There and back by shared memory; answers whether it came whole, too. */
function large(bytes: Uint8Array, n: number): { whole: boolean; bytes: Uint8Array } {
  const whole = bytes.every((byte) => byte === n % 256);
  return { whole, bytes: bytes.fill((n + 1) % 256) };
}

/** Kills one or several at once, at random instants, until it is told to stop. */
class Killer {
  kills = 0;
  readonly #pool: Pool;
  readonly #random: () => number;
  readonly #longestPauseMs: number;
  #over = false;
  readonly #ended: Promise<void>;

  constructor(pool: Pool, random: () => number, longestPauseMs: number) {
    this.#pool = pool;
    this.#random = random;
    this.#longestPauseMs = longestPauseMs;
    this.#ended = this.#run();
  }

  async #run(): Promise<void> {
    for (let doneAtKill = -doneBetweenKills; !this.#over;) {
      await sleep(this.#random() * this.#longestPauseMs);
      const { done } = this.#pool.statistics();
      if (done - doneAtKill < doneBetweenKills) continue;
      doneAtKill = done;
      for (let left = this.#random() < 0.2 ? workers : 1; left > 0; left--) this.#killOne();
    }
  }

  #killOne(): void {
    const all = this.#pool.statistics().workers;
    const { pid, state } = all[Math.floor(this.#random() * all.length)] ?? {};
    if (pid === undefined || state === "ended") return;
    try {
      process.kill(pid, "SIGKILL");
      this.kills++;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error; // It has ended meanwhile.
    }
  }

  async end(): Promise<void> {
    this.#over = true;
    await this.#ended;
  }
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

/** Everything that a pool does, at once. Answers how many tasks it was. */
async function round(pool: Pool, problems: string[]): Promise<number> {
  let expected = 0;
  const check = (what: string, count: number, results: readonly unknown[], right: (n: number) => boolean): void => {
    expected += count;
    if (results.length !== count) problems.push(`${what}: ${results.length} results of ${count} tasks`);
    const wrong = numbers(count).filter((n) => !right(n));
    if (wrong.length > 0) problems.push(`${what}: ${wrong.length} wrong results, the first at ${wrong[0]}`);
  };
  const streamed = async <T>(results: AsyncIterable<T>): Promise<T[]> => {
    const all: T[] = [];
    for await (const each of results) all.push(each);
    return all;
  };
  await Promise.all([
    pool.map(work, numbers(tasks)).then((all) => check("map", tasks, all, (n) => all[n] === n * 2)),
    pool
      .map(later, numbers(500), { chunkSize: 7 })
      .then((all) => check("map of promises", 500, all, (n) => all[n]?.n === n && all[n].twice === String(n * 2))),
    Promise.all(numbers(2000).map((n) => pool.submit(work, [n]))).then((all) =>
      check("submit", 2000, all, (n) => all[n] === n * 2),
    ),
    streamed(pool.imap(work, numbers(5000))).then((all) => check("imap", 5000, all, (n) => all[n] === n * 2)),
    streamed(pool.imapUnordered(work, numbers(5000))).then((all) => {
      const seen = new Set(all);
      check("imapUnordered", 5000, all, (n) => seen.has(n * 2));
    }),
    Promise.all(
      numbers(40).map(async (n) => {
        const bytes = new Uint8Array(largeBytes).fill(n % 256);
        const back = await pool.submit(large, [bytes, n]);
        const whole = back.bytes.length === largeBytes && back.bytes.every((byte) => byte === (n + 1) % 256);
        return whole && back.whole && bytes[0] === n % 256;
      }),
    ).then((all) => check("large buffers", 40, all, (n) => all[n] === true)),
  ]);
  return expected;
}

/** What is wrong with a pool that has nothing to do. */
function unsettled({ failed, cancelled, queued, running, done }: PoolStatistics, expected: number): string[] {
  const facts = { failed, cancelled, queued, running, done };
  const wanted = { failed: 0, cancelled: 0, queued: 0, running: 0, done: expected };
  return Object.entries(wanted).flatMap(([name, value]) => {
    const is = facts[name as keyof typeof facts];
    return is === value ? [] : [`at the end ${name} is ${is} where ${value} was expected`];
  });
}

export async function run(seed: number, seconds: number, method: StartMethod): Promise<StormReport> {
  const problems: string[] = [];
  const memory = usedBytes();
  const pool = new Pool(workers, { startMethod: method, retries, name: "storm" });
  const killer = new Killer(pool, randomNumbers(seed), method === "spawn" ? 100 : 40);
  const deadline = performance.now() + seconds * 1000;
  let expected = 0;
  let rounds = 0;
  try {
    do {
      expected += await within(round(pool, problems), { timeoutMs: longestRoundMs }, () => {
        throw new Error(
          `round ${rounds + 1} is not done after ${longestRoundMs} ms: ${JSON.stringify(pool.statistics())}`,
        );
      });
      rounds++;
    } while (performance.now() < deadline || killer.kills < fewestKills);
    await killer.end();
    problems.push(...unsettled(pool.statistics(), expected));
    pool.close();
    await pool.join({ timeoutMs: longestRoundMs });
    await comesBackTo(memory, mostMemoryLeft);
  } catch (error) {
    problems.push(String(error));
  } finally {
    await killer.end();
    await pool.terminate();
  }
  return { kills: killer.kills, problems, notes: { rounds, tasks: expected, retried: pool.statistics().retried } };
}
