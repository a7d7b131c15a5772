/**
 * One worker as the pool sees it: its process, what it was given and in which order, its limits, its death.
 *
 * Runs in: the parent. The other end is `worker-program.ts`.
 * Guarantees: what was given is answered once, or told to the pool when the worker has ended; a task past its limit has
 * `cancelGraceMs` to end by itself, then the worker is killed, and no other task pays for it.
 * Leaves to others: which task comes next, what an answer means (`engine.ts`, `map-job.ts`).
 */
import { after } from "../base/deadline.ts";
import type { Put } from "../channel/large-buffers.ts";
import type { ExitStatus } from "../process/exit-status.ts";
import type { Process } from "../process/process.ts";
import { supervisionOf } from "../process/process-state.ts";
import { encode } from "../wire/codec.ts";
import type { PoolFunction } from "./function-table.ts";
import { HeadWatch, type Watched } from "./head-watch.ts";
import { letGoLarge } from "./large-parts.ts";
import type { Chunk } from "./map-job.ts";
import { MessageWriter } from "./message-writer.ts";
import { readAtPool, tell, type Decoding, type PoolSide } from "./protocol.ts";
import type { TaskNote } from "./task-note.ts";
import type { Call } from "./task.ts";
import type { WorkerLink } from "./worker-link.ts";

export type WorkerState = "starting" | "idle" | "busy" | "stopping" | "ended";

/** What a worker tells its pool. */
export interface WorkerOwner {
  readonly cancelGraceMs: number;
  ready(worker: Worker): void;
  initializerFailed(worker: Worker, error: Uint8Array): void;
  answered(worker: Worker, call: Call, ok: boolean, bytes: Uint8Array, runMs: number): Decoding;
  block(
    worker: Worker,
    chunk: Chunk,
    offset: number,
    count: number,
    runMs: number,
    form: number,
    bytes: Uint8Array,
  ): Decoding;
  fault(worker: Worker, chunk: Chunk, offset: number, error: Uint8Array, runMs: number): Decoding;
  started(worker: Worker, work: Call | Chunk): void;
  /** Answers why it is to end. */
  expired(worker: Worker, work: Call | Chunk, hasBegun: boolean): unknown;
  memory(worker: Worker, bytes: number): void;
  /** A message was read to its end. */
  heard(worker: Worker): void;
  ended(worker: Worker, status: ExitStatus, cause: unknown): void;
}

/** So many bytes are sent before more are added: what is larger than 100 KiB costs memory of its own. Arbitrary. */
const worthSending = 16_384;
/** A worker that has nothing to do and does not end when asked to is killed. Arbitrary. */
const stopGraceMs = 5000;

export class Worker implements PoolSide, Watched {
  readonly id: number;
  readonly process: Process;
  /** Undefined while it is being started. */
  pid: number | undefined;
  state: WorkerState = "starting";
  /** Not yet answered, in the order in which the worker takes them. */
  readonly assigned: (Call | Chunk)[] = [];
  /** How many things were handed over that are not answered: a chunk is one, and so are calls that went together. */
  batches = 0;
  /** Tasks ever given. */
  given = 0;
  tasksDone = 0;
  memoryBytes: number | undefined;
  /** The task in which the worker called `process.exit()` or met an uncaught error. */
  leavingTaskId: number | undefined;
  killedByPool = false;
  wasReady = false;
  /** Its initializer threw. */
  hasFailed = false;
  /** It gets nothing more, and is stopped when it has answered. */
  isRetiring = false;
  /** Which limit it has reached. */
  retiredFor: "memory" | "tasks" | undefined;
  idleSince: number = performance.now();
  busyMs = 0;
  busySince: number | undefined;
  readonly startedAt: number = performance.now();
  cancelIdleTimer: (() => void) | undefined;
  readonly #owner: WorkerOwner;
  readonly #out: MessageWriter = new MessageWriter();
  readonly #known = new Set<number>();
  readonly #link: WorkerLink;
  /** What the messages that are being written refer to. */
  #kept: object[] = [];
  /** What of it is here only for these messages. */
  readonly #large: Put[] = [];
  readonly #watch: HeadWatch;
  #cancelStopTimer: (() => void) | undefined;

  constructor(id: number, process: Process, link: WorkerLink, owner: WorkerOwner) {
    this.id = id;
    this.process = process;
    this.#link = link;
    this.#owner = owner;
    this.#watch = new HeadWatch(this);
  }

  /** Rejects when the process cannot be started. */
  async start(): Promise<void> {
    try {
      await this.process.start();
    } catch (error) {
      this.#link.close();
      throw error;
    }
    const supervision = supervisionOf(this.process, "a pool's worker");
    this.pid = supervision.pid;
    this.#link.open(supervision, (message) => {
      const decoding = readAtPool(message, this);
      this.#watch.update(this.head);
      this.#owner.heard(this);
      return decoding;
    });
    const last = [supervision.ended, supervision.outcome, this.#link.ended] as const;
    void Promise.all(last).then(([status, outcome]) => {
      this.state = "ended";
      this.#watch.stop();
      this.#cancelStopTimer?.();
      this.cancelIdleTimer?.();
      const uncaught = "error" in outcome && status.exitCode === 1 ? outcome.error : undefined;
      this.#owner.ended(this, status, uncaught);
      this.#link.close();
    });
  }

  get head(): Call | Chunk | undefined {
    return this.assigned[0];
  }

  /** They go together, in one message. */
  giveCalls(calls: readonly Call[]): void {
    for (const { fn } of calls) this.#define(fn!);
    tell.calls(this.#out, calls.length);
    for (const call of calls) {
      tell.call(this.#out, call.id, call.fn!.id, call.careful, call.args);
      if (call.keepAlive.length > 0) this.#kept.push(...call.keepAlive);
      call.isLastOfBatch = false;
      this.assigned.push(call);
    }
    calls.at(-1)!.isLastOfBatch = true;
    this.#given(calls.length);
  }

  giveChunk(chunk: Chunk): void {
    const { fn, spread } = chunk.job.settings;
    this.#define(fn);
    tell.chunk(this.#out, {
      chunkId: chunk.id,
      functionId: fn.id,
      firstTaskId: chunk.firstTaskId,
      count: chunk.items.length,
      careful: chunk.careful,
      grain: chunk.grain,
      spread,
      form: chunk.packed.form,
      items: chunk.packed.bytes,
    });
    if (chunk.packed.keepAlive.length > 0) this.#kept.push(...chunk.packed.keepAlive);
    if (chunk.packed.large.length > 0) this.#large.push(...chunk.packed.large);
    this.assigned.push(chunk);
    this.#given(chunk.items.length);
    if (this.#out.size >= worthSending) this.flush();
  }

  #given(count: number): void {
    this.given += count;
    this.batches++;
    if (this.state === "idle") {
      this.state = "busy";
      this.busySince = performance.now();
      this.cancelIdleTimer?.();
      this.cancelIdleTimer = undefined;
    }
    this.#watch.update(this.head);
  }

  /** What it was given goes off. */
  flush(): void {
    if (!this.#out.isEmpty && this.state !== "starting" && this.state !== "ended") this.#send();
  }

  #define(fn: PoolFunction): void {
    if (this.#known.has(fn.id)) return;
    this.#known.add(fn.id);
    tell.define(this.#out, { functionId: fn.id, fresh: fn.fresh, bytes: fn.bytes });
    if (fn.keepAlive.length > 0) this.#kept.push(...fn.keepAlive);
  }

  forget(functionId: number): void {
    if (this.#known.delete(functionId)) tell.forget(this.#out, functionId); // It goes with the next message.
  }

  get cancelGraceMs(): number {
    return this.#owner.cancelGraceMs;
  }

  get note(): TaskNote | undefined {
    return this.#link.note;
  }

  /** The task that it is running; 0: none. Undefined: it cannot be seen. */
  get runningTask(): number | undefined {
    // Without shared memory it has told what it has taken; within a batch nobody knows.
    return this.note?.taskId ?? (this.head?.isTaken === true ? undefined : 0);
  }

  /** The task that it ran when it ended; 0: none. Undefined: nobody knows. */
  get lastTask(): number | undefined {
    if (!this.wasReady) return 0;
    return this.note?.taskId ?? this.leavingTaskId ?? this.runningTask;
  }

  /** It ended before the code of its last task had begun: any task of a chunk may be the reason. */
  get endedPreparing(): boolean {
    return this.note?.look().isPreparing === true;
  }

  #send(): void {
    this.#link.send(this.#out.take(), this.#kept);
    if (this.#kept.length > 0) this.#kept = [];
    if (this.#large.length > 0) letGoLarge(this.#large.splice(0)); // The message holds it.
  }

  /** The task is settled already; the worker is to let go of it. */
  cancel(work: Call | Chunk, reason: unknown): void {
    const firstTaskId = work.kind === "call" ? work.id : work.firstTaskId + work.done;
    const count = work.kind === "call" ? 1 : work.items.length - work.done;
    if (work.kind === "chunk") work.cancelled = true;
    this.#tellCancelled(firstTaskId, count, reason);
    this.#watch.update(this.head);
  }

  #tellCancelled(firstTaskId: number, count: number, reason: unknown): void {
    let bytes: Uint8Array;
    try {
      ({ bytes } = encode(reason));
    } catch {
      ({ bytes } = encode(undefined)); // The reason cannot cross; that it is cancelled can.
    }
    tell.cancel(this.#out, { firstTaskId, count, reason: bytes });
    this.#send();
  }

  /** Ends when what it was given is answered. */
  stop(): void {
    if (this.state === "stopping" || this.state === "ended") return;
    this.state = "stopping";
    tell.stop(this.#out);
    this.#send();
    this.#cancelStopTimer = after(stopGraceMs, () => this.kill(), { ref: false });
  }

  kill(): void {
    this.killedByPool = true;
    if (this.pid !== undefined) this.process.kill();
  }

  /** SIGTERM, and SIGKILL a little later. */
  terminate(): void {
    this.killedByPool = true;
    if (this.pid !== undefined) supervisionOf(this.process, "a pool's worker").endByForce();
  }

  started(work: Call | Chunk): void {
    this.#owner.started(this, work);
  }

  expire(work: Call | Chunk, hasBegun: boolean): void {
    const reason = this.#owner.expired(this, work, hasBegun);
    const taskId = work.kind === "call" ? work.id : work.firstTaskId + work.done;
    this.#tellCancelled(taskId, 1, reason);
    this.#watch.update(this.head);
  }

  // What the worker says:

  ready(): void {
    this.state = "idle";
    this.wasReady = true;
    this.idleSince = performance.now();
    this.#owner.ready(this);
  }

  failed(error: Uint8Array): void {
    this.hasFailed = true;
    this.#owner.initializerFailed(this, error);
  }

  result(taskId: number, runMs: number, ok: boolean, bytes: Uint8Array): Decoding {
    const call = this.#takeCall(taskId);
    return call === undefined ? undefined : this.#owner.answered(this, call, ok, bytes, runMs);
  }

  skipped(taskId: number): void {
    this.#takeCall(taskId);
  }

  #takeCall(taskId: number): Call | undefined {
    const { assigned } = this;
    const head = assigned[0];
    let at = 0;
    if (head?.kind !== "call" || head.id !== taskId) {
      at = assigned.findIndex((work) => work.kind === "call" && work.id === taskId);
      if (at < 0) return undefined;
    }
    const call = assigned[at] as Call;
    if (call.isLastOfBatch) this.#endBatch(at);
    if (at === 0) assigned.shift();
    else assigned.splice(at, 1);
    return call;
  }

  /** A batch is answered when its last is, or, if that one was skipped, when the one before is. */
  #endBatch(at: number): void {
    const before = this.assigned[at - 1];
    if (before?.kind === "call" && !before.isLastOfBatch) before.isLastOfBatch = true;
    else this.batches--;
  }

  #chunkAtWork(chunkId: number): Chunk | undefined {
    return this.assigned.find((work): work is Chunk => work.kind === "chunk" && work.id === chunkId);
  }

  block(chunkId: number, offset: number, count: number, runMs: number, form: number, bytes: Uint8Array): Decoding {
    const chunk = this.#chunkAtWork(chunkId);
    if (chunk === undefined) return undefined;
    this.#advance(chunk, offset + count);
    return this.#owner.block(this, chunk, offset, count, runMs, form, bytes);
  }

  fault(chunkId: number, offset: number, runMs: number, error: Uint8Array): Decoding {
    const chunk = this.#chunkAtWork(chunkId);
    if (chunk === undefined) return undefined;
    this.#advance(chunk, offset + 1);
    return this.#owner.fault(this, chunk, offset, error, runMs);
  }

  #advance(chunk: Chunk, done: number): void {
    chunk.job.inFlight -= done - chunk.done;
    chunk.done = done;
    if (done === chunk.items.length) this.#takeChunk(chunk);
  }

  #takeChunk(chunk: Chunk): void {
    this.assigned.splice(this.assigned.indexOf(chunk), 1);
    this.batches--;
  }

  untouched(chunkId: number, offset: number): void {
    const chunk = this.#chunkAtWork(chunkId);
    if (chunk === undefined) return;
    this.#takeChunk(chunk);
    this.given -= chunk.items.length - offset;
    chunk.job.giveBack(chunk, offset, chunk.items.length, false);
  }

  taken(taskId: number): void {
    let at = this.#placeOf(taskId);
    for (let work = this.assigned[at]; work !== undefined; work = this.assigned[++at]) {
      work.isTaken = true;
      if (work.kind === "chunk" || work.isLastOfBatch) break;
    }
  }

  begun(taskId: number): void {
    const work = this.assigned[this.#placeOf(taskId)];
    if (work !== undefined) work.begunAt = performance.now();
  }

  #placeOf(taskId: number): number {
    return this.assigned.findIndex((work) => (work.kind === "call" ? work.id : work.firstTaskId) === taskId);
  }

  leaving(taskId: number): void {
    this.leavingTaskId = taskId;
  }

  memory(bytes: number): void {
    this.memoryBytes = bytes;
    this.#owner.memory(this, bytes);
  }
}
