/**
 * What the kernel says of any process: whether it is still the one that was meant.
 *
 * Runs in: every process.
 * Why the start time: a pid alone may be another process's by the time it is looked at.
 */
import { readFileSync } from "node:fs";

export interface ProcessMark {
  readonly pid: number;
  /** Clock ticks since boot; undefined where there is no /proc, or it could not be read. */
  readonly startTime: number | undefined;
}

export function markOf(pid: number): ProcessMark {
  const stat = readStat(pid);
  return { pid, startTime: stat === "unknown" ? undefined : stat?.startTime };
}

let own: ProcessMark | undefined;

/** Of this process: read once, and again in a forked one. */
export function ownMark(): ProcessMark {
  if (own?.pid !== process.pid) own = markOf(process.pid);
  return own;
}

/**
 * False once the process has ended, reaped or not.
 *
 * Its first thread may have ended when others have not: then its descriptors are still open, and those that end with it
 * have not heard of it. A pidfd sees it likewise.
 */
export function isRunning({ pid, startTime }: ProcessMark): boolean {
  const stat = startTime === undefined ? "unknown" : readStat(pid);
  if (stat !== "unknown") {
    if (stat === undefined || stat.startTime !== startTime) return false;
    return (stat.state !== "Z" && stat.state !== "X") || stat.threads > 1;
  }
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM"; // It exists, and is another user's.
  }
}

interface Stat {
  readonly state: string;
  /** One that has ended is one of them until it is reaped. */
  readonly threads: number;
  readonly startTime: number;
}

/** proc(5): the second field, the command, may hold spaces and parentheses; the fields are counted from its end. */
function readStat(pid: number): Stat | "unknown" | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "latin1");
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return { state: fields[0]!, threads: Number(fields[17]), startTime: Number(fields[19]) };
  } catch (error) {
    // No such process, or no /proc. Else this process has no descriptor or memory left, and the other one lives, perhaps.
    const { code } = error as NodeJS.ErrnoException;
    return code === "ENOENT" || code === "ESRCH" ? undefined : "unknown";
  }
}
