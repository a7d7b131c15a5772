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
import { Assigned, nextIdOf, type Work } from "./assigned.ts";
import { HeadWatch, type Watched } from "./head-watch.ts";
import { letGoLarge } from "./large-parts.ts";
import type { Chunk } from "./map-job.ts";
import { MessageWriter } from "./message-writer.ts";
import { readAtPool, type BlockMessage, type Decoding, type FaultMessage, type PoolSide } from "./to-pool.ts";
import { tellWorker } from "./to-worker.ts";
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
  block(worker: Worker, chunk: Chunk, message: BlockMessage): Decoding;
  fault(worker: Worker, chunk: Chunk, message: FaultMessage): Decoding;
  started(worker: Worker, work: Work): void;
  /** Answers why it is to end. */
  expired(worker: Worker, work: Work, hasBegun: boolean): unknown;
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
  readonly assigned: Assigned = new Assigned();
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
      this.#watch.update(this.assigned.head);
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

  /** They go together, in one message. */
  giveCalls(calls: readonly Call[]): void {
    for (const { fn } of calls) this.#define(fn!);
    tellWorker.calls(this.#out, calls.length);
    for (const call of calls) {
      tellWorker.call(this.#out, call.id, call.fn!.id, call.careful, call.args);
      if (call.keepAlive.length > 0) this.#kept.push(...call.keepAlive);
    }
    this.assigned.addCalls(calls);
    this.#given(calls.length);
  }

  giveChunk(chunk: Chunk): void {
    const { fn, spread } = chunk.job.settings;
    this.#define(fn);
    tellWorker.chunk(this.#out, {
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
    this.assigned.addChunk(chunk);
    this.#given(chunk.items.length);
    if (this.#out.size >= worthSending) this.flush();
  }

  #given(count: number): void {
    this.given += count;
    if (this.state === "idle") {
      this.state = "busy";
      this.busySince = performance.now();
      this.cancelIdleTimer?.();
      this.cancelIdleTimer = undefined;
    }
    this.#watch.update(this.assigned.head);
  }

  /** What it was given goes off. */
  flush(): void {
    if (!this.#out.isEmpty && this.state !== "starting" && this.state !== "ended") this.#send();
  }

  #define(fn: PoolFunction): void {
    if (this.#known.has(fn.id)) return;
    this.#known.add(fn.id);
    tellWorker.define(this.#out, { functionId: fn.id, fresh: fn.fresh, bytes: fn.bytes });
    if (fn.keepAlive.length > 0) this.#kept.push(...fn.keepAlive);
  }

  forget(functionId: number): void {
    if (this.#known.delete(functionId)) tellWorker.forget(this.#out, functionId); // It goes with the next message.
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
    return this.note?.taskId ?? (this.assigned.head?.isTaken === true ? undefined : 0);
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
  cancel(work: Work, reason: unknown): void {
    const count = work.kind === "call" ? 1 : work.items.length - work.done;
    if (work.kind === "chunk") work.cancelled = true;
    this.#tellCancelled(nextIdOf(work), count, reason);
    const { head } = this.assigned;
    if (work !== head) this.#watch.endBehindHead(work);
    this.#watch.update(head);
  }

  #tellCancelled(firstTaskId: number, count: number, reason: unknown): void {
    let bytes: Uint8Array;
    try {
      ({ bytes } = encode(reason));
    } catch {
      ({ bytes } = encode(undefined)); // The reason cannot cross; that it is cancelled can.
    }
    tellWorker.cancel(this.#out, { firstTaskId, count, reason: bytes });
    this.#send();
  }

  /** Ends when what it was given is answered. */
  stop(): void {
    if (this.state === "stopping" || this.state === "ended") return;
    this.state = "stopping";
    tellWorker.stop(this.#out);
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

  has(work: Work): boolean {
    return this.assigned.works.includes(work);
  }

  started(work: Work): void {
    this.#owner.started(this, work);
  }

  expire(work: Work, hasBegun: boolean): void {
    const reason = this.#owner.expired(this, work, hasBegun);
    this.#tellCancelled(nextIdOf(work), 1, reason);
    this.#watch.update(this.assigned.head);
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
    const call = this.assigned.takeCall(taskId);
    return call === undefined ? undefined : this.#owner.answered(this, call, ok, bytes, runMs);
  }

  skipped(taskId: number): void {
    this.assigned.takeCall(taskId);
  }

  block(message: BlockMessage): Decoding {
    const chunk = this.assigned.chunk(message.chunkId);
    if (chunk === undefined) return undefined;
    this.assigned.advance(chunk, message.offset + message.count);
    return this.#owner.block(this, chunk, message);
  }

  fault(message: FaultMessage): Decoding {
    const chunk = this.assigned.chunk(message.chunkId);
    if (chunk === undefined) return undefined;
    this.assigned.advance(chunk, message.offset + 1);
    return this.#owner.fault(this, chunk, message);
  }

  untouched(chunkId: number, offset: number): void {
    const chunk = this.assigned.chunk(chunkId);
    if (chunk === undefined) return;
    this.assigned.takeChunk(chunk);
    this.given -= chunk.items.length - offset;
    chunk.job.giveBack(chunk, offset, chunk.items.length, false);
  }

  taken(taskId: number): void {
    this.assigned.noteTaken(taskId);
  }

  begun(taskId: number): void {
    const work = this.assigned.find(taskId);
    if (work !== undefined) work.begunAt = performance.now();
  }

  leaving(taskId: number): void {
    this.leavingTaskId = taskId;
  }

  memory(bytes: number): void {
    this.memoryBytes = bytes;
    this.#owner.memory(this, bytes);
  }
}
