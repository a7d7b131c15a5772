/**
 * The process in which the caller runs, as an object: the root's "MainProcess", or the Process that a child is.
 *
 * Runs in: every process.
 */
import { inspect } from "node:util";
import { inspectCustom } from "../base/inspect.ts";

export interface CurrentProcess {
  name: string;
  readonly daemon: boolean;
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
