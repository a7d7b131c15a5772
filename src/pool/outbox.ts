/**
 * What a worker has to tell, until it is sent: answers, and results of neighbours in a chunk that are packed together.
 *
 * Runs in: the worker.
 * Guarantees: a result that cannot be copied becomes the error of its own task; what was sent outlives the worker.
 * Leaves to others: when to send (`task-runner.ts`).
 */
import type { Put } from "../channel/large-buffers.ts";
import type { EncodeOptions } from "../wire/codec.ts";
import { reportError } from "../wire/error-report.ts";
import { encodeParts, letGoLarge, partsOptions, type EncodedParts } from "./large-parts.ts";
import { MessageWriter } from "./message-writer.ts";
import { pack } from "./packing.ts";
import { tellPool } from "./to-pool.ts";
import type { PoolLink } from "./worker-link.ts";

/** Short against what a caller notices, long against the cost of sending (10 µs). Arbitrary. */
const flushMs = 1;
const memoryEveryMs = 250;
/** With a limit it is looked at more often. Reading it costs 20 µs. */
const limitedMemoryEveryMs = 5;
/** Nobody waits for more bytes than that to be sent. Arbitrary. */
const mostBytes = 262_144;

export class Outbox {
  readonly #link: PoolLink;
  readonly #writer: MessageWriter = new MessageWriter();
  readonly #result: { readonly root: "result"; readonly home: string };
  readonly #parts: EncodeOptions;
  readonly #memoryEveryMs: number;
  /** What the results refer to. */
  #kept: object[] = [];
  /** What of it is here only for these messages. */
  #large: Put[] = [];
  #largeBytes = 0;
  #flushedAt = 0;
  #toldMemoryAt = 0;
  #flushIsDue = false;
  /** The chunk at work, and results of neighbours in it that are not written yet. */
  #chunkId = 0;
  #plain: unknown[] = [];
  #plainFrom = 0;
  #since = 0;

  constructor(link: PoolLink, { memoryIsLimited }: { readonly memoryIsLimited: boolean }) {
    this.#link = link;
    this.#result = { root: "result", home: link.home };
    this.#parts = partsOptions(this.#result);
    this.#memoryEveryMs = memoryIsLimited ? limitedMemoryEveryMs : memoryEveryMs;
  }

  ready(): void {
    tellPool.ready(this.#writer);
    this.flush(performance.now());
  }

  failed(error: unknown): void {
    tellPool.failed(this.#writer, reportError(error, this.#result));
    this.flush(performance.now());
  }

  skipped(taskId: number): void {
    tellPool.skipped(this.#writer, taskId);
  }

  /** What came of a call. */
  answer(taskId: number, runMs: number, ok: boolean, value: unknown): void {
    let done = ok;
    let bytes: Uint8Array;
    try {
      if (ok) {
        const encoded = encodeParts(value, this.#parts);
        ({ bytes } = encoded);
        this.#keep(encoded);
      } else bytes = reportError(value, this.#result);
    } catch (error) {
      done = false;
      bytes = reportError(error, this.#result);
    }
    tellPool.result(this.#writer, taskId, runMs, done, bytes);
    if (this.#writer.size + this.#largeBytes > mostBytes) this.flush(performance.now());
  }

  beginChunk(chunkId: number, now: number): void {
    this.#chunkId = chunkId;
    this.#plainFrom = 0;
    this.#since = now;
  }

  /** What an item's task has returned. */
  result(at: number, value: unknown): void {
    if ((typeof value === "object" && value !== null) || typeof value === "function") {
      this.#object(at, value);
      return;
    }
    if (this.#plain.length === 0) this.#plainFrom = at;
    this.#plain.push(value);
  }

  /** At once, since a later task may change it. */
  #object(at: number, value: unknown): void {
    const now = performance.now();
    const since = this.#writePlain(now);
    this.#one(at, value, now - since);
    if (this.#writer.size + this.#largeBytes > mostBytes) this.flush(performance.now());
  }

  #one(at: number, value: unknown, runMs: number): void {
    try {
      const packed = pack([value], this.#parts);
      this.#keep(packed);
      const { form, bytes } = packed;
      tellPool.block(this.#writer, { chunkId: this.#chunkId, offset: at, count: 1, runMs, form, bytes });
    } catch (error) {
      this.#writeFault(at, runMs, reportError(error, this.#result));
    }
  }

  /** What an item's task has thrown. */
  fault(at: number, error: unknown): void {
    const now = performance.now();
    const since = this.#writePlain(now);
    this.#writeFault(at, now - since, reportError(error, this.#result));
  }

  #writeFault(offset: number, runMs: number, error: Uint8Array): void {
    tellPool.fault(this.#writer, { chunkId: this.#chunkId, offset, runMs, error });
  }

  /** None of the chunk's items can be begun. */
  faults(count: number, error: unknown): void {
    const report = reportError(error, this.#result);
    for (let at = 0; at < count; at++) this.#writeFault(at, 0, report);
    this.flush(performance.now());
  }

  untouched(from: number): void {
    this.#writePlain(performance.now());
    tellPool.untouched(this.#writer, this.#chunkId, from);
  }

  /** Returns the time from which on what follows has taken its time. */
  #writePlain(now: number): number {
    const values = this.#plain;
    const since = this.#since;
    this.#since = now;
    if (values.length === 0) return since;
    this.#plain = [];
    try {
      const { form, bytes } = pack(values, this.#parts);
      const [chunkId, offset, count, runMs] = [this.#chunkId, this.#plainFrom, values.length, now - since];
      tellPool.block(this.#writer, { chunkId, offset, count, runMs, form, bytes });
    } catch {
      // One of them is a symbol: each is told by itself, so that only that one fails.
      for (const [i, value] of values.entries()) this.#one(this.#plainFrom + i, value, (now - since) / values.length);
    }
    return now;
  }

  /** From when on what was done is to be sent. */
  get dueAt(): number {
    return this.#flushedAt + flushMs;
  }

  flushIfDue(now: number): void {
    if (now >= this.dueAt) this.flush(now);
  }

  /** While a task waits for something, what was done before it need not. */
  flushSoon(): void {
    if (this.#flushIsDue || (this.#writer.isEmpty && this.#plain.length === 0)) return;
    this.#flushIsDue = true;
    setImmediate(() => {
      this.#flushIsDue = false;
      this.flush(performance.now());
    });
  }

  flush(now: number): void {
    this.#flushedAt = now;
    this.#writePlain(now);
    if (now - this.#toldMemoryAt >= this.#memoryEveryMs) {
      this.#toldMemoryAt = now;
      tellPool.memory(this.#writer, process.memoryUsage.rss());
    }
    if (!this.#writer.isEmpty) this.#send();
  }

  /** What came with this task is at work: sent off, with all that was done before. */
  taken(taskId: number, now: number): void {
    this.#writePlain(now);
    tellPool.taken(this.#writer, taskId);
    this.flush(now);
  }

  /** The task's own code begins. */
  begun(taskId: number, now: number): void {
    this.#writePlain(now);
    tellPool.begun(this.#writer, taskId);
    this.flush(now);
  }

  /** The process is about to end; 0: in no task. */
  leaving(taskId: number): void {
    this.#writePlain(performance.now());
    tellPool.leaving(this.#writer, taskId);
    this.#send();
  }

  #send(): void {
    const kept = this.#kept;
    if (kept.length > 0) this.#kept = [];
    this.#link.send(this.#writer.take(), kept);
    if (this.#large.length > 0) {
      letGoLarge(this.#large.splice(0)); // The message holds it.
      this.#largeBytes = 0;
    }
  }

  #keep({ keepAlive, large }: EncodedParts): void {
    if (keepAlive.length > 0) this.#kept.push(...keepAlive);
    for (const put of large) {
      this.#large.push(put);
      this.#largeBytes += put.sizeBytes;
    }
  }
}
