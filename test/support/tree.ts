/**
 * A tree of three generations (`programs/tree.ts`) that a test lets grow and of which it ends one process, in each way that
 * there is: by each start method, and by spawn without the addon.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { getAllStartMethods, type StartMethod } from "#src/index.js";
import { forkServersOf } from "./fork-servers.ts";
import { leaveNothingBehind } from "./leaks.ts";
import { projectRoot } from "./project.ts";
import { gone, Program } from "./programs.ts";

interface Ending {
  /** What it does when it is told to; undefined: nothing, the signals are all. */
  readonly does?: string;
  readonly signals?: readonly NodeJS.Signals[];
  readonly exitCode: number;
  /** What is below it is stopped before. */
  readonly stopped?: true;
}

const endings: Record<string, Ending> = {
  "it returns": { does: "return", exitCode: 0 },
  "it calls process.exit()": { does: "exit", exitCode: 3 },
  "it throws": { does: "throw", exitCode: 1 },
  "a promise of its own is rejected": { does: "reject", exitCode: 1 },
  "it aborts": { does: "abort", exitCode: -6 },
  "it has no more memory": { does: "out of memory", exitCode: -6 },
  SIGTERM: { signals: ["SIGTERM"], exitCode: -15 },
  SIGINT: { signals: ["SIGINT"], exitCode: -2 },
  SIGHUP: { signals: ["SIGHUP"], exitCode: -1 },
  SIGKILL: { signals: ["SIGKILL"], exitCode: -9 },
  "SIGTERM in a busy loop": { does: "busy", signals: ["SIGTERM"], exitCode: -15 },
  "SIGKILL in a busy loop": { does: "busy", signals: ["SIGKILL"], exitCode: -9 },
  "SIGSTOP, then SIGKILL": { signals: ["SIGSTOP", "SIGKILL"], exitCode: -9 },
  "SIGKILL, while those below it are stopped": { signals: ["SIGKILL"], exitCode: -9, stopped: true },
};

/** On a machine that is busy with other things; alone it takes milliseconds. */
const withinMs = 30_000;

/** What V8 does without memory is an abort, or a trap where it is in the midst of something. */
const withoutTraps = (exitCode: number): number => (exitCode === -5 ? -6 : exitCode);

interface Way {
  readonly title: string;
  readonly method: StartMethod;
  readonly addon: boolean;
}

const ways: readonly Way[] = [
  ...getAllStartMethods().map((method) => ({ title: `start method "${method}"`, method, addon: true })),
  { title: 'start method "spawn", without the addon', method: "spawn", addon: false },
];

/** A test for each way to start and each way to end. */
export function forEachEnding(title: (what: string) => string, check: (tree: Tree) => Promise<void>): void {
  for (const way of ways) {
    describe(way.title, () => {
      leaveNothingBehind();
      for (const [what, ending] of Object.entries(endings)) {
        test(title(what), { timeout: 2 * withinMs }, async (t) => {
          const tree = new Tree(way, ending);
          t.after(() => tree.program.child.kill("SIGKILL"));
          await tree.grow();
          await check(tree);
        });
      }
    });
  }
}

export class Tree {
  readonly way: Way;
  readonly ending: Ending;
  readonly program: Program;
  readonly main: number;
  sibling!: number;
  middle!: number;
  /** The first is in a busy loop, and heeds no signal. */
  leaves!: number[];
  servers!: number[];

  constructor(way: Way, ending: Ending) {
    this.way = way;
    this.ending = ending;
    const file = join(projectRoot, "build", "test", "programs", "tree.js");
    const options = ending.does === "out of memory" ? ["--max-old-space-size=64"] : [];
    const words = [...options, file, way.method, ending.does ?? "nothing"];
    // By the shell: whoever aborts would leave a core file.
    this.program = new Program(
      spawn("sh", ["-c", 'ulimit -c 0 && exec "$0" "$@"', process.execPath, ...words], {
        stdio: ["ignore", "pipe", "pipe"],
        env: { ...process.env, ...(way.addon ? {} : { NODE_MULTIPROCESSING_NO_ADDON: "1" }) },
      }),
    );
    this.main = this.program.child.pid!;
  }

  /** Resolves when all are there, the busy leaf in its loop. */
  async grow(): Promise<void> {
    const { program } = this;
    const pidOf = async (who: string): Promise<number> => Number((await program.tells(who))[0]);
    this.leaves = [await pidOf("busy"), await pidOf("idle")];
    this.middle = await pidOf("middle");
    this.sibling = await pidOf("sibling");
    await program.tells("main");
    process.kill(this.leaves[0]!, "SIGUSR2");
    await program.tells("loops");
    this.servers = forkServersOf(this.main);
    assert.equal(program.told("name").length, this.way.addon ? 5 : 0); // One of each.
  }

  /** Ends one, in the way of this tree. Resolves when it and those below it have gone. */
  async end(pid: number, below: readonly number[]): Promise<void> {
    const { does, signals = [], stopped } = this.ending;
    if (stopped) for (const one of below) await stop(one);
    if (does !== undefined) {
      process.kill(pid, "SIGUSR2");
      await this.program.tells("acts");
    }
    for (const signal of signals) {
      if (signal === "SIGSTOP") await stop(pid);
      else process.kill(pid, signal);
    }
    if (stopped && !this.way.addon) await resume(below);
    await allGone([pid, ...below]);
  }

  /** What the owner of one that has ended tells of it. */
  async exitCodeOf(pid: number): Promise<number> {
    for (let count = 1; ; count++) {
      const ended = (await this.program.tells("ended", count)).map((line) => line.split(" ").map(Number));
      const found = ended.find(([one]) => one === pid);
      if (found !== undefined) return withoutTraps(found[1]!);
    }
  }

  async mainsExitCode(): Promise<number> {
    const { code, signal } = await this.program.ended;
    return withoutTraps(signal === null ? code! : -constants.signals[signal]);
  }

  /** Resolves when no file in /dev/shm is left that one of them has made. */
  async namesGone(): Promise<void> {
    const deadline = Date.now() + withinMs;
    const left = (): string[] => this.program.told("name").filter((name) => existsSync(join("/dev/shm", name)));
    while (left().length > 0) {
      assert.ok(Date.now() < deadline, `still there: ${left()}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}

export async function allGone(pids: readonly number[]): Promise<void> {
  await Promise.all(pids.map((pid) => gone(pid, withinMs)));
}

async function stop(pid: number): Promise<void> {
  process.kill(pid, "SIGSTOP");
  while (!/^State:\s*T/m.test(readFileSync(`/proc/${pid}/status`, "utf8"))) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** Without the addon a thread of each waits for its owner's end, and that one is stopped, too. */
async function resume(pids: readonly number[]): Promise<void> {
  for (const pid of pids) {
    process.kill(pid, "SIGCONT");
    await gone(pid, withinMs);
  }
}
