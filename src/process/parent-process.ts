/**
 * The process that started this one, as its child sees it.
 *
 * Runs in: a child.
 */
import { inspect } from "node:util";
import { inspectCustom } from "../base/inspect.ts";
import { after, within } from "../base/deadline.ts";
import { checkWaitOptions, type WaitOptions } from "../base/options.ts";
import { isRunning, type ProcessMark } from "../host/process-facts.ts";
import { currentIdentity } from "./identity.ts";

/**
 * How often join() looks. A child that is not detached ends with its owner, so only a detached one waits long; a
 * descriptor that tells would have to be watched by every child for a call that few make. Arbitrary.
 */
const lookEveryMs = 50;

/** What `parentProcess()` gives. */
export class ParentProcess {
  readonly name: string;
  /** Of the process that started this one, whatever the start method. */
  readonly pid: number;
  readonly #mark: ProcessMark;

  /** @internal */
  constructor({ name, ...mark }: ProcessMark & { readonly name: string }) {
    this.name = name;
    this.pid = mark.pid;
    this.#mark = mark;
  }

  /** Whether it still runs: another process that has got its pid since is not taken for it. */
  isAlive(): boolean {
    return isRunning(this.#mark);
  }

  /** Resolves to true when it has ended, to false when `timeoutMs` passed first. */
  async join(options?: WaitOptions): Promise<boolean> {
    const limits = checkWaitOptions("ParentProcess.join()", options);
    let cancel = (): void => {};
    const ended = new Promise<boolean>((resolve) => {
      const look = (): void => {
        if (this.isAlive()) cancel = after(lookEveryMs, look);
        else resolve(true);
      };
      look();
    });
    try {
      return await within(ended, limits, () => false);
    } finally {
      cancel();
    }
  }

  toString(): string {
    return `<ParentProcess name=${inspect(this.name)} pid=${this.pid} ${this.isAlive() ? "started" : "stopped"}>`;
  }

  /** @internal */
  [inspectCustom](): string {
    return this.toString();
  }
}

let parent: ParentProcess | undefined;

/** The process that started this one; null in the root. */
export function parentProcess(): ParentProcess | null {
  const { owner } = currentIdentity();
  if (owner === undefined) return null;
  parent ??= new ParentProcess(owner);
  return parent;
}
