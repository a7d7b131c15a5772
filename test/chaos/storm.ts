/** What every storm has: random numbers that can be had again, workers that are killed and replaced, and its report. */
import { getContext, Process, setForkserverPreload, type StartMethod } from "#src/index.js";

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

/**
 * Keeps one worker for each role alive, and kills one after the other at random instants.
 *
 * @param between called after each kill, while the replacement starts
 * @returns how many were killed, once all of them have ended
 */
export async function killAndReplace(
  roles: readonly Role[],
  options: {
    readonly random: () => number;
    readonly seconds: number;
    readonly method: StartMethod;
    /** The storm's module. Servers load it, so that a worker works, and can be killed, milliseconds after its start. */
    readonly file: string;
    readonly between: () => Promise<void>;
    /** Called when the kills are over, while all who replaced others still work. */
    readonly afterwards: () => Promise<void>;
    /** How many workers have begun with their work. */
    readonly begun: () => number;
  },
): Promise<number> {
  const { random, seconds, method, file, between, afterwards, begun } = options;
  setForkserverPreload([file]);
  const { Process: ItsProcess } = getContext(method);
  const ended: Promise<unknown>[] = [];
  const startOne = async ({ target, args }: Role): Promise<Process> => {
    const worker = new ItsProcess({ target, args: [...args], daemon: true } as never);
    return worker.start();
  };
  const end = (worker: Process): void => {
    process.kill(worker.pid!, "SIGKILL");
    ended.push(worker.join());
  };
  const workers = await Promise.all(roles.map(startOne));
  const deadline = Date.now() + seconds * 1000;
  let kills = 0;
  let started = workers.length;
  /** A spawned one takes long to begin: killed at once, it would never come to hold anything. */
  const allHaveBegun = async (): Promise<void> => {
    while (method === "spawn" && begun() < started && Date.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  await allHaveBegun();
  /** Those who are being replaced: nobody waits for them but whoever is to kill them again. */
  const starting = new Map<number, Promise<void>>();
  while (Date.now() < deadline) {
    // Several at once: those that die together are the hardest. Mostly at once, now and then after a while.
    const victims = new Set(
      Array.from({ length: 1 + Math.floor(random() * 4) }, () => Math.floor(random() * roles.length)),
    );
    await Promise.all([...victims].map((at) => starting.get(at)));
    if (random() < 0.3) await new Promise((resolve) => setTimeout(resolve, random() * 4));
    for (const at of victims) end(workers[at]!);
    kills += victims.size;
    started += victims.size;
    for (const at of victims) {
      const start = startOne(roles[at]!).then((worker) => void (workers[at] = worker));
      starting.set(at, start);
    }
    await between();
    await allHaveBegun();
  }
  await Promise.all(starting.values());
  await afterwards();
  for (const worker of workers) end(worker);
  await Promise.all(ended);
  setForkserverPreload([]);
  return kills + workers.length;
}
