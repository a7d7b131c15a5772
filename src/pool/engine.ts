/**
 * The heart of a pool: its books. Tasks come in, are pumped to the workers, settle; the pool ends.
 *
 * Runs in: the parent.
 *
 *   submit ─► Call ──┐                        ┌─► Worker ═ link ═ worker-program.ts, task-runner.ts
 *                    ├─► PriorityQueue ─ pump ┤                       │
 *   map ─► MapJob ───┘         ▲              └─► Worker …            │
 *           ▲   └─ chunks      └── retries, rests of chunks ◄── deaths┤
 *           └── results, errors ◄─────────────────────────────────────┘
 *
 * Guarantees: every task settles once, whatever its worker does; a death costs the task that was running, the others go
 * on, none is run twice but by `retries`, or where a batch of short tasks died with what it had not told yet.
 * Leaves to others: workers' lives (`crew.ts`), who gets what (`dispatcher.ts`), one worker's work (`worker.ts`), a map's
 * items (`map-job.ts`), what workers say (`answers.ts`).
 */
import { onAbort } from "../base/abort.ts";
import { within } from "../base/deadline.ts";
import { CancelledError, ClosedError, invalidState, TimeoutError } from "../base/errors.ts";
import type { WaitOptions } from "../base/options.ts";
import type { NearStack } from "../process/stacks.ts";
import type { Target } from "../process/process-options.ts";
import { owe } from "../sync/debts.ts";
import { Answers, type AnswersOwner } from "./answers.ts";
import { Backlog } from "./backlog.ts";
import { Crew, type CrewOwner } from "./crew.ts";
import { Dispatcher, type DispatcherOwner } from "./dispatcher.ts";
import { FunctionTable } from "./function-table.ts";
import { KeepAlive } from "./keep-alive.ts";
import { encodeArguments, letGoLarge, type EncodedParts } from "./large-parts.ts";
import { MapJob, type JobOwner, type JobSettings } from "./map-job.ts";
import type { MapSink } from "./map-sinks.ts";
import { NearStacks } from "./near-stacks.ts";
import { Tally } from "./pool-statistics.ts";
import type { CheckedCallOptions, CheckedPoolOptions } from "./pool-options.ts";
import { inputOf, type Items } from "./task-input.ts";
import { Call, refused, Task } from "./task.ts";
import type { Worker } from "./worker.ts";

/** Read from an async input before a worker asks for it: enough for a chunk each. Arbitrary. */
const asyncAhead = 1024;

export class Engine implements CrewOwner, JobOwner, AnswersOwner, DispatcherOwner {
  readonly options: CheckedPoolOptions;
  readonly functions: FunctionTable;
  readonly crew: Crew;
  readonly tally: Tally;
  readonly nearStacks: NearStacks = new NearStacks();
  readonly #backlog = new Backlog();
  readonly #dispatcher: Dispatcher;
  readonly #jobs = new Set<MapJob>();
  readonly #keepAlive = new KeepAlive();
  #lastTaskId = 0;
  #lastChunkId = 0;
  /** Calls that are not settled. */
  #open = 0;
  #pumpIsDue = false;
  #state: "open" | "closed" | "terminated" = "open";
  #failure: { readonly error: unknown } | undefined;
  #onIdle: (() => void)[] = [];
  #joining = 0;

  constructor(options: CheckedPoolOptions) {
    this.options = options;
    this.functions = new FunctionTable((functionId) => {
      for (const worker of this.crew) worker.forget(functionId);
    });
    this.tally = new Tally(options.name);
    this.crew = new Crew(options, this, new Answers(this));
    this.#dispatcher = new Dispatcher(this, this.#backlog, options.maxTasksPerChild);
    this.crew.resize(options.processes);
  }

  get workers(): number {
    return Math.max(1, this.crew.size);
  }

  get wanted(): number {
    if (this.#failure !== undefined) return 0;
    let waiting = this.#backlog.calls;
    for (const job of this.#jobs) waiting += job.mayHaveWork ? Infinity : job.delayed;
    return waiting;
  }

  get queued(): number {
    let waiting = this.#backlog.calls;
    for (const job of this.#jobs) waiting += job.waiting + job.delayed;
    return waiting;
  }

  nextChunkId(): number {
    return ++this.#lastChunkId;
  }

  taskIds(count: number): number {
    const first = this.#lastTaskId + 1;
    this.#lastTaskId += count;
    return first;
  }

  // Tasks come in:

  submit(target: Target, args: readonly unknown[], options: CheckedCallOptions, near: NearStack): Task<unknown> {
    const id = this.taskIds(1);
    try {
      this.assertOpen("submit()");
      options.signal?.throwIfAborted();
      const fn = this.functions.forCall(target);
      let encoded: EncodedParts;
      try {
        encoded = encodeArguments(args);
      } catch (error) {
        this.functions.release(fn);
        throw error;
      }
      const { priority, timeoutMs, signal } = options;
      const call = new Call(id, fn, encoded.bytes, encoded.keepAlive, priority, timeoutMs, near);
      call.large = encoded.large;
      const task = new Task<unknown>(call);
      call.task = task;
      call.onCancel = this.#cancelCall;
      if (signal !== undefined) call.cleanup = onAbort(signal, () => this.#cancelCall(signal.reason, call));
      this.#open++;
      this.#keepAlive.set(true);
      this.tally.queued(id, fn.name);
      this.#backlog.push(call);
      this.#pumpSoon();
      return task;
    } catch (error) {
      return refused(id, error, near);
    }
  }

  /** @throws when the pool takes nothing more */
  startMap(
    settings: JobSettings,
    sink: MapSink,
    items: Items<unknown>,
    signal: AbortSignal | undefined,
    prepare: (job: MapJob) => void,
  ): MapJob {
    const job = new MapJob(this, settings, sink);
    prepare(job);
    this.#jobs.add(job);
    if (signal !== undefined) job.cleanup = onAbort(signal, () => job.abort(signal.reason));
    job.begin(
      inputOf(
        items,
        () => job.inputChanged(),
        () => Math.min(asyncAhead, sink.room(job.itemsRead)),
      ),
    );
    this.#updateKeepAlive();
    return job;
  }

  /** @throws {ClosedError} after close(), terminate(), or when the workers could not be started */
  assertOpen(call: string): void {
    if (this.#failure !== undefined) throw this.#failure.error;
    if (this.#state === "open") return;
    throw new ClosedError(
      `Cannot call ${call} on pool "${this.options.name}": it is ${this.#state}\n  do this:  make a new Pool, or close it later`,
    );
  }

  get isOpen(): boolean {
    return this.#state === "open";
  }

  wake(job: MapJob): void {
    this.#backlog.pushJob(job);
    this.#pumpSoon();
  }

  jobEnded(job: MapJob, reason: unknown): void {
    job.cleanup?.();
    this.#jobs.delete(job);
    this.functions.release(job.settings.fn);
    if (reason !== undefined || job.inFlight > 0) {
      for (const worker of this.crew.all) {
        for (const work of [...worker.assigned.works])
          if (work.kind === "chunk" && work.job === job) worker.cancel(work, reason);
      }
    }
    this.#pumpSoon();
  }

  // Tasks go out:

  #pumpSoon(): void {
    if (this.#pumpIsDue) return;
    this.#pumpIsDue = true;
    queueMicrotask(this.#pumpIfDue);
    owe(this.#pumpIfDue);
  }

  readonly #pumpIfDue = (): true => {
    this.nearStacks.nextTurn();
    if (this.#pumpIsDue) this.#pump();
    return true;
  };

  #pump(): void {
    this.#pumpIsDue = false;
    this.#dispatcher.handOut();
    if (!this.#backlog.isEmpty && this.options.idleTimeoutMs !== undefined) this.crew.fill();
    this.#updateKeepAlive();
    if (this.#isIdle) this.#idle();
  }

  // What becomes of them:

  heard(worker: Worker): void {
    if (worker.given >= this.options.maxTasksPerChild) this.crew.recycleForTasks(worker);
    if (worker.state === "busy" && worker.assigned.head === undefined) this.crew.becameIdle(worker);
    this.#pump();
  }

  tasksDone(job: MapJob, firstTaskId: number, count: number): void {
    this.tally.done(firstTaskId, job.settings.fn.name, count);
  }

  taskFailed(job: MapJob, taskId: number, error: unknown): void {
    this.tally.failed(taskId, job.settings.fn.name, error);
  }

  workerEnded(): void {
    this.crew.fill();
    this.#pump();
  }

  close(call: Call, state: Call["state"]): void {
    this.#backlog.drop(call);
    call.state = state;
    call.finishedAt = performance.now();
    call.cleanup?.();
    letGoLarge(call.large);
    this.functions.release(call.fn!);
    this.#open--;
    if (this.#open === 0) this.#pumpSoon();
  }

  takeBack(calls: readonly Call[]): void {
    this.#backlog.takeBack(calls);
    this.#pumpSoon();
  }

  delay(call: Call, on: boolean): void {
    this.#backlog.delay(call, on);
  }

  #cancelCall = (reason: unknown, call: Call): void => {
    if (call.isSettled) return;
    const what = `Task ${call.id} of pool "${this.options.name}" was cancelled`;
    const error = reason === undefined ? new CancelledError(what, { taskId: call.id }) : reason;
    this.close(call, "cancelled");
    call.reject(error);
    this.tally.cancelledCount++;
    for (const worker of this.crew.all) if (worker.assigned.works.includes(call)) worker.cancel(call, error);
  };

  // The end:

  get #isIdle(): boolean {
    return this.#open === 0 && this.#jobs.size === 0;
  }

  #updateKeepAlive(): void {
    let held = this.#open > 0 || this.#joining > 0;
    for (const job of this.#jobs) held ||= job.inFlight > 0 || job.delayed > 0 || job.sink.isAwaited;
    this.#keepAlive.set(held);
  }

  endGracefully(): void {
    if (this.#state !== "open") return;
    this.#state = "closed";
    this.crew.close();
    this.#pumpSoon();
  }

  #idle(): void {
    if (this.#state !== "open") this.crew.stopIdle();
    for (const tell of this.#onIdle.splice(0)) tell();
  }

  async join(limits: WaitOptions): Promise<void> {
    if (this.#state === "open") {
      throw invalidState(
        `Cannot join pool "${this.options.name}": it is still open\n  do this:  close() it first, or terminate() it`,
      );
    }
    this.#countJoins(1);
    try {
      await within(this.#ended(), limits, () => {
        throw new TimeoutError(`Pool "${this.options.name}" had not ended after ${limits.timeoutMs} ms`);
      });
    } finally {
      this.#countJoins(-1); // Given up: an input without an end is not read for ever.
    }
    this.#keepAlive.end();
  }

  #countJoins(by: 1 | -1): void {
    this.#joining += by;
    for (const job of this.#jobs) {
      job.sink.setBound(this.#joining === 0); // Whoever would make room may be the one who waits.
      this.wake(job);
    }
    this.#updateKeepAlive();
  }

  async #ended(): Promise<void> {
    while (!this.#isIdle) {
      this.#pumpSoon();
      await new Promise<void>((resolve) => void this.#onIdle.push(resolve));
    }
    this.crew.stopIdle();
    await this.crew.empty();
  }

  /** Everything that is not settled is cancelled, all workers end. */
  async terminate(force: boolean): Promise<void> {
    if (this.#state !== "terminated") {
      this.#state = "terminated";
      this.#failAll((what) => new CancelledError(`${what} was cancelled, since its pool was terminated`), true);
    }
    this.crew.terminate(force);
    await this.join({});
  }

  cancelQueued(): void {
    for (const call of [...this.#backlog.waitingCalls()]) call.task?.cancel();
  }

  broken(error: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = { error };
    this.#failAll(() => error, false);
    this.crew.terminate(false);
  }

  #failAll(reason: (what: string) => unknown, quiet: boolean): void {
    const given = this.crew.all.flatMap(({ assigned }) =>
      assigned.works.filter((work): work is Call => work.kind === "call"),
    );
    for (const call of [...this.#backlog.waitingCalls(), ...given]) {
      if (call.isSettled) continue;
      // Whoever terminates a pool knows; nobody needs to be told that nobody listened.
      if (quiet) call.task?.catch(() => {});
      this.close(call, "cancelled");
      this.tally.cancelledCount++;
      call.reject(reason(`Task ${call.id} of pool "${this.options.name}"`));
    }
    for (const job of [...this.#jobs]) {
      if (quiet) job.sink.quiet();
      job.abort(reason(job.settings.call));
    }
    this.#updateKeepAlive();
  }
}
