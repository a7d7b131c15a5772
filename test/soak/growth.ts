/** What is sampled between two laps, and whether it has grown. */
import { readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { forkServersOf } from "../support/fork-servers.ts";
import { childrenOf } from "../support/leaks.ts";

const mebibyte = 2 ** 20;

export type Sample = Record<Measure, number>;
export type Measure = keyof typeof allowedGrowth;

/** From the first third of the samples to the last, by their medians. Memory: what the allocator's own moods were seen to be. */
export const allowedGrowth = {
  "heap MiB": 8,
  "resident MiB": 48,
  "resident MiB of the fork server": 24,
  "MiB of the family's memory": 8,
  descriptors: 2,
  "descriptors of the fork server": 2,
  children: 0,
  "names in /dev/shm": 0,
} as const;

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

export function sample(): Sample {
  collect();
  const { heapUsed, rss } = process.memoryUsage();
  const [server] = forkServersOf(process.pid);
  return {
    "heap MiB": heapUsed / mebibyte,
    "resident MiB": rss / mebibyte,
    "resident MiB of the fork server": server === undefined ? 0 : residentMiB(server),
    "MiB of the family's memory": familyMiB(),
    descriptors: descriptorsOf(process.pid).length,
    "descriptors of the fork server": server === undefined ? 0 : descriptorsOf(server).length,
    children: childrenOf(process.pid).length,
    "names in /dev/shm": readdirSync("/dev/shm").filter((name) => name.includes(`-${process.pid}-`)).length,
  };
}

function residentMiB(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) / 1024;
}

function descriptorsOf(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`);
}

/** The pages that the family's memory files hold; holes count nothing. */
function familyMiB(): number {
  let blocks = 0;
  const seen = new Set<number>();
  for (const descriptor of descriptorsOf(process.pid)) {
    const path = `/proc/self/fd/${descriptor}`;
    try {
      if (!readlinkSync(path).startsWith("/memfd:")) continue;
      const { ino, blocks: own } = statSync(path);
      if (!seen.has(ino)) blocks += own;
      seen.add(ino);
    } catch {
      continue; // The descriptor of this very listing.
    }
  }
  return (blocks * 512) / mebibyte;
}

export interface Growth {
  readonly measure: Measure;
  readonly from: number;
  readonly to: number;
  readonly grown: boolean;
}

export function growthOf(samples: readonly Sample[]): Growth[] {
  const third = Math.max(1, Math.floor(samples.length / 3));
  return (Object.keys(allowedGrowth) as Measure[]).map((measure) => {
    const values = samples.map((each) => each[measure]);
    const from = median(values.slice(0, third));
    const to = median(values.slice(-third));
    return { measure, from, to, grown: to - from > allowedGrowth[measure] };
  });
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}
