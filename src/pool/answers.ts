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
import type { Crew } from "./crew.ts";
import { workerExited, type Death } from "./death.ts";
import type { Chunk } from "./map-job.ts";
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
    decode(error).then(failed, failed);
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

  started(worker: Worker, work: Call | Chunk): void {
    const { tally } = this.#owner;
    if (work.kind === "chunk") {
      tally.started(work.firstTaskId + work.done, work.job.settings.fn.name, worker);
      return;
    }
    if (work.isSettled || work.state === "running") return;
    work.state = "running";
    work.startedAt = performance.now();
    work.workerPid = worker.pid;
    tally.started(work.id, work.fn!.name, worker, work.startedAt - work.queuedAt);
  }

  answered(worker: Worker, call: Call, ok: boolean, bytes: Uint8Array, runMs: number): void {
    const { timing } = call.fn!;
    timing.taskMs = smoothedMs(timing.taskMs, runMs, 1);
    this.#ran(worker, runMs, 1);
    if (call.isSettled) return;
    this.started(worker, call);
    if (needsModules(bytes)) {
      decode(bytes).then(
        (value) => this.settle(call, ok, value, worker),
        (error: unknown) => this.settle(call, false, error, worker),
      );
      return;
    }
    let value: unknown;
    try {
      value = decodeSync(bytes);
    } catch (error) {
      this.settle(call, false, error, worker);
      return;
    }
    this.settle(call, ok, value, worker);
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

  block(
    worker: Worker,
    chunk: Chunk,
    offset: number,
    count: number,
    runMs: number,
    form: number,
    bytes: Uint8Array,
  ): void {
    const { job } = chunk;
    job.measured(runMs, count);
    this.#ran(worker, runMs, count);
    if (job.isOver || chunk.condemned === offset) return;
    const fail = (error: unknown): void => {
      for (let at = offset; at < offset + count; at++) job.fail(chunk.start + at, chunk.firstTaskId + at, error);
    };
    try {
      const values = unpack(form, count, bytes);
      if (!(values instanceof Promise)) job.succeed(chunk, offset, values);
      else values.then((made) => job.succeed(chunk, offset, made), fail);
    } catch (error) {
      fail(error);
    }
  }

  fault(worker: Worker, chunk: Chunk, offset: number, error: Uint8Array, runMs: number): void {
    const { job } = chunk;
    job.measured(runMs, 1);
    this.#ran(worker, runMs, 1);
    if (job.isOver || chunk.condemned === offset) return;
    const fail = (value: unknown): void => job.fail(chunk.start + offset, chunk.firstTaskId + offset, value);
    if (needsModules(error)) {
      decode(error).then(fail, fail);
      return;
    }
    try {
      fail(decodeSync(error));
    } catch (problem) {
      fail(problem);
    }
  }

  /** The one at work has run past its limit; answers why it is to end. */
  expired(worker: Worker, work: Call | Chunk): unknown {
    const timeoutMs = work.kind === "call" ? work.timeoutMs : work.job.settings.timeoutMs;
    const taskId = work.kind === "call" ? work.id : work.firstTaskId + work.done;
    const { pid } = worker;
    const error = new TimeoutError(
      `Task ${taskId} of pool "${this.#owner.options.name}" ran longer than its timeoutMs of ${timeoutMs} in worker ${worker.id} (pid ${pid}) and was ended`,
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
    const assigned = worker.assigned.splice(0);
    const death: Death = {
      pool: this.#owner.options.name,
      workerId: worker.id,
      pid: worker.pid,
      status,
      cause,
    };
    const head = assigned[0];
    const back: Call[] = [];
    if (head?.kind === "chunk") {
      this.#chunkDied(worker, head, death);
      assigned.shift();
    } else if (head !== undefined) {
      const batch = assigned.splice(
        0,
        assigned.findIndex((work) => work.kind === "call" && work.isLastOfBatch) + 1,
      ) as Call[];
      back.push(...this.#batchDied(worker, batch, death));
    }
    for (const work of assigned) {
      if (work.kind === "call") back.push(work);
      else work.job.giveBack(work, work.done, work.careful);
    }
    this.#owner.takeBack(back.filter((call) => !call.isSettled));
  }

  /** Answers those that are to be tried again at once, since they were not begun, or nobody knows which was. */
  #batchDied(worker: Worker, batch: readonly Call[], death: Death): Call[] {
    const { leavingTaskId, hasBegun, killedByPool } = worker;
    if (!hasBegun || leavingTaskId === 0) return [...batch];
    const head = batch[0]!;
    const known = head.careful || batch.length === 1 || (killedByPool && head.isSettled);
    const culprit =
      leavingTaskId === undefined ? (known ? head : undefined) : batch.find(({ id }) => id === leavingTaskId);
    if (culprit === undefined) {
      // Some may have been done and not told. The next time each is told before the next begins.
      for (const call of batch) call.careful = true;
      return [...batch];
    }
    if (!culprit.isSettled) this.#charge(worker, culprit, death);
    return batch.filter((call) => call !== culprit);
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

  #chunkDied(worker: Worker, chunk: Chunk, death: Death): void {
    const { leavingTaskId, hasBegun, killedByPool } = worker;
    const { job, items, done, careful } = chunk;
    const known =
      careful || items.length - done === 1 || (killedByPool && (chunk.cancelled || chunk.condemned === done));
    const isCulprit = leavingTaskId === undefined ? known : leavingTaskId === chunk.firstTaskId + done;
    if (!hasBegun || leavingTaskId === 0) job.giveBack(chunk, done, careful);
    else if (!isCulprit) job.giveBack(chunk, done, true);
    else {
      if (!job.isOver && chunk.condemned !== done) this.#chargeItem(chunk, done, death);
      job.inFlight--;
      job.giveBack(chunk, done + 1, false);
    }
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
