/**
 * Names in /dev/shm that a family of processes has made: whose they are can be read from the name itself.
 *
 *   nmp-<pid of the family's root>-<its start time in clock ticks>-<anything>
 *
 * Runs in: every process.
 * Why the start time: a pid alone may be another process's by now, and its names must not be cleared.
 */
import { readdirSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { isRunning, markOf } from "./process-facts.ts";

const folder = "/dev/shm";
const pattern = /^nmp-(\d+)-(\d+)-./;

/** How the names of the family begin whose root has this pid. */
export function familyNamePrefix(rootPid: number): string {
  const { pid, startTime } = markOf(rootPid);
  return `nmp-${pid}-${startTime ?? 0}-`;
}

/** The names whose family's root has ended. */
export function abandonedNames(): string[] {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return []; // No shared memory on this machine, so no names.
    throw error;
  }
  return names.filter((name) => {
    const found = pattern.exec(name);
    return found !== null && !isRunning({ pid: Number(found[1]), startTime: Number(found[2]) });
  });
}

/** @returns the names that could be removed; another user's cannot. */
export function clearAbandonedNames(): string[] {
  return abandonedNames().filter((name) => {
    try {
      unlinkSync(join(folder, name));
      return true;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "ENOENT") return false; // Another doctor was quicker.
      if (code === "EPERM" || code === "EACCES") return false;
      throw error;
    }
  });
}
