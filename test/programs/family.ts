/**
 * A main process with children, which ends in a way of choice.
 * `family.js <start method> <what the children do> <how many> <how it ends> [detached]`
 */
import { writeSync } from "node:fs";
import { getContext, parentProcess, type StartMethod } from "#src/index.js";

const [method, activity, count, ending, detached] = process.argv.slice(2);

function live(what: string): unknown {
  if (what === "stubborn") for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, () => {});
  process.on("SIGHUP", () => {
    writeSync(1, `alive ${process.pid} owner alive: ${parentProcess()!.isAlive()}\n`);
  });
  writeSync(1, `running ${process.pid}\n`);
  switch (what) {
    case "idle":
      return new Promise((resolve) => setTimeout(resolve, 600_000));
    case "brief":
      return new Promise<void>((resolve) => setTimeout(resolve, 100)).then(() => writeSync(1, `done ${process.pid}\n`));
    default:
      for (;;);
  }
}

const { Process } = getContext(method as StartMethod);
const children = Array.from(
  { length: Number(count) },
  () =>
    new Process({
      target: live,
      args: [activity!],
      daemon: ending === "return-daemons",
      detached: detached === "detached",
    }),
);
await Promise.all(children.map((child) => child.start()));

/** Lets the children get going before this process ends: the test sees their lines, this process does not. */
function soon(then: () => void): void {
  setTimeout(then, 500);
}

switch (ending) {
  case "exit":
    soon(() => process.exit(3));
    break;
  case "throw":
    soon(() => {
      throw new Error("the main process ends by an error");
    });
    break;
  case "reject":
    soon(() => void Promise.reject(new Error("the main process ends by a rejection")));
    break;
  case "return-daemons":
    await new Promise((resolve) => setTimeout(resolve, 500));
    break;
}
