/**
 * The process in which the caller runs, as an object: the root's "MainProcess", or the Process that a child is.
 *
 * Runs in: every process.
 */
import { inspect } from "node:util";
import { inspectCustom } from "../base/inspect.ts";

/** What `currentProcess()` gives: in a child, the Process that it is. */
export interface CurrentProcess {
  /** "MainProcess" in the root. May be changed; log and text form show it. */
  name: string;
  /** Whether it was started as a daemon; false in the root. */
  readonly daemon: boolean;
  /** `process.pid`. */
  readonly pid: number | undefined;
  toString(): string;
}

class MainProcess implements CurrentProcess {
  name = "MainProcess";
  readonly daemon = false;

  get pid(): number {
    return process.pid;
  }

  toString(): string {
    return `<MainProcess name=${inspect(this.name)} pid=${this.pid} started>`;
  }

  [inspectCustom](): string {
    return this.toString();
  }
}

let current: CurrentProcess = new MainProcess();

/**
 * The process in which the caller runs. In the root its name is "MainProcess"; in a child it is the child's own
 * Process: the one on which `run()` is called.
 */
export function currentProcess(): CurrentProcess {
  return current;
}

export function setCurrentProcess(to: CurrentProcess): void {
  current = to;
}
