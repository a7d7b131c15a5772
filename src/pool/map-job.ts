/**
 * One map under way: items in, chunks out to the workers, results in to whoever wants them.
 *
 * Runs in: the parent.
 * Guarantees: each item is answered once, to the sink; after the first error (with `onError: "stop"`) or the end of
 * interest nothing more is handed out.
 * Leaves to others: which worker (`engine.ts`), how many at once (`chunk-size.ts`), what becomes of results (the sink).
 */
import { invalidArgument } from "../base/errors.ts";
import { shown } from "../base/options.ts";
import { addStackBelow, type NearStack } from "../process/stacks.ts";
import type { EncodeOptions } from "../wire/codec.ts";
import { chunkSize, chunksAhead, chunksTogether, smoothedMs } from "./chunk-size.ts";
import type { PoolFunction } from "./function-table.ts";
import { partsOptions } from "./large-parts.ts";
import { pack, type Packed, type Values } from "./packing.ts";
import type { MapSink } from "./map-sinks.ts";
import type { ProgressReporter } from "./progress.ts";
import type { TaskInput } from "./task-input.ts";

/** Tasks of neighbours that travel together. */
export interface Chunk {
  readonly kind: "chunk";
  readonly id: number;
  readonly job: MapJob;
  /** The first item's index in the input. */
  readonly start: number;
  readonly items: readonly unknown[];
  readonly firstTaskId: number;
  readonly packed: Packed;
  readonly careful: boolean;
  /** When it takes too long, the rest may come back: from a multiple of so many items on. 0: it may not. */
  readonly grain: number;
  readonly handedAt: number;
  /** How many, from the first on, are answered. */
  done: number;
  /** The one that ran past its limit: what comes of it no longer counts. */
  condemned: number;
  cancelled: boolean;
  /** The worker has said that it is at it. Only where that cannot be seen. */
  isTaken: boolean;
  /** When the worker said that the first one's own code begins. Only of one with a limit, and where that cannot be seen. */
  begunAt: number | undefined;
}

/** Items that were handed out and came back untouched, or are to be tried again. */
interface Piece {
  readonly start: number;
  readonly items: readonly unknown[];
  readonly firstTaskId: number;
  readonly careful: boolean;
}

export interface JobSettings {
  readonly fn: PoolFunction;
  readonly spread: boolean;
  /** Undefined: automatic. */
  readonly chunkSize: number | undefined;
  readonly timeoutMs: number | undefined;
  readonly priority: number;
  readonly onError: "stop" | "collect";
  readonly near: NearStack;
  readonly call: string;
}

/** What a job asks of its engine. */
export interface JobOwner {
  readonly workers: number;
  nextChunkId(): number;
  /** The first of `count` new task ids that follow each other. */
  taskIds(count: number): number;
  /** It has something to hand out, or something changed that others wait for. */
  wake(job: MapJob): void;
  /** Nothing of it is wanted any more: what is handed out is to be cancelled. */
  jobEnded(job: MapJob, reason: unknown): void;
  taskFailed(job: MapJob, taskId: number, error: unknown): void;
  tasksDone(job: MapJob, firstTaskId: number, count: number): void;
}

/** So many numbers just fit into a message that needs no memory of its own. */
const mostInChunk = 4096;

export class MapJob {
  readonly settings: JobSettings;
  readonly sink: MapSink;
  readonly queuedAt: number = performance.now();
  readonly #owner: JobOwner;
  #input!: TaskInput;
  readonly #pieces: Piece[] = [];
  readonly #encodeOptions: EncodeOptions;
  readonly #deaths = new Map<number, number>();
  readonly #errors = new Map<number, unknown>();
  /** Items read from the input. */
  #read = 0;
  #settled = 0;
  /** Items that wait to be tried again. */
  delayed = 0;
  /** Items at workers. */
  inFlight = 0;
  isOver = false;
  isQueued = false;
  done = 0;
  progress: ProgressReporter | undefined;
  /** Ends what was set up for it: the listener on its signal. */
  cleanup: (() => void) | undefined;

  constructor(owner: JobOwner, settings: JobSettings, sink: MapSink) {
    this.#owner = owner;
    this.settings = settings;
    this.sink = sink;
    const { call, spread } = settings;
    this.#encodeOptions = partsOptions({ root: spread ? `the arguments of ${call}` : `the items of ${call}` });
  }

  begin(input: TaskInput): void {
    this.#input = input;
    if (input.remaining !== undefined) this.sink.expect(input.remaining);
    this.#owner.wake(this);
    this.#finishIfDone();
  }

  /** An input that is read ahead has something, or has ended. */
  inputChanged(): void {
    if (this.isOver) return;
    if (this.#input.isExhausted && this.#input.failure !== undefined) this.#inputFailed(this.#input.failure.error);
    this.#owner.wake(this);
    this.#finishIfDone();
  }

  get itemsRead(): number {
    return this.#read;
  }

  /** Items that wait here, as far as is known. */
  get waiting(): number {
    if (this.isOver) return 0;
    return (this.#input.remaining ?? 0) + this.#pieces.reduce((sum, { items }) => sum + items.length, 0);
  }

  get failed(): number {
    return this.#errors.size;
  }

  get total(): number | undefined {
    const { remaining, isExhausted } = this.#input;
    if (remaining !== undefined) return this.#read + remaining;
    return isExhausted ? this.#read : undefined;
  }

  /** Whether asking it for a chunk makes sense. */
  get mayHaveWork(): boolean {
    if (this.isOver) return false;
    return this.#pieces.length > 0 || (!this.#input.isExhausted && this.sink.room(this.#read) > 0);
  }

  /** The next tasks, at most `limit`; undefined when there is nothing, or not yet. */
  nextChunk(limit: number): Chunk | undefined {
    while (!this.isOver) {
      const piece = this.#nextPiece(limit);
      if (piece === undefined) return undefined;
      const packed = this.#packed(piece);
      if (packed === undefined) continue;
      this.inFlight += piece.items.length;
      const { timeoutMs, chunkSize: fixed } = this.settings;
      return {
        kind: "chunk",
        id: this.#owner.nextChunkId(),
        job: this,
        ...piece,
        packed,
        careful: piece.careful || timeoutMs !== undefined,
        grain: fixed === undefined ? 1 : piece.items.length > fixed ? fixed : 0,
        handedAt: performance.now(),
        done: 0,
        condemned: -1,
        cancelled: false,
        isTaken: false,
        begunAt: undefined,
      };
    }
    return undefined;
  }

  #nextPiece(limit: number): Piece | undefined {
    const returned = this.#pieces[0];
    if (returned !== undefined) {
      const count = Math.min(limit, this.#size(this.waiting));
      if (returned.items.length <= count) return this.#pieces.shift();
      this.#pieces[0] = cut(returned, count, returned.items.length);
      return cut(returned, 0, count);
    }
    if (this.#input.isExhausted) return undefined;
    const count = Math.min(limit, this.#size(this.#input.remaining), this.sink.room(this.#read));
    if (count <= 0) return undefined;
    const items = this.#input.take(count);
    const start = this.#read;
    this.#read += items.length;
    if (this.#input.failure !== undefined) this.#inputFailed(this.#input.failure.error);
    if (items.length === 0 || this.isOver) {
      this.#finishIfDone();
      return undefined;
    }
    return { start, items, firstTaskId: this.#owner.taskIds(items.length), careful: false };
  }

  #size(remaining: number | undefined): number {
    const { chunkSize: fixed, fn } = this.settings;
    const { taskMs } = fn.timing;
    const workers = this.#owner.workers;
    const largest = Math.min(mostInChunk, this.sink.largestChunk(workers));
    if (fixed === undefined) return chunkSize({ taskMs, remaining, workers, largest });
    // Of an input without a length no more at once than it has given so far.
    return fixed * chunksTogether(fixed, { taskMs, remaining: remaining ?? this.#read, workers, largest });
  }

  /** How many of its chunks a worker may hold. */
  get ahead(): number {
    const size = this.#size(this.#pieces.length > 0 ? this.waiting : this.#input.remaining);
    return Math.min(chunksAhead(this.settings.fn.timing.taskMs, size), this.sink.mostAhead);
  }

  /** Undefined when one of the items cannot be copied: that one has failed then, the others come back. */
  #packed(piece: Piece): Packed | undefined {
    const { call, spread } = this.settings;
    try {
      if (spread) checkRows(call, piece);
      return pack(piece.items, this.#encodeOptions);
    } catch (error) {
      if (piece.items.length === 1) {
        this.fail(piece.start, piece.firstTaskId, error);
        return undefined;
      }
      // Which one it is shows when each goes by itself.
      this.#pieces.unshift(...each(piece, 0, piece.items.length));
      return undefined;
    }
  }

  /** The items from `from` up to `to` were not begun, or not told, through no fault of theirs. */
  giveBack(chunk: Chunk, from: number, to: number, careful: boolean): void {
    this.inFlight -= to - from;
    if (!this.isOver && from < to) this.#pieces.unshift({ ...cut(chunk, from, to), careful });
    this.#owner.wake(this);
  }

  /**
   * The same, each to be handed out alone: one of them, nobody knows which, ends its worker before its own code begins, by
   * a module that is imported or a value that is decoded.
   */
  giveBackAlone(chunk: Chunk, from: number): void {
    const to = chunk.items.length;
    this.inFlight -= to - from;
    if (!this.isOver) this.#pieces.unshift(...each(chunk, from, to));
    this.#owner.wake(this);
  }

  /** The worker of a task has died; answers how often now. */
  died(index: number): number {
    const deaths = (this.#deaths.get(index) ?? 0) + 1;
    this.#deaths.set(index, deaths);
    return deaths;
  }

  /** To be handed out again, alone. */
  again(chunk: Chunk, offset: number): void {
    this.delayed--;
    if (this.isOver) return;
    this.#pieces.unshift({ ...cut(chunk, offset, offset + 1), careful: true });
    this.#owner.wake(this);
  }

  /** `values` are the results of the items from `offset` on. */
  succeed(chunk: Chunk, offset: number, values: Values): void {
    if (this.isOver) return;
    this.#settled += values.length;
    this.done += values.length;
    this.sink.values(chunk.start + offset, values);
    this.#owner.tasksDone(this, chunk.firstTaskId + offset, values.length);
    this.progress?.update();
    this.#finishIfDone();
  }

  measured(elapsedMs: number, count: number): void {
    const { timing } = this.settings.fn;
    timing.taskMs = smoothedMs(timing.taskMs, elapsedMs, count);
  }

  fail(index: number, taskId: number, error: unknown): void {
    if (this.isOver) return;
    addStackBelow(error, this.settings.near, `task ${taskId} of ${this.settings.call}, called here`);
    this.#settled++;
    this.#errors.set(index, error);
    this.#owner.taskFailed(this, taskId, error);
    if (this.settings.onError === "stop") {
      this.sink.failed(index, error);
      this.stop(error);
      return;
    }
    this.sink.skipped(index, error);
    this.progress?.update();
    this.#finishIfDone();
  }

  #inputFailed(error: unknown): void {
    if (this.sink.finishesFirst) return; // `#finishIfDone` tells it.
    this.sink.failed(this.#read, error);
    this.stop(error);
  }

  /** Nobody wants more of it. */
  stop(reason: unknown): void {
    if (this.isOver) return;
    this.isOver = true;
    this.progress?.end();
    this.#input.close();
    this.#pieces.length = 0;
    this.#owner.jobEnded(this, reason);
  }

  /** Ends it from outside: `error` is what its caller gets. */
  abort(error: unknown): void {
    if (this.isOver) return;
    this.sink.failed(undefined, error);
    this.stop(error);
  }

  #finishIfDone(): void {
    if (this.isOver || !this.#input.isExhausted || this.#settled < this.#read) return;
    this.progress?.end();
    if (this.isOver) return; // Its callback has thrown, which is the outcome then.
    this.isOver = true;
    const indexes = [...this.#errors.keys()].sort((a, b) => a - b);
    if (this.#input.failure !== undefined) this.sink.failed(this.#read, this.#input.failure.error);
    else if (indexes.length === 0) this.sink.ended();
    else this.sink.failed(this.#read, this.#aggregate(indexes));
    this.#owner.jobEnded(this, undefined);
  }

  #aggregate(indexes: readonly number[]): AggregateError {
    const { call } = this.settings;
    const message = `${indexes.length} of the ${this.#read} tasks of ${call} failed; "indexes" says which`;
    const error = new AggregateError(
      indexes.map((index) => this.#errors.get(index)),
      message,
    );
    return Object.assign(error, { indexes, results: this.sink.results?.(this.#read) });
  }
}

function cut({ start, items, firstTaskId, careful }: Piece, from: number, to: number): Piece {
  return { start: start + from, items: items.slice(from, to), firstTaskId: firstTaskId + from, careful };
}

function each(piece: Piece, from: number, to: number): Piece[] {
  return Array.from({ length: to - from }, (_, n) => cut(piece, from + n, from + n + 1));
}

/** @throws {MultiprocessingError} ERR_MP_INVALID_ARGUMENT for an item that is no list of arguments. */
function checkRows(call: string, { items, start }: Piece): void {
  const wrong = items.findIndex((item) => !Array.isArray(item) && !(Symbol.iterator in Object(item)));
  if (wrong < 0) return;
  throw invalidArgument(
    `${call} takes lists of arguments; item ${start + wrong} is ${shown(items[wrong])}\n  do this:  [${shown(items[wrong])}], or map()`,
  );
}
