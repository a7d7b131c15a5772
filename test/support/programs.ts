/** Runs a program of `test/programs/` (or any other) with this Node, and watches over what becomes of its processes. */
import { spawn, type ChildProcess, type SpawnOptions } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { markOf, isRunning, type ProcessMark } from "#src/host/process-facts.js";
import { projectRoot } from "./project.ts";

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export class Program {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  stdout = "";
  stderr = "";
  readonly #changed = new EventTarget();

  constructor(child: ChildProcess) {
    this.child = child;
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      this.stdout += text;
      this.#changed.dispatchEvent(new Event("output"));
    });
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.stderr += text;
    });
    this.ended = once(child, "close").then(([code, signal]: unknown[]) => ({
      code: code as number | null,
      signal: signal as NodeJS.Signals | null,
      stdout: this.stdout,
      stderr: this.stderr,
    }));
  }

  /** The lines of stdout so far that begin with `word `, each without it. */
  told(word: string): string[] {
    const lines = this.stdout.split("\n").slice(0, -1);
    return lines.filter((line) => line.startsWith(`${word} `)).map((line) => line.slice(word.length + 1));
  }

  /** Resolves when stdout has `count` lines that begin with `word `, told by the program or by what it started. */
  async tells(word: string, count = 1): Promise<string[]> {
    let ended = false;
    void this.ended.then(() => (ended = true));
    for (;;) {
      const told = this.told(word);
      if (told.length >= count) return told;
      if (ended) {
        throw new Error(`All ended before "${word}" was told ${count} times:\n${this.stdout}${this.stderr}`);
      }
      await Promise.race([once(this.#changed, "output"), this.ended]);
    }
  }
}

/** @param name of a file in `test/programs/`, without its ending */
export function startProgram(name: string, args: readonly string[] = [], options: SpawnOptions = {}): Program {
  return startNode([join(projectRoot, "build", "test", "programs", `${name}.js`), ...args], options);
}

export function startNode(args: readonly string[], options: SpawnOptions = {}): Program {
  return new Program(spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"], ...options }));
}

/** Resolves when the process has ended, whoever its parent is. Rejects when it is still there after `withinMs`. */
export async function gone(pid: number, withinMs = 5000): Promise<void> {
  const mark: ProcessMark = markOf(pid);
  const deadline = Date.now() + withinMs;
  // A process that is nobody's child here gives no event: it has to be looked at.
  while (mark.startTime !== undefined && isRunning(mark)) {
    if (Date.now() > deadline) {
      process.kill(pid, "SIGKILL");
      throw new Error(`process ${pid} is still running after ${withinMs} ms`);
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
