/**
 * What waits for a worker: calls and maps by priority, and calls that wait to be tried again.
 *
 * Runs in: the parent.
 * Guarantees: a call that is settled while it waits is passed over, and does not count.
 */
import { chunkSize } from "./chunk-size.ts";
import { MapJob } from "./map-job.ts";
import { PriorityQueue } from "./priority-queue.ts";
import { Call } from "./task.ts";

/** Short tasks that are submitted one by one travel together, up to this number. Measured in bench/rows/pool.js. */
const mostInBatch = 256;

export class Backlog {
  readonly #queue = new PriorityQueue<Call | MapJob>();
  readonly #delayed = new Set<Call>();
  #queuedCalls = 0;

  /** Calls that wait, those that wait to be tried again included. */
  get calls(): number {
    return this.#queuedCalls + this.#delayed.size;
  }

  push(call: Call): void {
    this.#queuedCalls++;
    this.#queue.push(call, call.priority);
  }

  pushJob(job: MapJob): void {
    if (job.isQueued || !job.mayHaveWork) return;
    job.isQueued = true;
    this.#queue.push(job, job.settings.priority);
  }

  /** They were handed out, and come before all others of their priority. */
  takeBack(calls: readonly Call[]): void {
    for (const call of calls.toReversed()) {
      call.backInQueue();
      call.isHandedOut = false;
      this.#queuedCalls++;
      this.#queue.unshift(call, call.priority);
    }
  }

  delay(call: Call, on: boolean): void {
    call.backInQueue();
    if (on) this.#delayed.add(call);
    else this.#delayed.delete(call);
  }

  /** It is about to be settled. */
  drop(call: Call): void {
    if (!this.#delayed.delete(call) && !call.isHandedOut) this.#queuedCalls--;
  }

  get isEmpty(): boolean {
    return this.peek() === undefined;
  }

  /** What comes next. */
  peek(): Call | MapJob | undefined {
    let next = this.#queue.peek();
    while (next instanceof Call && next.isSettled) {
      this.#queue.shift();
      next = this.#queue.peek();
    }
    return next;
  }

  /** The map that `peek` has shown. */
  takeJob(): void {
    const job = this.#queue.shift();
    if (job instanceof MapJob) job.isQueued = false;
  }

  /** The call that `peek` has shown, and those behind it that are as short. */
  takeCalls(first: Call, limit: number, workers: number): Call[] {
    const { timing } = first.fn!;
    const size = chunkSize({ taskMs: timing.taskMs, remaining: this.#queuedCalls, workers, largest: mostInBatch });
    const most = first.careful ? 1 : Math.min(size, limit);
    const calls: Call[] = [];
    while (calls.length < most) {
      const next = this.peek();
      if (!(next instanceof Call) || (calls.length > 0 && (next.careful || next.fn!.timing !== timing))) break;
      this.#queue.shift();
      this.#queuedCalls--;
      next.isHandedOut = true;
      calls.push(next);
    }
    return calls;
  }

  /** Every call that waits. */
  *waitingCalls(): Generator<Call> {
    for (const source of this.#queue) if (source instanceof Call && !source.isSettled) yield source;
    yield* this.#delayed;
  }
}
