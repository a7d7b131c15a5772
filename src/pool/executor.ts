/**
 * The pool in the words of Python's `concurrent.futures`.
 *
 * Runs in: the process that makes it.
 */
import { invalidArgument } from "../base/errors.ts";
import { checkBoolean, checkOptions } from "../base/options.ts";
import type { Target } from "../process/process-options.ts";
import { takeNearStack } from "../process/stacks.ts";
import { registerKind } from "../wire/kinds.ts";
import { Pool, refusePool } from "./pool.ts";
import type { PoolOptions } from "./pool-options.ts";
import { checkItems, type Items } from "./task-input.ts";
import type { Task } from "./task.ts";

export interface ShutdownOptions {
  /** Resolve when all is done, or at once. @default true */
  readonly wait?: boolean | undefined;
  /** Cancel what no worker has begun. @default false */
  readonly cancelFutures?: boolean | undefined;
}

/**
 * A pool in the words of Python's `concurrent.futures`.
 *
 * @example
 * await using executor = new ProcessPoolExecutor(4);
 * const future = executor.submit(resize, "a.png", 200);
 * for await (const size of executor.map(measure, files)) console.log(size);
 */
export class ProcessPoolExecutor<I extends Target = Target> implements AsyncDisposable {
  readonly #pool: Pool;

  /**
   * @param maxWorkers 1 to 4,095. @default cpuCount()
   * @throws {MultiprocessingError} ERR_MP_INVALID_ARGUMENT for an option that is unknown or of the wrong kind
   */
  constructor(maxWorkers?: number | null, options?: PoolOptions<I>) {
    this.#pool = new Pool(maxWorkers, options);
  }

  /** Runs `fn(...args)` in a worker. Unlike Python's, the future's `cancel()` ends a running task too. */
  submit<F extends Target>(fn: F, ...args: Parameters<F>): Task<Awaited<ReturnType<F>>> {
    return this.#pool.submit(fn as Target, args) as Task<Awaited<ReturnType<F>>>;
  }

  /**
   * `fn(a, b, …)` for the items of the iterables side by side, up to the end of the shortest; the results in order. Reads
   * ahead by a bounded number of items.
   */
  map<A extends readonly unknown[], R>(
    fn: (...args: A) => R,
    ...iterables: { readonly [K in keyof A]: Items<A[K]> }
  ): AsyncIterableIterator<Awaited<R>, undefined> {
    const near = takeNearStack(this.map);
    const lists = iterables as unknown as Items<unknown>[]; // A mapped tuple is an array of its elements.
    return this.#pool.istarmap("ProcessPoolExecutor.map()", fn, zip(lists), near);
  }

  /** Takes no more tasks; resolves when those that are there are done and all workers have ended. */
  async shutdown(options: ShutdownOptions = {}): Promise<void> {
    const call = "ProcessPoolExecutor.shutdown()";
    checkOptions(call, options, ["wait", "cancelFutures"]);
    checkBoolean(call, "wait", options.wait);
    checkBoolean(call, "cancelFutures", options.cancelFutures);
    this.#pool.close();
    if (options.cancelFutures === true) this.#pool.cancelQueued();
    if (options.wait !== false) await this.#pool.join();
  }

  /** Cancels all that is not done and ends the workers by SIGTERM, a little later by SIGKILL. Resolves when they are gone. */
  async terminateWorkers(): Promise<void> {
    await this.#pool.terminate();
  }

  /** Cancels all that is not done and ends the workers by SIGKILL. Resolves when they are gone. */
  async killWorkers(): Promise<void> {
    await this.#pool.terminate({ force: true });
  }

  /** `shutdown()` */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.shutdown();
  }
}

function zip(lists: readonly Items<unknown>[]): Items<readonly unknown[]> {
  const isAsync = lists.some((list) => !(Symbol.iterator in Object(list)));
  return isAsync ? zipAsync(lists) : zipSync(lists as readonly Iterable<unknown>[]);
}

/** Checked at the first item, so that the call itself never throws. */
function checkLists(lists: readonly unknown[]): void {
  const call = "ProcessPoolExecutor.map()";
  if (lists.length === 0) throw invalidArgument(`${call} takes a function and at least one iterable`);
  for (const list of lists) checkItems(call, list);
}

function* zipSync(lists: readonly Iterable<unknown>[]): Generator<readonly unknown[]> {
  checkLists(lists);
  const iterators = lists.map((list) => list[Symbol.iterator]());
  try {
    for (;;) {
      const row = iterators.map((iterator) => iterator.next());
      if (row.some(({ done }) => done === true)) return;
      yield row.map(({ value }) => value);
    }
  } finally {
    for (const iterator of iterators) iterator.return?.();
  }
}

async function* zipAsync(lists: readonly Items<unknown>[]): AsyncGenerator<readonly unknown[]> {
  checkLists(lists);
  const iterators = lists.map((list) =>
    Symbol.asyncIterator in list ? list[Symbol.asyncIterator]() : list[Symbol.iterator](),
  );
  try {
    for (;;) {
      const row = await Promise.all(iterators.map(async (iterator) => iterator.next()));
      if (row.some(({ done }) => done === true)) return;
      yield row.map(({ value }) => value as unknown);
    }
  } finally {
    for (const iterator of iterators) await iterator.return?.();
  }
}

registerKind({
  name: "executor",
  matches: (value): value is ProcessPoolExecutor => value instanceof ProcessPoolExecutor,
  encode: (_executor, encoder) => refusePool("a ProcessPoolExecutor", encoder),
  decode: (decoder) => decoder.malformed("a pool does not cross"),
});
