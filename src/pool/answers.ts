/**
 * What workers say, and their silence: results, errors, limits that passed, deaths.
 *
 * Runs in: the parent.
 * Guarantees: each task settles once; a worker's death is charged to the task that it was running and to no other.
 * Leaves to others: which task goes where (`engine.ts`).
 */
import { after } from "../base/deadline.ts";
import { TimeoutError } from "../base/errors.ts";
import type { ExitStatus } from "../process/exit-status.ts";
import { addStackBelow } from "../process/stacks.ts";
import { decode, decodeSync, needsModules } from "../wire/codec.ts";
import { smoothedMs } from "./chunk-size.ts";
import { nextIdOf, type Work } from "./assigned.ts";
import type { Crew } from "./crew.ts";
import { workerExited, type Death } from "./death.ts";
import { fetchLarge } from "./large-parts.ts";
import type { Chunk } from "./map-job.ts";
import type { BlockMessage, Decoding, FaultMessage } from "./to-pool.ts";
import { unpack } from "./packing.ts";
import type { CheckedPoolOptions } from "./pool-options.ts";
import type { Tally } from "./pool-statistics.ts";
import { retryDelayMs } from "./restart-policy.ts";
import type { Call } from "./task.ts";
import type { Worker, WorkerOwner } from "./worker.ts";

export interface AnswersOwner {
  readonly options: CheckedPoolOptions;
  readonly crew: Crew;
  readonly tally: Tally;
  /** Takes it from the books. */
  close(call: Call, state: Call["state"]): void;
  /** They were handed out, and come back before all others. */
  takeBack(calls: readonly Call[]): void;
  /** It waits to be tried again, or does no longer. */
  delay(call: Call, on: boolean): void;
  /** A message of the worker's was read to its end. */
  heard(worker: Worker): void;
  workerEnded(): void;
}

export class Answers implements WorkerOwner {
  readonly #owner: AnswersOwner;

  constructor(owner: AnswersOwner) {
    this.#owner = owner;
  }

  get cancelGraceMs(): number {
    return this.#owner.options.cancelGraceMs;
  }

  ready(worker: Worker): void {
    this.#owner.crew.ready(worker);
  }

  initializerFailed(_worker: Worker, error: Uint8Array): void {
    const failed = (why: unknown): void => this.#owner.crew.initializerFailed(why);
    decode(error.slice()).then(failed, failed);
  }

  memory(worker: Worker, bytes: number): void {
    if (bytes > this.#owner.options.maxMemoryPerChildBytes) this.#owner.crew.recycleForMemory(worker);
  }

  heard(worker: Worker): void {
    this.#owner.heard(worker);
  }

  ended(worker: Worker, status: ExitStatus, cause: unknown): void {
    this.#owner.crew.ended(worker, status, cause);
    this.#died(worker, status, cause);
    this.#owner.workerEnded();
  }

  started(worker: Worker, work: Work): void {
    const { tally } = this.#owner;
    if (work.kind === "chunk") {
      tally.started(nextIdOf(work), work.job.settings.fn.name, worker);
      return;
    }
    if (work.isSettled || work.state === "running") return;
    work.state = "running";
    work.startedAt = performance.now();
    work.workerPid = worker.pid;
    work.runner = worker;
    tally.started(work.id, work.fn!.name, worker, work.startedAt - work.queuedAt);
  }

  answered(worker: Worker, call: Call, ok: boolean, bytes: Uint8Array, runMs: number): Decoding {
    const { timing } = call.fn!;
    timing.taskMs = smoothedMs(timing.taskMs, runMs, 1);
    this.#ran(worker, runMs, 1);
    if (call.isSettled) return undefined;
    this.started(worker, call);
    if (needsModules(bytes)) {
      return decode(bytes.slice(), fetchLarge).then(
        (value) => this.settle(call, ok, value, worker),
        (error: unknown) => this.settle(call, false, error, worker),
      );
    }
    let value: unknown;
    try {
      value = decodeSync(bytes, fetchLarge);
    } catch (error) {
      this.settle(call, false, error, worker);
      return undefined;
    }
    this.settle(call, ok, value, worker);
    return undefined;
  }

  #ran(worker: Worker, runMs: number, count: number): void {
    worker.tasksDone += count;
    this.#owner.crew.taskFinished();
    this.#owner.tally.ran(runMs / count, count);
  }

  settle(call: Call, ok: boolean, value: unknown, worker: Worker): void {
    if (call.isSettled) return;
    const { options, tally } = this.#owner;
    this.#owner.close(call, ok ? "done" : "failed");
    if (ok) {
      call.resolve(value);
      tally.done(call.id, call.fn!.name, 1);
      return;
    }
    const who = `worker ${worker.id} (pid ${worker.pid}) of pool "${options.name}"`;
    addStackBelow(value, call.near, `task ${call.id} in ${who}, which was submitted`);
    call.reject(value);
    tally.failed(call.id, call.fn!.name, value);
  }

  block(worker: Worker, chunk: Chunk, { offset, count, runMs, form, bytes }: BlockMessage): Decoding {
    const { job } = chunk;
    job.measured(runMs, count);
    this.#ran(worker, runMs, count);
    if (job.isOver || chunk.condemned === offset) return undefined;
    const fail = (error: unknown): void => {
      for (let at = offset; at < offset + count; at++) job.fail(chunk.start + at, chunk.firstTaskId + at, error);
    };
    try {
      const values = unpack(form, count, bytes);
      if (values instanceof Promise) return values.then((made) => job.succeed(chunk, offset, made), fail);
      job.succeed(chunk, offset, values);
    } catch (error) {
      fail(error);
    }
    return undefined;
  }

  fault(worker: Worker, chunk: Chunk, { offset, runMs, error }: FaultMessage): Decoding {
    const { job } = chunk;
    job.measured(runMs, 1);
    this.#ran(worker, runMs, 1);
    if (job.isOver || chunk.condemned === offset) return undefined;
    const fail = (value: unknown): void => job.fail(chunk.start + offset, chunk.firstTaskId + offset, value);
    if (needsModules(error)) {
      return decode(error.slice()).then(fail, fail);
    }
    try {
      fail(decodeSync(error));
    } catch (problem) {
      fail(problem);
    }
    return undefined;
  }

  expired(worker: Worker, work: Work, hasBegun: boolean): unknown {
    const timeoutMs = work.kind === "call" ? work.timeoutMs : work.job.settings.timeoutMs;
    const taskId = nextIdOf(work);
    const { pid } = worker;
    const what = hasBegun ? "ran longer than" : "had still not begun long after";
    const error = new TimeoutError(
      `Task ${taskId} of pool "${this.#owner.options.name}" ${what} its timeoutMs of ${timeoutMs} in worker ${worker.id} (pid ${pid}) and was ended`,
      { taskId, pid },
    );
    if (work.kind === "call") this.settle(work, false, error, worker);
    else {
      work.condemned = work.done;
      work.job.fail(work.start + work.done, taskId, error);
    }
    return error;
  }

  /** Sorts out what a dead worker had been given. */
  #died(worker: Worker, status: ExitStatus, cause: unknown): void {
    const { pid, id, lastTask } = worker;
    const death: Death = { pool: this.#owner.options.name, workerId: id, pid, status, cause };
    const assigned = worker.assigned.takeAll();
    const back: Call[] = [];
    const unknown = lastTask === undefined ? this.#guess(worker, assigned, death) : [];
    for (const work of unknown) if (work.kind === "call") back.push(work);
    for (const work of assigned) {
      if (unknown.includes(work)) continue;
      if (work.kind === "chunk") this.#chunkDied(worker, work, lastTask, death);
      else if ((work.id | 0) !== lastTask) back.push(work);
      else if (work.isSettled) continue;
      else if (worker.killedByPool) back.push(work); // It was another's time that was up.
      else this.#charge(worker, work, death);
    }
    this.#owner.takeBack(back.filter((call) => !call.isSettled));
  }

  /**
   * Without shared memory nobody knows for certain which task was running. It was the first that is not answered where
   * each was told before the next began; in a batch of short ones it may have been any: then all are tried again, the
   * careful way, at nobody's expense. Answers what it has dealt with: calls to be tried again, and chunks.
   */
  #guess(worker: Worker, assigned: Work[], death: Death): Work[] {
    const head = assigned[0];
    if (head === undefined) return [];
    if (head.kind === "chunk") {
      const { done, items, careful, cancelled, condemned } = head;
      const isKnown =
        careful || items.length - done === 1 || (worker.killedByPool && (cancelled || condemned === done));
      if (isKnown) this.#chunkDied(worker, head, nextIdOf(head) | 0, death);
      else head.job.giveBack(head, done, items.length, true);
      return [head];
    }
    const size = assigned.findIndex((work) => work.kind === "call" && work.isLastOfBatch) + 1;
    if (head.careful || size === 1 || (worker.killedByPool && head.isSettled)) {
      if (!head.isSettled) this.#charge(worker, head, death);
      assigned.shift();
      return [];
    }
    const batch = assigned.slice(0, size) as Call[]; // A batch is of calls only.
    for (const call of batch) call.careful = true;
    return batch;
  }

  #charge(worker: Worker, call: Call, death: Death): void {
    const { options, tally } = this.#owner;
    call.deaths++;
    if (call.deaths > options.retries) {
      this.settle(call, false, workerExited(death, call.id, call.deaths), worker);
      return;
    }
    tally.retriedCount++;
    call.careful = true;
    this.#owner.delay(call, true);
    const again = (): void => {
      if (call.isSettled) return;
      this.#owner.delay(call, false);
      this.#owner.takeBack([call]);
    };
    after(retryDelayMs(call.deaths), again, { ref: false });
  }

  #chunkDied(worker: Worker, chunk: Chunk, lastTask: number | undefined, death: Death): void {
    const { job, items, done, careful } = chunk;
    const at = lastTask === undefined || lastTask === 0 ? -1 : (lastTask - chunk.firstTaskId) | 0;
    if (at < done || at >= items.length) {
      job.giveBack(chunk, done, items.length, careful);
      return;
    }
    if (!job.isOver && chunk.condemned !== at) {
      if (worker.killedByPool) {
        job.giveBack(chunk, done, items.length, careful); // It was another's time that was up.
        return;
      }
      if (worker.endedPreparing && items.length > 1) {
        job.giveBackAlone(chunk, at);
        return;
      }
      this.#chargeItem(chunk, at, death);
    }
    job.inFlight--;
    job.giveBack(chunk, at + 1, items.length, careful);
    job.giveBack(chunk, done, at, careful); // They had been done, and not been told.
  }

  #chargeItem(chunk: Chunk, offset: number, death: Death): void {
    const { job } = chunk;
    const deaths = job.died(chunk.start + offset);
    const taskId = chunk.firstTaskId + offset;
    if (deaths > this.#owner.options.retries) {
      job.fail(chunk.start + offset, taskId, workerExited(death, taskId, deaths));
      return;
    }
    this.#owner.tally.retriedCount++;
    job.delayed++;
    after(retryDelayMs(deaths), () => job.again(chunk, offset), { ref: false });
  }
}
