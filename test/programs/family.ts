/**
 * A main process with children, which ends in a way of choice.
 * `family.js <start method> <what the children do> <how many> <how it ends> [detached]`
 */
import { once } from "node:events";
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

/** The test sees the children's lines, this process does not: the end of stdin says that they are running. */
function whenTold(): Promise<unknown> {
  process.stdin.resume();
  return once(process.stdin, "end");
}

switch (ending) {
  case "exit":
    await whenTold();
    process.exit(3);
    break;
  case "throw":
    await whenTold();
    setImmediate(() => {
      throw new Error("the main process ends by an error");
    });
    break;
  case "reject":
    await whenTold();
    void Promise.reject(new Error("the main process ends by a rejection"));
    break;
  case "return-daemons":
    await whenTold();
    break;
}
