/** What every storm has: random numbers that can be had again, workers that are killed and replaced, and its report. */
import { getContext, setForkserverPreload, SharedArray, type Process, type StartMethod } from "#src/index.js";

export interface StormReport {
  readonly kills: number;
  /** What should not have been; empty when all went well. */
  readonly problems: readonly string[];
  /** Facts for the reader. */
  readonly notes: Readonly<Record<string, number>>;
}

/**
 * A storm: a file of this folder that exports it by the name `run`. `npm run chaos` finds it, and so does the suite.
 *
 * @param seed the same numbers give the same kills, as far as the machine's own timing lets them
 */
export type Storm = (seed: number, seconds: number, method: StartMethod) => Promise<StormReport>;

/** Park and Miller's minimal standard generator: from 0 to less than 1. */
export function randomNumbers(seed: number): () => number {
  let state = (Math.trunc(Math.abs(seed)) % 2_147_483_646) + 1;
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
}

export interface Role {
  readonly target: (...args: never[]) => unknown;
  readonly args: readonly unknown[];
}

const nothing = new Int32Array(new SharedArrayBuffer(4));

/** A moment in which others run: with it the machine can start as many workers as are killed. */
export async function pause(blocking: boolean): Promise<void> {
  if (blocking) Atomics.wait(nothing, 0, 0, 1);
  else await new Promise((resolve) => setTimeout(resolve, 1));
}

/** Raises that word to a number, whoever else does at that moment. */
export function raise(words: Int32Array, at: number, to: number): void {
  for (let seen = Atomics.load(words, at); seen < to;) {
    const found = Atomics.compareExchange(words, at, seen, to);
    if (found === seen) return;
    seen = found;
  }
}

/** Roles that are killed and replaced beside those of other casts. */
export interface Cast {
  readonly roles: readonly Role[];
  /** Called after each kill, while the replacements start. */
  readonly between: () => Promise<void>;
}

/** What a worker runs: from here on it is worth killing. */
export function begin(begun: SharedArray<Int32Array>, at: number, { target, args }: Role): unknown {
  Atomics.add(begun.array, at, 1);
  return target(...(args as never[]));
}

/**
 * Keeps one worker for each role alive, and kills one after the other at random instants.
 *
 * @returns how many were killed, once all of them have ended
 */
export async function killAndReplace(
  casts: readonly Cast[],
  options: {
    readonly seed: number;
    readonly seconds: number;
    readonly method: StartMethod;
    /** The storm's module. Servers load it, so that a worker works, and can be killed, milliseconds after its start. */
    readonly file: string;
    /** Called when the kills are over, while all who replaced others still work. */
    readonly afterwards: () => Promise<void>;
  },
): Promise<number> {
  const { seed, seconds, method, file, afterwards } = options;
  setForkserverPreload([file]);
  const { Process: ItsProcess } = getContext(method);
  const begun = new SharedArray(
    Int32Array,
    casts.reduce((sum, { roles }) => sum + roles.length, 0),
  );
  const deadline = Date.now() + seconds * 1000;
  const ended: Promise<unknown>[] = [];
  let kills = 0;

  /** One role, by whoever has it at the time. */
  class Part {
    readonly #role: Role;
    readonly #at: number;
    #starts = 0;
    #worker: Promise<Process>;

    constructor(role: Role, at: number) {
      this.#role = role;
      this.#at = at;
      this.#worker = this.#start();
    }

    #start(): Promise<Process> {
      this.#starts++;
      return new ItsProcess({ target: begin, args: [begun, this.#at, this.#role], daemon: true } as never).start();
    }

    /** Before, it would never come to hold anything. */
    get hasBegun(): boolean {
      return Atomics.load(begun.array, this.#at) >= this.#starts;
    }

    async hasStarted(): Promise<void> {
      await this.#worker;
    }

    async kill(): Promise<void> {
      const worker = await this.#worker;
      process.kill(worker.pid!, "SIGKILL");
      ended.push(worker.join());
      kills++;
      if (!this.hasBegun) Atomics.store(begun.array, this.#at, this.#starts);
    }

    async replace(): Promise<void> {
      const killed = this.kill();
      this.#worker = killed.then(() => this.#start());
      await killed;
    }
  }

  const storm = async (parts: readonly Part[], between: () => Promise<void>, random: () => number): Promise<void> => {
    while (Date.now() < deadline) {
      // Half of them at work, so that there is something to disturb, while the others start.
      const atWork = parts.filter((part) => part.hasBegun);
      if (atWork.length < parts.length / 2) {
        await pause(false);
        continue;
      }
      // Several at once: those that die together are the hardest. Now and then those who have only just started.
      const among = random() < 0.1 ? parts : atWork;
      const victims = new Set(
        Array.from({ length: 1 + Math.floor(random() * 4) }, () => among[Math.floor(random() * among.length)]!),
      );
      if (random() < 0.3) await new Promise((resolve) => setTimeout(resolve, random() * 4));
      await Promise.all([...victims].map((part) => part.replace()));
      await between();
    }
  };
  let at = 0;
  const all = casts.map(({ roles, between }) => ({ parts: roles.map((role) => new Part(role, at++)), between }));
  await Promise.all(all.map(({ parts, between }, n) => storm(parts, between, randomNumbers(seed + n))));
  const parts = all.flatMap((each) => each.parts);
  await Promise.all(parts.map((part) => part.hasStarted()));
  await afterwards();
  await Promise.all(parts.map((part) => part.kill()));
  await Promise.all(ended);
  setForkserverPreload([]);
  return kills;
}
