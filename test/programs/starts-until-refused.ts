/**
 * Starts children that never end by themselves until one is refused, ends them, and starts one more.
 * `starts-until-refused.js <start method> <at most>`
 *
 * By the package's door: importing the modules one by one opens more files at a time than its limit allows.
 */
import { writeSync } from "node:fs";
import {
  getContext,
  type MultiprocessingError,
  type Process as AProcess,
  type StartMethod,
} from "node-multiprocessing";

const { Process } = getContext(process.argv[2] as StartMethod);
const started: AProcess[] = [];
let refused: MultiprocessingError | undefined;
while (started.length < Number(process.argv[3]) && refused === undefined) {
  const child = new Process({ target: () => new Promise((resolve) => setTimeout(resolve, 600_000)) });
  try {
    started.push(await child.start());
  } catch (error) {
    refused = error as MultiprocessingError;
  }
}
writeSync(1, `refused ${refused?.code ?? "never"} after ${started.length}\n`);
for (const child of started) child.kill();
await Promise.all(started.map((child) => child.join()));
writeSync(1, `codes ${[...new Set(started.map(({ exitCode }) => exitCode))].join(",")}\n`);
const last = new Process({ target: () => "after all" });
await last.start();
writeSync(1, `last ${await last.result}\n`);
await last.join();
