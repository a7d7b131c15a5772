/**
 * A worker's note of what it is at, which its pool reads without the worker's help: which task, and since when.
 *
 * Runs in: both; the worker writes it, the parent reads it, after the worker's death too.
 * Guarantees: a time that is read belongs to the task that is read, or to a later one: nobody seems to have run longer
 * than it has.
 *
 *   byte 0   the task's id, modulo 2^32; 0: none
 *        4   1: it is being prepared (modules are imported, values decoded), and its own code has not begun
 *        8   when it began, by the machine's clock; only of tasks that may have a limit
 */

export const noteBytes = 64;

export interface Noted {
  /** Modulo 2^32; 0: none. */
  readonly taskId: number;
  readonly isPreparing: boolean;
  /** By `machineMs()`; without meaning while it is being prepared, and for tasks that were not begun by `beginTimed()`. */
  readonly sinceMs: number;
}

const betweenTasks: Noted = { taskId: 0, isPreparing: false, sinceMs: 0 };

/** Milliseconds by a clock that all processes of a machine share: that of `performance.now()` begins with each process. */
export function machineMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1000 + nanoseconds / 1e6;
}

export class TaskNote {
  readonly #words: Int32Array;
  readonly #at: number;
  readonly #since: Float64Array;

  /** @param at the index in `words` of the first word, in whole units of 8 bytes */
  constructor(words: Int32Array, at: number) {
    this.#words = words;
    this.#at = at;
    this.#since = new Float64Array(words.buffer, words.byteOffset + at * 4 + 8, 1);
  }

  // In the worker:

  prepare(taskId: number): void {
    Atomics.store(this.#words, this.#at + 1, 1);
    Atomics.store(this.#words, this.#at, taskId | 0);
  }

  begin(taskId: number): void {
    this.#words[this.#at] = taskId;
    this.#words[this.#at + 1] = 0;
  }

  /** The time is written first: whoever sees the task sees its time. */
  beginTimed(taskId: number): void {
    this.#since[0] = machineMs();
    Atomics.store(this.#words, this.#at + 1, 0);
    Atomics.store(this.#words, this.#at, taskId | 0);
  }

  end(): void {
    this.#words[this.#at] = 0;
  }

  // In the parent:

  get taskId(): number {
    return this.#words[this.#at]!;
  }

  look(): Noted {
    const taskId = Atomics.load(this.#words, this.#at);
    const isPreparing = Atomics.load(this.#words, this.#at + 1) === 1;
    const sinceMs = this.#since[0]!;
    return Atomics.load(this.#words, this.#at) === taskId ? { taskId, isPreparing, sinceMs } : betweenTasks;
  }
}
