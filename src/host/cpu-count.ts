/**
 * How many processors this process may really use: affinity and the cgroup's quota respected.
 *
 * Runs in: every process.
 * Why not `os.availableParallelism()` alone: before libuv 1.49 (Node 20, early 22) it knows affinity but no quota,
 * so that a pool in a container with one CPU of 64 would start 64 workers.
 * Source of the quota's rules: the kernel's Documentation/admin-guide/cgroup-v2.rst (cpu.max) and
 * scheduler/sched-bwc.rst (cpu.cfs_quota_us); rounding up as loky does, so that 1.5 CPUs keep two processes busy.
 */
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { posix } from "node:path";

/**
 * The number of processors usable by this process: affinity and cgroup quota respected, at least 1.
 *
 * @example
 * const halves = Math.ceil(cpuCount() / 2);
 */
export function cpuCount(): number {
  return Math.max(1, Math.min(availableParallelism(), Math.ceil(quotaInCpus(readText))));
}

/** Infinity where there is no quota. A quota of any enclosing group binds as well. */
export function quotaInCpus(read: (path: string) => string | undefined): number {
  let smallest = Infinity;
  for (const line of (read("/proc/self/cgroup") ?? "").split("\n")) {
    const [, controllers, group] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (group === undefined || controllers === undefined) continue;
    for (let path = group; ; path = posix.dirname(path)) {
      if (controllers === "")
        smallest = Math.min(smallest, quotaV2(read(posix.join("/sys/fs/cgroup", path, "cpu.max"))));
      else if (controllers.split(",").includes("cpu")) {
        const folder = posix.join("/sys/fs/cgroup", controllers, path);
        smallest = Math.min(smallest, quotaV1(read(`${folder}/cpu.cfs_quota_us`), read(`${folder}/cpu.cfs_period_us`)));
      }
      if (path === "/" || path === "." || path === "") break;
    }
  }
  return smallest;
}

function quotaV2(text: string | undefined): number {
  const [quota, period] = (text ?? "max").trim().split(/\s+/);
  return quota === "max" ? Infinity : positiveRatio(quota, period ?? "100000");
}

function quotaV1(quota: string | undefined, period: string | undefined): number {
  return positiveRatio(quota, period); // A quota of -1 means none.
}

function positiveRatio(quota: string | undefined, period: string | undefined): number {
  const ratio = Number(quota) / Number(period);
  return ratio > 0 ? ratio : Infinity;
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined; // No such file: this kernel, container or group has no such limit.
  }
}
