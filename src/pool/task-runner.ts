/**
 * A worker at work: takes tasks in the order in which they came, one at a time, and tells what came of each.
 *
 * Runs in: the worker.
 * Guarantees: each task that was begun is answered, be it by an error about its result; what is done is told at the
 * latest a millisecond later or before something that takes time; the event loop turns at least every 10 ms.
 * Leaves to others: messages (`to-worker.ts`), functions (`worker-functions.ts`), what it means when it dies (the parent).
 */
import { decode, decodeSync, needsModules } from "../wire/codec.ts";
import { abortRunning, runningTaskId, setRunning } from "./current-task.ts";
import { copyLarge, fetchLarge } from "./large-parts.ts";
import { Outbox } from "./outbox.ts";
import { unpack, type Values } from "./packing.ts";
import {
  readAtWorker,
  type CallMessage,
  type CancelMessage,
  type ChunkMessage,
  type FunctionMessage,
  type WorkerSide,
} from "./to-worker.ts";
import type { TaskNote } from "./task-note.ts";
import { WorkerFunctions, type AnyTarget } from "./worker-functions.ts";
import type { PoolLink } from "./worker-link.ts";

const turnMs = 10;
/** A chunk that may be split gives its rest back after this time: it was thought to be shorter. Arbitrary. */
const splitMs = 50;
/** Among tasks of microseconds the clock is not read each time. */
const longestStride = 32;
const briefMs = 0.02;
/** What came in one message; its bytes are needed until all of it is done. */
interface Delivery {
  left: number;
  done: () => void;
}

/** What was handed over together: calls, or a chunk. */
interface Batch {
  readonly delivery: Delivery;
  /** The pool knows that it is at it. */
  isTold: boolean;
}

type Unit =
  | { readonly kind: "call"; readonly call: CallMessage; readonly batch: Batch }
  | { readonly kind: "chunk"; readonly chunk: ChunkMessage; readonly batch: Batch; cancelled: boolean };

/** A larger message lies in memory of its own, and stays there until it is done with. */
const largestCopied = 262_144;

interface Options {
  readonly memoryIsLimited: boolean;
  readonly mayTryAgain: boolean;
}

export class TaskRunner implements WorkerSide {
  readonly #out: Outbox;
  readonly #functions: WorkerFunctions = new WorkerFunctions();
  readonly #note: TaskNote;
  readonly #queue: Unit[] = [];
  readonly #noteIsSeen: boolean;
  readonly #fetch: typeof fetchLarge;
  #delivery: Delivery = { left: 0, done: () => {} };
  #unit: Unit | undefined;
  /** Where the last stretch of a chunk has ended. */
  #reached = 0;
  #working = false;
  #stopping = false;
  #turnedAt = 0;
  readonly stopped: Promise<void>;
  #onStopped!: () => void;

  constructor(link: PoolLink, options: Options) {
    this.#out = new Outbox(link, options);
    this.#note = link.note;
    this.#noteIsSeen = link.noteIsSeen;
    this.#fetch = options.mayTryAgain ? copyLarge : fetchLarge;
    this.stopped = new Promise((resolve) => {
      this.#onStopped = resolve;
    });
    // Before this process gives up its place in shared memory, which was listened for earlier.
    process.prependOnceListener("exit", () => this.#leave());
  }

  ready(): void {
    this.#out.ready();
  }

  failed(error: unknown): void {
    this.#out.failed(error);
  }

  /** A message has come; the promise is settled when it is not needed any more. */
  receive(message: Uint8Array): void | Promise<void> {
    const delivery: Delivery = { left: 0, done: () => {} };
    this.#delivery = delivery;
    readAtWorker(message.length > largestCopied ? message : message.slice(), this);
    if (delivery.left === 0) return undefined;
    return new Promise((resolve) => {
      delivery.done = resolve;
    });
  }

  #add(unit: Unit): void {
    this.#delivery.left++;
    this.#queue.push(unit);
    this.#wake();
  }

  #batch(): Batch {
    return { delivery: this.#delivery, isTold: this.#noteIsSeen };
  }

  #finished({ batch: { delivery } }: Unit): void {
    if (--delivery.left === 0) delivery.done();
  }

  define(message: FunctionMessage): void {
    this.#functions.define(message);
  }

  forget(functionId: number): void {
    this.#functions.forget(functionId);
  }

  calls(calls: readonly CallMessage[]): void {
    const batch = this.#batch();
    for (const call of calls) this.#add({ kind: "call", call, batch });
  }

  chunk(chunk: ChunkMessage): void {
    this.#add({ kind: "chunk", chunk, cancelled: false, batch: this.#batch() });
  }

  cancel({ firstTaskId, count, reason }: CancelMessage): void {
    const last = firstTaskId + count - 1;
    const hits = (id: number): boolean => id >= firstTaskId && id <= last;
    const running = runningTaskId();
    if (hits(running)) {
      void decode(reason).then(
        (why) => abortRunning(running, why),
        () => abortRunning(running, undefined), // It cannot be read here: an AbortError then says that much.
      );
      if (this.#unit?.kind === "chunk" && last > running) this.#unit.cancelled = true;
    }
    for (let i = this.#queue.length - 1; i >= 0; i--) {
      const unit = this.#queue[i]!;
      if (unit.kind === "chunk") unit.cancelled ||= hits(unit.chunk.firstTaskId);
      else if (hits(unit.call.taskId)) {
        this.#queue.splice(i, 1);
        this.#finished(unit);
        this.#out.skipped(unit.call.taskId);
      }
    }
    this.#out.flushSoon();
  }

  stop(): void {
    this.#stopping = true;
    if (!this.#working) this.#onStopped();
  }

  #wake(): void {
    if (this.#working) return;
    this.#working = true;
    this.#turnedAt = performance.now();
    queueMicrotask(() => void this.#work()); // When the message has been read to its end.
  }

  async #work(): Promise<void> {
    for (let unit = this.#queue.shift(); unit !== undefined; unit = this.#queue.shift()) {
      this.#unit = unit;
      const pending = unit.kind === "call" ? this.#call(unit) : this.#chunk(unit);
      if (pending !== undefined) await pending;
      this.#unit = undefined;
      this.#finished(unit);
      const now = performance.now();
      if (now - this.#turnedAt >= turnMs) await this.#turn(now);
    }
    this.#working = false;
    this.#out.flush(performance.now());
    if (this.#stopping) this.#onStopped();
  }

  /** Lets timers, messages and cancellations in. */
  async #turn(now: number): Promise<void> {
    this.#out.flush(now);
    await new Promise<void>((resolve) => void setImmediate(resolve));
    this.#turnedAt = performance.now();
  }

  /** Modules are imported, values decoded: it is at work, and its own code has not begun. */
  #prepare(taskId: number, careful: boolean, batch: Batch, now: number): void {
    // What the pool must know in case that it never ends:
    if (!batch.isTold) {
      batch.isTold = true;
      this.#out.taken(taskId, now);
    } else if (careful) this.#out.flush(now);
    else this.#out.flushIfDue(now);
    this.#note.prepare(taskId);
    setRunning(taskId);
  }

  #begin(taskId: number, careful: boolean): void {
    if (careful) this.#note.beginTimed(taskId);
    else this.#note.begin(taskId);
    setRunning(taskId);
  }

  /** Its limit runs from here. */
  #tellBegun(taskId: number, careful: boolean): void {
    if (careful && !this.#noteIsSeen) this.#out.begun(taskId, performance.now());
  }

  /** Its answer is written: whoever dies of writing it, by a getter or for want of memory, would die of it again. */
  #end(): void {
    this.#note.end();
    setRunning(0);
  }

  #call({ call, batch }: Unit & { kind: "call" }): Promise<void> | undefined {
    const { taskId, careful } = call;
    const start = performance.now();
    this.#prepare(taskId, careful, batch, start);
    let value: unknown;
    try {
      const target = this.#functions.get(call.functionId);
      if (typeof target !== "function" || needsModules(call.args)) return this.#callWithModules(call, target, start);
      const args = decodeSync(call.args, this.#fetch) as unknown[];
      this.#tellBegun(taskId, careful);
      this.#begin(taskId, careful);
      value = target(...args);
      if (isThenable(value)) return this.#callLater(call, value, start);
    } catch (error) {
      this.#answer(call, start, error, false);
      return undefined;
    }
    this.#answer(call, start, value, true);
    return undefined;
  }

  async #callWithModules(call: CallMessage, target: AnyTarget | Promise<AnyTarget>, start: number): Promise<void> {
    let value: unknown;
    try {
      const args = await this.#functions.importing(() => decode(call.args, this.#fetch));
      const made = await target;
      this.#tellBegun(call.taskId, call.careful);
      this.#begin(call.taskId, call.careful);
      const pending = made(...(args as unknown[]));
      this.#out.flushSoon();
      value = await pending;
    } catch (error) {
      this.#answer(call, start, error, false);
      return;
    }
    this.#answer(call, start, value, true);
  }

  async #callLater(call: CallMessage, pending: PromiseLike<unknown>, start: number): Promise<void> {
    this.#out.flushSoon();
    let value: unknown;
    try {
      value = await pending;
    } catch (error) {
      this.#answer(call, start, error, false);
      return;
    }
    this.#answer(call, start, value, true);
  }

  #answer({ taskId }: CallMessage, start: number, value: unknown, ok: boolean): void {
    this.#out.answer(taskId, performance.now() - start, ok, value);
    this.#end();
  }

  async #chunk(unit: Unit & { kind: "chunk" }): Promise<void> {
    const { chunk } = unit;
    const { chunkId, firstTaskId, count, careful, grain } = chunk;
    const start = performance.now();
    this.#prepare(firstTaskId, careful, unit.batch, start);
    let target: AnyTarget;
    let items: Values;
    try {
      target = await this.#functions.get(chunk.functionId);
      items = await this.#functions.importing(() => unpack(chunk.form, count, chunk.items));
    } catch (error) {
      this.#out.beginChunk(chunkId, start);
      this.#out.faults(count, error);
      this.#end();
      return;
    }
    this.#tellBegun(firstTaskId, careful);
    let now = performance.now();
    this.#out.beginChunk(chunkId, now);
    let end = unit.cancelled ? 0 : count;
    for (let at = 0; at < end;) {
      const untilMs = Math.min(
        this.#out.dueAt,
        this.#turnedAt + turnMs,
        grain > 0 && end === count ? start + splitMs : Infinity,
      );
      const later = this.#stretch(chunk, target, items, at, careful ? at + 1 : end, untilMs);
      at = this.#reached;
      if (later !== undefined) await this.#later(later, at++);
      now = performance.now();
      if (careful) this.#out.flush(now);
      else this.#out.flushIfDue(now);
      if (now - this.#turnedAt >= turnMs) await this.#turn(now);
      if (grain > 0 && end === count && now - start >= splitMs) end = Math.min(Math.ceil(at / grain) * grain, count);
      if (unit.cancelled) end = at;
    }
    if (end === 0) this.#end();
    if (end < count) this.#out.untouched(end);
    this.#out.flush(performance.now());
  }

  /**
   * Runs tasks one after another, until one is to be waited for or time is up: answers what to wait for; `#reached` says
   * which it is, or where the stretch has ended.
   *
   * Why a loop of its own: in `#chunk`, which has all else in it, V8 took 12 to 25 ms to optimise it, several times a
   * worker (`--trace-opt`), which is more than a map of 100,000 short tasks takes.
   */
  #stretch(
    { firstTaskId, spread, careful }: ChunkMessage,
    target: AnyTarget,
    items: Values,
    from: number,
    to: number,
    untilMs: number,
  ): PromiseLike<unknown> | undefined {
    let readAt = careful ? 0 : performance.now(); // Of one task the caller reads the clock.
    let stride = 1;
    let look = careful ? to : from;
    let at = from;
    for (; at < to; at++) {
      this.#begin(firstTaskId + at, careful);
      try {
        const value = spread ? target(...(items[at] as unknown[])) : target(items[at]);
        if (isThenable(value)) {
          this.#reached = at;
          return value;
        }
        this.#out.result(at, value);
      } catch (error) {
        this.#out.fault(at, error);
      }
      if (at < look) continue;
      const now = performance.now();
      if (now >= untilMs) {
        at++;
        break;
      }
      stride = now - readAt >= briefMs ? 1 : Math.min(stride * 2, longestStride);
      readAt = now;
      look = at + stride;
    }
    this.#end(); // Between two of a stretch nobody else has a turn: the next one's beginning is the end of the one before.
    this.#reached = at;
    return undefined;
  }

  async #later(pending: PromiseLike<unknown>, at: number): Promise<void> {
    this.#out.flushSoon();
    let value: unknown;
    try {
      value = await pending;
    } catch (error) {
      this.#out.fault(at, error);
      this.#end();
      return;
    }
    this.#out.result(at, value);
    this.#end();
  }

  /** `process.exit()` in a task, or an uncaught error: what is done is done, and the pool learns which task it was. */
  #leave(): void {
    this.#out.leaving(runningTaskId());
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    ((typeof value === "object" && value !== null) || typeof value === "function") &&
    typeof (value as { then?: unknown }).then === "function"
  );
}
