/**
 * Main, a middle process with two leaves, and a sibling of the middle; all tell when they run and what has become of their
 * children. Told to (SIGUSR2), main or middle ends in the way of choice, the sibling by `process.exit(5)`, and one leaf begins
 * a busy loop.
 * `tree.js <start method> <how main and middle end>`
 */
import { writeSync } from "node:fs";
import { addonOrUndefined } from "#src/host/addon.js";
import { getContext, SharedMemory, type Process as AProcess, type StartMethod } from "#src/index.js";

const [method, how] = process.argv.slice(2) as [StartMethod, string];
const { Process } = getContext(method);
/** By a return only daemons end with their owner: it waits for others. */
const daemon = how === "return";

function tell(...words: unknown[]): void {
  writeSync(1, `${words.join(" ")}\n`);
}

/** A file in /dev/shm for each generation. */
function nameSomething(): void {
  if (addonOrUndefined() !== undefined) tell("name", SharedMemory.create({ size: 8 }).name);
}

function end(by: string, leave: () => void): void {
  tell("acts", process.pid);
  switch (by) {
    case "return":
      return leave();
    case "exit":
      return process.exit(3);
    case "throw":
      throw new Error("on purpose");
    case "reject":
      return void Promise.reject(new Error("on purpose"));
    case "abort":
      return process.abort();
    case "out of memory":
      for (const all: unknown[] = []; ;) all.push(Array.from({ length: 1000 }, () => ({})));
    case "busy":
      for (;;);
  }
}

async function live(what: string, by: string, children: AProcess[]): Promise<void> {
  nameSomething();
  const left = new AbortController();
  process.once("SIGUSR2", () => end(by, () => left.abort()));
  await Promise.all(children.map((child) => child.start()));
  tell(what, process.pid);
  const ends = children.map(async (child) => {
    await child.join({ signal: left.signal });
    tell("ended", child.pid, child.exitCode);
  });
  await Promise.all(ends).catch((error: unknown) => {
    if (!left.signal.aborted) throw error;
  });
}

async function idle(what: string): Promise<void> {
  nameSomething();
  process.once("SIGUSR2", () => process.exit(5));
  tell(what, process.pid);
  await new Promise(() => setInterval(() => {}, 2 ** 30));
}

/** Not before all are there: it would only slow them. */
async function busy(): Promise<void> {
  nameSomething();
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, () => {});
  process.once("SIGUSR2", () => {
    tell("loops", process.pid);
    for (;;);
  });
  tell("busy", process.pid);
  await new Promise(() => setInterval(() => {}, 2 ** 30));
}

async function middle(): Promise<void> {
  await live("middle", how, [
    new Process({ target: busy, daemon }) as AProcess,
    new Process({ target: idle, args: ["idle"], daemon }) as AProcess,
  ]);
}

await live("main", how, [
  new Process({ target: middle, daemon }) as AProcess,
  new Process({ target: idle, args: ["sibling"], daemon }) as AProcess,
]);
