/** After each test of a file: no child, no worker, no open descriptor, no entry in /dev/shm more than before it. */
import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { subscribe } from "node:diagnostics_channel";
import { existsSync, readFileSync, readdirSync, readlinkSync } from "node:fs";
import { afterEach, before as beforeAll, beforeEach } from "node:test";
import { addonOrUndefined } from "#src/host/addon.js";
import { rootOfName } from "#src/host/family-names.js";
import { isRunning, markOf, type ProcessMark } from "#src/host/process-facts.js";
import { Process, type WorkerEvent } from "#src/index.js";
import { ownId } from "#src/memory/participants.js";

/** What has just been closed is gone a few turns of the event loop later, the names of the dead a while later where the machine is busy. */
const settleMs = 15_000;

/** The programs that this file has run, dead or alive: what their families leave is this file's affair. */
const started: ProcessMark[] = [];
subscribe("child_process", (event) => {
  const { process: child } = event as { readonly process: ChildProcess };
  child.once("spawn", () => started.push(markOf(child.pid!)));
});

export function leaveNothingBehind(): void {
  let before: Snapshot;
  // Forked workers are the fork server's children: they are known by what their pools tell.
  let workers: ProcessMark[] = [];
  subscribe(
    "node-multiprocessing:pool:worker:started",
    (event) => void workers.push(markOf((event as WorkerEvent).pid!)),
  );
  const leftNow = (): string[] => [
    ...difference(before, snapshot()),
    ...workers.filter(isRunning).map(({ pid }) => `worker ${pid} ${commandOf(String(pid))}`),
  ];
  // The fork server stays for the life of this process: it is no leak.
  beforeAll(async () => {
    if (addonOrUndefined() !== undefined) ownId(); // The family's memory and this process's doorbell are no leak either.
    const first = new Process();
    await first.start();
    await first.join();
  });
  beforeEach(() => {
    before = snapshot();
    workers = [];
  });
  afterEach(async () => {
    const deadline = Date.now() + settleMs;
    let left = leftNow();
    while (left.length > 0 && Date.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 10));
      left = leftNow();
    }
    assert.deepEqual(left, [], "left behind");
  });
}

interface Snapshot {
  readonly children: readonly string[];
  readonly descriptors: readonly string[];
  readonly shared: readonly string[];
}

/** One fork server may live, and be replaced by another. */
function ownChildren(): string[] {
  const children = childrenOf(process.pid);
  const server = children.find((pid) => commandOf(pid).includes("fork-server-main"));
  return children.filter((pid) => pid !== server);
}

function snapshot(): Snapshot {
  return { children: ownChildren(), descriptors: descriptors(), shared: ownNames(readdirSync("/dev/shm")) };
}

/**
 * Those that this file must not leave: of its own family, and of the programs that it has run, once they have ended. Other
 * files and other runs of the suite go on at the same time, and theirs come and go.
 */
export function ownNames(names: readonly string[]): string[] {
  return names.filter((name) => {
    const [, pid] = /^test-(?:[a-z]+-)*(\d+)(?:-|$)/.exec(name) ?? []; // Given by a test, which puts its pid into it.
    if (pid !== undefined) return Number(pid) === process.pid;
    const root = rootOfName(name);
    if (root === undefined || root.pid === process.pid) return root !== undefined;
    const isStarted = started.some((mark) => mark.pid === root.pid && mark.startTime === root.startTime);
    return isStarted && !isRunning(root);
  });
}

function difference(before: Snapshot, now: Snapshot): string[] {
  const more = (list: readonly string[], than: readonly string[]): string[] => {
    const left = [...than];
    return list.filter((entry) => {
      const at = left.indexOf(entry);
      if (at >= 0) left.splice(at, 1);
      return at < 0;
    });
  };
  return [
    ...more(now.children, before.children).map((pid) => `child ${pid} ${commandOf(pid)}`),
    ...(now.descriptors.length > before.descriptors.length ? more(now.descriptors, before.descriptors) : []),
    ...more(now.shared, before.shared).map((name) => `/dev/shm/${name}`),
  ];
}

/** The pids of the children of a process, zombies included. */
export function childrenOf(pid: number): string[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((thread) => childrenOfThread(`/proc/${pid}/task/${thread}`));
}

function childrenOfThread(folder: string): string[] {
  try {
    return readFileSync(`${folder}/children`, "utf8")
      .split(" ")
      .filter((child) => child !== "");
  } catch (error) {
    // It has ended meanwhile, as the one of `node:tls` does while a server begins: what it started is another's by now.
    if (!existsSync(folder)) return [];
    throw error;
  }
}

function descriptors(): string[] {
  return readdirSync("/proc/self/fd").flatMap((descriptor) => {
    try {
      return [`descriptor of ${readlinkSync(`/proc/self/fd/${descriptor}`).replace(/\d+/g, "N")}`];
    } catch {
      return []; // The one that reads this very folder.
    }
  });
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
  } catch {
    return "";
  }
}
