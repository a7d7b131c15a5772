/**
 * Hands what waits to the workers: to all one before any gets more, to each no more than it may hold.
 *
 * Runs in: the parent.
 * Leaves to others: what comes next (`backlog.ts`), how much of it (`chunk-size.ts`, `map-job.ts`).
 */
import type { Backlog } from "./backlog.ts";
import { chunksAhead } from "./chunk-size.ts";
import type { Crew } from "./crew.ts";
import type { Tally } from "./pool-statistics.ts";
import { Call } from "./task.ts";
import type { Worker } from "./worker.ts";

export interface DispatcherOwner {
  readonly crew: Crew;
  readonly tally: Tally;
  readonly workers: number;
}

export class Dispatcher {
  readonly #owner: DispatcherOwner;
  readonly #backlog: Backlog;
  readonly #maxTasksPerChild: number;

  constructor(owner: DispatcherOwner, backlog: Backlog, maxTasksPerChild: number) {
    this.#owner = owner;
    this.#backlog = backlog;
    this.#maxTasksPerChild = maxTasksPerChild;
  }

  handOut(): void {
    const { crew } = this.#owner;
    for (const most of [1, Infinity]) {
      for (const worker of crew) {
        if (this.#backlog.isEmpty) break;
        if (worker.isRetiring || (worker.state !== "idle" && worker.state !== "busy")) continue;
        while (worker.assigned.batches < most && this.#give(worker)) {
          if (most > 1) continue;
          worker.flush(); // It can begin while the others get theirs.
          break;
        }
      }
    }
    for (const worker of crew) worker.flush();
  }

  /** False when nothing is there to give, or nothing that may be given ahead. */
  #give(worker: Worker): boolean {
    const backlog = this.#backlog;
    const { batches } = worker.assigned;
    for (let source = backlog.peek(); source !== undefined; source = backlog.peek()) {
      const ahead = source instanceof Call ? chunksAhead(source.fn!.timing.taskMs, Infinity) : source.ahead;
      if (batches > 0 && batches >= ahead) return false;
      const limit = this.#maxTasksPerChild - worker.given;
      if (limit <= 0) return false; // It is retired when it has answered.
      if (source instanceof Call) {
        worker.giveCalls(backlog.takeCalls(source, limit, this.#owner.workers));
        return true;
      }
      backlog.takeJob();
      const chunk = source.nextChunk(limit);
      if (chunk === undefined) continue;
      this.#owner.tally.handedOut(source, chunk);
      worker.giveChunk(chunk);
      backlog.pushJob(source); // Behind the others of its priority.
      return true;
    }
    return false;
  }
}
