/**
 * `npm run soak [-- --minutes 10]`: all activities, three at a time, in random order, lap after lap; between two laps all
 * is quiet and memory and descriptors are sampled. Fails when an activity does, or when something has grown.
 */
import { parseArgs } from "node:util";
import { activities } from "./activities.ts";
import { allowedGrowth, growthOf, sample, type Measure, type Sample } from "./growth.ts";

const { values: options } = parseArgs({
  options: { minutes: { type: "string", default: "2" }, seconds: { type: "string" } },
});
const limitMs = options.seconds === undefined ? Number(options.minutes) * 60_000 : Number(options.seconds) * 1000;
/** The first laps start the server, load the libraries and fill caches. */
const warmUpLaps = options.seconds === undefined ? 2 : 1;
const atATime = 3;
/** Arbitrary: far longer than any activity takes on a busy machine. */
const activityLimitMs = 60_000;

async function bounded(name: string, activity: () => Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no end after ${activityLimitMs} ms`)), activityLimitMs);
  });
  try {
    await Promise.race([activity(), limit]);
  } catch (error) {
    throw new Error(`"${name}" failed`, { cause: error });
  } finally {
    clearTimeout(timer);
  }
}

async function lap(): Promise<number> {
  const left = Object.entries(activities).sort(() => Math.random() - 0.5);
  const count = left.length;
  const worker = async (): Promise<void> => {
    for (let next = left.pop(); next !== undefined; next = left.pop()) await bounded(...next);
  };
  await Promise.all(Array.from({ length: atATime }, worker));
  return count;
}

const terminal = process.stderr.isTTY === true;
const samples: Sample[] = [];
const start = performance.now();
let done = 0;
for (let laps = 1; samples.length < 3 || performance.now() - start < limitMs; laps++) {
  done += await lap();
  // What has been closed is gone a few turns of the event loop later.
  await new Promise((resolve) => setTimeout(resolve, 50));
  if (laps > warmUpLaps) samples.push(sample());
  const seconds = ((performance.now() - start) / 1000).toFixed(0);
  if (terminal) process.stderr.write(`\r\x1b[K${seconds} s, ${laps} laps, ${done} activities`);
}
if (terminal) process.stderr.write("\r\x1b[K");

const number = (value: number): string => (Number.isInteger(value) ? String(value) : value.toFixed(1));
const growth = growthOf(samples);
console.log(
  `${done} runs of ${Object.keys(activities).length} activities in ${((performance.now() - start) / 1000).toFixed(0)} s, ${samples.length} samples, Node ${process.version}`,
);
for (const { measure, from, to, grown } of growth) {
  const allowed = `${number(allowedGrowth[measure satisfies Measure])} more allowed`;
  const line = `${grown ? "GROWN" : "flat "}  ${measure.padEnd(32)} ${number(from).padStart(7)} -> ${number(to).padStart(7)}`;
  console.log(`${line}   (${allowed})`);
}
process.exitCode = growth.some(({ grown }) => grown) ? 1 : 0;
