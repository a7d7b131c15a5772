/**
 * A pool of worker processes for any function: Python's `multiprocessing.Pool`.
 *
 * Runs in: the process that makes it.
 * Guarantees: a worker's death costs the task that it was running; time limits and cancellation end a busy loop too.
 * Leaves to others: everything behind the calls (`engine.ts`).
 */
import { ClosedError, invalidArgument } from "../base/errors.ts";
import {
  checkBoolean,
  checkFunction,
  checkOptions,
  checkWaitOptions,
  shown,
  type WaitOptions,
} from "../base/options.ts";
import type { Target } from "../process/process-options.ts";
import { takeNearStack, type NearStack } from "../process/stacks.ts";
import { registerKind, type Encoder } from "../wire/kinds.ts";
import { chunkSize } from "./chunk-size.ts";
import { Engine } from "./engine.ts";
import type { JobSettings, MapJob } from "./map-job.ts";
import { CollectingSink, StreamSink, type MapSink } from "./map-sinks.ts";
import {
  checkMapOptions,
  checkPoolOptions,
  checkTaskOptions,
  checkWorkers,
  type CallArguments,
  type CheckedMapOptions,
  type ImapOptions,
  type MapOptions,
  type PoolOptions,
} from "./pool-options.ts";
import { workerStatistics, type PoolStatistics } from "./pool-statistics.ts";
import { ProgressReporter } from "./progress.ts";
import { checkItems, type Items } from "./task-input.ts";
import { refused, type Task } from "./task.ts";

/** A pool that nobody can reach any more ends when its tasks are done. */
const unreachable = new FinalizationRegistry<Engine>((engine) => engine.endGracefully());
/** The largest share of a stream's buffer of 1024, as the contract has it, that one chunk may be. */
const chunksInBuffer = 4;
const largestBuffer = 1024;

interface MapCall {
  readonly name: string;
  readonly fn: unknown;
  readonly items: unknown;
  readonly options: unknown;
  readonly spread: boolean;
  readonly near: NearStack;
}

/**
 * Worker processes that run any function. One that dies is replaced, and only the task that it was running fails.
 *
 * @example
 * await using pool = new Pool();
 * const sizes = await pool.map((file: string) => statSync(file).size, files);
 */
export class Pool<I extends Target = Target> implements AsyncDisposable {
  readonly #engine: Engine;

  /**
   * Starts the workers, in the background.
   *
   * @param processes how many workers, 1 to 4,095. @default cpuCount()
   * @throws {MultiprocessingError} ERR_MP_INVALID_ARGUMENT for an option that is unknown or of the wrong kind;
   * ERR_MP_NOT_SUPPORTED where this machine lacks what an option needs
   * @throws {UnserializableError} when the initializer or its arguments cannot be copied
   */
  constructor(processes?: number | null, options?: PoolOptions<I>) {
    this.#engine = new Engine(checkPoolOptions("new Pool()", processes, options));
    unreachable.register(this, this.#engine);
  }

  /**
   * Runs `fn(...args)` in a worker.
   *
   * @returns a promise of its result, with `id`, `state`, `cancel()`. It rejects with what `fn` throws, with
   * WorkerExitedError when its worker dies, TimeoutError past `timeoutMs`, UnserializableError when function, arguments or
   * result cannot be copied, `signal.reason` after an abort, CancelledError after `cancel()` and `terminate()`,
   * ClosedError after `close()`
   * @example
   * const answer = await pool.submit((a: number, b: number) => a * b, [6, 7]);
   */
  submit<F extends Target>(fn: F, ...rest: CallArguments<F>): Task<Awaited<ReturnType<F>>> {
    const near = this.#engine.nearStacks.take(this.submit, fn);
    return this.#submit("Pool.submit()", fn, rest, near) as Task<Awaited<ReturnType<F>>>;
  }

  /** As `submit`, for who only wants the result. */
  apply<F extends Target>(fn: F, ...rest: CallArguments<F>): Promise<Awaited<ReturnType<F>>> {
    const near = this.#engine.nearStacks.take(this.apply, fn);
    return this.#submit("Pool.apply()", fn, rest, near) as Promise<Awaited<ReturnType<F>>>;
  }

  #submit(call: string, fn: unknown, [args, given]: readonly unknown[], near: NearStack): Task<unknown> {
    const engine = this.#engine;
    try {
      checkFunction(call, fn);
      if (args !== undefined && !Array.isArray(args)) {
        throw invalidArgument(
          `${call}: args must be an array of the function's arguments; received ${shown(args)}\n  do this:  [${shown(args)}]`,
        );
      }
      const options = checkTaskOptions(call, given);
      const list = (args as unknown[] | undefined) ?? [];
      return engine.submit(fn, options.kwargs === undefined ? list : [...list, options.kwargs], options, near);
    } catch (error) {
      return refused(engine.taskIds(1), error, near);
    }
  }

  /**
   * `fn(item)` for each item, by all workers; the results are in the order of the items.
   *
   * @returns rejects with the first error, and the rest is cancelled; with `onError: "collect"` all are run, and the
   * AggregateError at the end has `indexes` and `results`
   * @example
   * await pool.map(compress, files, { progress: true });
   */
  map<T, R>(fn: (item: T) => R, items: Items<T>, options?: MapOptions): Promise<Awaited<R>[]> {
    const near = takeNearStack(this.map);
    return this.#collect({ name: "Pool.map()", fn, items, options, spread: false, near }) as Promise<Awaited<R>[]>;
  }

  /** `fn(...item)` for each item, a tuple of arguments; otherwise as `map`. */
  starmap<A extends readonly unknown[], R>(
    fn: (...args: A) => R,
    items: Items<Readonly<NoInfer<A>>>,
    options?: MapOptions,
  ): Promise<Awaited<R>[]> {
    const near = takeNearStack(this.starmap);
    return this.#collect({ name: "Pool.starmap()", fn, items, options, spread: true, near }) as Promise<Awaited<R>[]>;
  }

  /**
   * `fn(item)` for each item, the results in order while the work goes on. Reads no more items ahead than `buffer`; who
   * leaves the loop cancels the rest.
   *
   * @example
   * for await (const thumbnail of pool.imap(shrink, images)) await save(thumbnail);
   */
  imap<T, R>(fn: (item: T) => R, items: Items<T>, options?: ImapOptions): AsyncIterableIterator<Awaited<R>, undefined> {
    const near = takeNearStack(this.imap);
    return this.#stream({ name: "Pool.imap()", fn, items, options, spread: false, near }, true);
  }

  /** As `imap`, each result as soon as it is there. */
  imapUnordered<T, R>(
    fn: (item: T) => R,
    items: Items<T>,
    options?: ImapOptions,
  ): AsyncIterableIterator<Awaited<R>, undefined> {
    const near = takeNearStack(this.imapUnordered);
    return this.#stream({ name: "Pool.imapUnordered()", fn, items, options, spread: false, near }, false);
  }

  /** @internal `imap` of tuples, for the executor. */
  istarmap<R>(
    name: string,
    fn: unknown,
    items: Items<readonly unknown[]>,
    near: NearStack,
  ): AsyncIterableIterator<R, undefined> {
    return this.#stream({ name, fn, items, options: undefined, spread: true, near }, true);
  }

  async #collect(call: MapCall): Promise<unknown[]> {
    const options = checkMapOptions(call.name, call.options, { lazy: false });
    const sink = new CollectingSink();
    this.#begin(call, options, sink);
    return sink.promise;
  }

  #stream<R>(call: MapCall, ordered: boolean): AsyncIterableIterator<R, undefined> {
    const engine = this.#engine;
    let job: MapJob | undefined;
    let options: CheckedMapOptions | undefined;
    const sink = new StreamSink({
      ordered,
      get buffer() {
        return options?.buffer;
      },
      chunk: () => options?.chunkSize ?? automaticChunk(job, engine.workers),
      workers: () => engine.workers,
      onRoom: () => job !== undefined && engine.wake(job),
      onReturn: () => job?.abort(new ClosedError(`${call.name}: nobody reads its results any more`)),
    });
    try {
      options = checkMapOptions(call.name, call.options, { lazy: true });
      job = this.#begin(call, options, sink);
    } catch (error) {
      sink.failed(undefined, error);
    }
    const iterator: AsyncIterableIterator<unknown, undefined> = {
      next: () => sink.next(),
      return: () => sink.return(),
      [Symbol.asyncIterator]: () => iterator,
    };
    return iterator as AsyncIterableIterator<R, undefined>; // What the workers return is what `fn` returns.
  }

  /** @throws what is wrong with the call, or with what it captures */
  #begin({ name, fn, items, spread, near }: MapCall, options: CheckedMapOptions, sink: MapSink): MapJob {
    const engine = this.#engine;
    checkFunction(name, fn);
    checkItems(name, items);
    engine.assertOpen(name);
    const { signal, progress, chunkSize: fixed, timeoutMs, priority, onError } = options;
    signal?.throwIfAborted();
    const call = `${name} of pool "${engine.options.name}"`;
    const used = engine.functions.forMap(fn);
    const settings: JobSettings = { fn: used, spread, chunkSize: fixed, timeoutMs, priority, onError, near, call };
    return engine.startMap(settings, sink, items, signal, (job) => {
      if (progress === undefined || progress === false) return;
      job.progress = new ProgressReporter(job, progress, used.name || "tasks", (error) => job.abort(error));
    });
  }

  /** The number of workers. */
  get size(): number {
    return this.#engine.crew.size;
  }

  /**
   * Changes the number of workers; those that are too many end when their task is done.
   *
   * @param size 1 to 4,095
   */
  resize(size: number): void {
    checkWorkers("Pool.resize()", "size", size);
    this.#engine.assertOpen("resize()");
    this.#engine.crew.resize(size);
  }

  /** How it stands at this moment. */
  statistics(): PoolStatistics {
    const { crew, tally, options, queued } = this.#engine;
    let running = 0;
    for (const { assigned } of crew.all) {
      for (const work of assigned.works) running += work.kind === "call" ? 1 : work.items.length - work.done;
    }
    return {
      name: options.name,
      workers: [...crew].map((worker) => workerStatistics(worker, crew.restartsOf(worker))),
      queued,
      running,
      done: tally.doneCount,
      failed: tally.failedCount,
      cancelled: tally.cancelledCount,
      retried: tally.retriedCount,
      waitMs: tally.waitMs,
      runMs: tally.runMs,
    };
  }

  /** Takes no more tasks; the workers end when those that are there are done. Twice is fine. */
  close(): void {
    this.#engine.endGracefully();
  }

  /**
   * Waits until all is done and all workers have ended. Results of `imap` that nobody has read are kept; an input without
   * an end is read without one while this waits, so leave its loop first, or give a `timeoutMs`.
   *
   * @throws {MultiprocessingError} ERR_MP_INVALID_STATE before close() or terminate()
   * @throws {TimeoutError} when `timeoutMs` passes first
   */
  async join(options?: WaitOptions): Promise<void> {
    await this.#engine.join(checkWaitOptions("Pool.join()", options));
  }

  /** Ends it now: tasks that are not settled reject with CancelledError, workers get SIGTERM, then SIGKILL. Resolves when they are gone. */
  async terminate(options: { /** SIGKILL at once. @default false */ readonly force?: boolean } = {}): Promise<void> {
    checkOptions("Pool.terminate()", options, ["force"]);
    checkBoolean("Pool.terminate()", "force", options.force);
    await this.#engine.terminate(options.force === true);
  }

  /** @internal For the executor: what waits for a worker is cancelled, what runs goes on. */
  cancelQueued(): void {
    this.#engine.cancelQueued();
  }

  /** `close()`, then `join()`. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await this.join();
  }

  toString(): string {
    return `<Pool name='${this.#engine.options.name}' size=${this.size}>`;
  }
}

function automaticChunk(job: MapJob | undefined, workers: number): number {
  const taskMs = job?.settings.fn.timing.taskMs;
  const largest = Math.max(1, Math.floor(largestBuffer / (chunksInBuffer * workers)));
  return chunkSize({ taskMs, remaining: undefined, workers, largest });
}

/** @internal */
export function refusePool(subject: string, encoder: Encoder): void {
  const remedy = "make a pool inside the function; workers may have pools of their own";
  encoder.refuse({ subject, why: "its workers belong to this process", remedy });
}

registerKind({
  name: "pool",
  matches: (value): value is Pool => value instanceof Pool,
  encode: (_pool, encoder) => refusePool("a Pool", encoder),
  decode: (decoder) => decoder.malformed("a pool does not cross"),
});
