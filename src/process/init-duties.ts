/**
 * What a process owes that is pid 1, of a container mostly: processes whose parents have ended are left to it, and stay
 * as zombies until it reaps them. Node itself reaps only those that it has started.
 *
 * Runs in: a process that starts others, where it is pid 1.
 * Guarantees: only orphans are reaped. Whatever Node or the user's addons have started is reaped by those who started it
 * within a turn of the event loop; what is still a zombie a second later is nobody's.
 */
import { readFileSync } from "node:fs";
import { after } from "../base/deadline.ts";
import { addonOrUndefined } from "../host/addon.ts";
import { isRunning, markOf, type ProcessMark } from "../host/process-facts.ts";

/** Long against a turn of an event loop. Arbitrary. */
const graceMs = 1000;

let listening = false;
let looking = false;

/** From the first call on, orphans are reaped here. Nothing where this process is not pid 1. */
export function takeInitDuties(): void {
  if (process.pid !== 1 || listening || addonOrUndefined() === undefined) return;
  listening = true;
  process.on("SIGCHLD", look); // Does not keep the event loop alive.
}

function look(): void {
  if (looking) return;
  looking = true;
  const before = zombies();
  after(
    graceMs,
    () => {
      looking = false;
      for (const { pid, startTime } of before) {
        if (markOf(pid).startTime === startTime) addonOrUndefined()!.reapOrphan(pid);
      }
      // Those that have come meanwhile: their signal found this function busy.
      if (zombies().length > 0) look();
    },
    { ref: false },
  );
}

function zombies(): ProcessMark[] {
  const children = readFileSync("/proc/self/task/1/children", "utf8")
    .split(" ")
    .filter((pid) => pid !== "");
  return children.map((pid) => markOf(Number(pid))).filter((mark) => mark.startTime !== undefined && !isRunning(mark));
}
