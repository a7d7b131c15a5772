/**
 * What a pool and its workers say to each other: a message is a sequence of these, each a byte and its fields.
 *
 * Runs in: both.
 * Guarantees: a message is read whole or gives MalformedMessageError.
 * Leaves to others: how it travels (`worker-link.ts`), what values are made of (`packing.ts`, the codec).
 *
 *   pool → worker                          worker → pool
 *   define    a function, once             ready       initialised
 *   forget    a function                   failed      the initializer threw
 *   calls     single tasks, in order       result      of one call
 *   chunk     tasks of one function        block       results of neighbours in a chunk, packed
 *   cancel    a range of tasks             fault       error of one task in a chunk
 *   stop      end when all is done         untouched   the rest of a chunk comes back
 *                                          taken       what came in a message, where the pool does not see it by itself
 *                                          begun       a task with a limit, likewise
 *                                          skipped     a call that had not begun was cancelled
 *                                          leaving     process.exit() in a task
 *                                          memory      resident bytes
 */
import { MalformedMessageError } from "../base/errors.ts";
import { Reader } from "../wire/reader.ts";
import type { MessageWriter } from "./message-writer.ts";

const toWorker = { define: 1, forget: 2, calls: 3, chunk: 4, cancel: 5, stop: 6 } as const;
const toPool = {
  ready: 1,
  failed: 2,
  result: 3,
  block: 4,
  fault: 5,
  untouched: 6,
  skipped: 7,
  leaving: 8,
  memory: 9,
  taken: 10,
  begun: 11,
} as const;

export interface FunctionMessage {
  readonly functionId: number;
  /** Something that it captures may change in a call: each call gets a copy of its own. */
  readonly fresh: boolean;
  readonly bytes: Uint8Array;
}

export interface CallMessage {
  readonly taskId: number;
  readonly functionId: number;
  /** What was done before is sent off before this one begins, so that the pool knows what is running. */
  readonly careful: boolean;
  /** The encoded list of arguments. */
  readonly args: Uint8Array;
}

export interface ChunkMessage {
  readonly chunkId: number;
  readonly functionId: number;
  /** The others follow it. */
  readonly firstTaskId: number;
  readonly count: number;
  readonly careful: boolean;
  /** When it takes too long, the rest may come back: from a multiple of so many items on. 0: it may not. */
  readonly grain: number;
  /** Each item is a list of arguments. */
  readonly spread: boolean;
  readonly form: number;
  readonly items: Uint8Array;
}

export interface CancelMessage {
  readonly firstTaskId: number;
  readonly count: number;
  /** The encoded reason. */
  readonly reason: Uint8Array;
}

export interface WorkerSide {
  define(message: FunctionMessage): void;
  forget(functionId: number): void;
  calls(messages: readonly CallMessage[]): void;
  chunk(message: ChunkMessage): void;
  cancel(message: CancelMessage): void;
  stop(): void;
}

/** Until it is settled, what the message refers to must be there. */
export type Decoding = Promise<unknown> | undefined;

export interface PoolSide {
  ready(): void;
  failed(error: Uint8Array): void;
  result(taskId: number, runMs: number, ok: boolean, bytes: Uint8Array): Decoding;
  block(chunkId: number, offset: number, count: number, runMs: number, form: number, bytes: Uint8Array): Decoding;
  fault(chunkId: number, offset: number, runMs: number, error: Uint8Array): Decoding;
  untouched(chunkId: number, offset: number): void;
  skipped(taskId: number): void;
  /** A call, and those that came with it; or the chunk whose first task it is. */
  taken(taskId: number): void;
  /** The code of a call with a limit, or of the first task of a chunk with one. */
  begun(taskId: number): void;
  leaving(taskId: number): void;
  memory(bytes: number): void;
}

export const tell = {
  define(to: MessageWriter, { functionId, fresh, bytes }: FunctionMessage): void {
    to.byte(toWorker.define);
    to.uint(functionId);
    to.byte(fresh ? 1 : 0);
    to.blob(bytes);
  },
  forget(to: MessageWriter, functionId: number): void {
    to.byte(toWorker.forget);
    to.uint(functionId);
  },
  /** Followed by as many `call`s. */
  calls(to: MessageWriter, count: number): void {
    to.byte(toWorker.calls);
    to.uint(count);
  },
  call(to: MessageWriter, taskId: number, functionId: number, careful: boolean, args: Uint8Array): void {
    to.uint(taskId);
    to.uint(functionId);
    to.byte(careful ? 1 : 0);
    to.blob(args);
  },
  chunk(to: MessageWriter, chunk: ChunkMessage): void {
    to.byte(toWorker.chunk);
    to.uint(chunk.chunkId);
    to.uint(chunk.functionId);
    to.uint(chunk.firstTaskId);
    to.uint(chunk.count);
    to.uint(chunk.grain);
    to.byte((chunk.careful ? 1 : 0) | (chunk.spread ? 2 : 0));
    to.byte(chunk.form);
    to.blob(chunk.items);
  },
  cancel(to: MessageWriter, { firstTaskId, count, reason }: CancelMessage): void {
    to.byte(toWorker.cancel);
    to.uint(firstTaskId);
    to.uint(count);
    to.blob(reason);
  },
  stop(to: MessageWriter): void {
    to.byte(toWorker.stop);
  },

  ready(to: MessageWriter): void {
    to.byte(toPool.ready);
  },
  failed(to: MessageWriter, error: Uint8Array): void {
    to.byte(toPool.failed);
    to.blob(error);
  },
  result(to: MessageWriter, taskId: number, runMs: number, ok: boolean, bytes: Uint8Array): void {
    to.byte(toPool.result);
    to.uint(taskId);
    to.double(runMs);
    to.byte(ok ? 1 : 0);
    to.blob(bytes);
  },
  block(
    to: MessageWriter,
    chunkId: number,
    offset: number,
    count: number,
    runMs: number,
    form: number,
    bytes: Uint8Array,
  ): void {
    to.byte(toPool.block);
    to.uint(chunkId);
    to.uint(offset);
    to.uint(count);
    to.double(runMs);
    to.byte(form);
    to.blob(bytes);
  },
  fault(to: MessageWriter, chunkId: number, offset: number, runMs: number, error: Uint8Array): void {
    to.byte(toPool.fault);
    to.uint(chunkId);
    to.uint(offset);
    to.double(runMs);
    to.blob(error);
  },
  untouched(to: MessageWriter, chunkId: number, offset: number): void {
    to.byte(toPool.untouched);
    to.uint(chunkId);
    to.uint(offset);
  },
  skipped(to: MessageWriter, taskId: number): void {
    to.byte(toPool.skipped);
    to.uint(taskId);
  },
  taken(to: MessageWriter, taskId: number): void {
    to.byte(toPool.taken);
    to.uint(taskId);
  },
  begun(to: MessageWriter, taskId: number): void {
    to.byte(toPool.begun);
    to.uint(taskId);
  },
  leaving(to: MessageWriter, taskId: number): void {
    to.byte(toPool.leaving);
    to.uint(taskId);
  },
  memory(to: MessageWriter, bytes: number): void {
    to.byte(toPool.memory);
    to.uint(bytes);
  },
} as const;

function blob(reader: Reader): Uint8Array {
  return reader.bytes(reader.uint());
}

/** @throws {MalformedMessageError} */
export function readAtWorker(message: Uint8Array, worker: WorkerSide): void {
  const reader = new Reader(message, 0, message.length);
  while (reader.left > 0) {
    const what = reader.byte();
    switch (what) {
      case toWorker.define:
        worker.define({ functionId: reader.uint(), fresh: reader.byte() === 1, bytes: blob(reader) });
        break;
      case toWorker.forget:
        worker.forget(reader.uint());
        break;
      case toWorker.calls: {
        const calls: CallMessage[] = [];
        for (let left = reader.uint(); left > 0; left--) {
          calls.push({
            taskId: reader.uint(),
            functionId: reader.uint(),
            careful: reader.byte() === 1,
            args: blob(reader),
          });
        }
        worker.calls(calls);
        break;
      }
      case toWorker.chunk: {
        const [chunkId, functionId, firstTaskId, count] = [reader.uint(), reader.uint(), reader.uint(), reader.uint()];
        const grain = reader.uint();
        const flags = reader.byte();
        worker.chunk({
          chunkId,
          functionId,
          firstTaskId,
          count,
          grain,
          careful: (flags & 1) !== 0,
          spread: (flags & 2) !== 0,
          form: reader.byte(),
          items: blob(reader),
        });
        break;
      }
      case toWorker.cancel:
        worker.cancel({ firstTaskId: reader.uint(), count: reader.uint(), reason: blob(reader) });
        break;
      case toWorker.stop:
        worker.stop();
        break;
      default:
        throw unknown(what);
    }
  }
}

/** @throws {MalformedMessageError} */
export function readAtPool(message: Uint8Array, pool: PoolSide): Decoding {
  const reader = new Reader(message, 0, message.length);
  let last: Decoding;
  const note = (decoding: Decoding): void => {
    if (decoding !== undefined) last = last === undefined ? decoding : Promise.all([last, decoding]);
  };
  while (reader.left > 0) {
    const what = reader.byte();
    switch (what) {
      case toPool.result:
        note(pool.result(reader.uint(), reader.double(), reader.byte() === 1, blob(reader)));
        break;
      case toPool.block:
        note(pool.block(reader.uint(), reader.uint(), reader.uint(), reader.double(), reader.byte(), blob(reader)));
        break;
      case toPool.fault:
        note(pool.fault(reader.uint(), reader.uint(), reader.double(), blob(reader)));
        break;
      case toPool.untouched:
        pool.untouched(reader.uint(), reader.uint());
        break;
      case toPool.skipped:
        pool.skipped(reader.uint());
        break;
      case toPool.taken:
        pool.taken(reader.uint());
        break;
      case toPool.begun:
        pool.begun(reader.uint());
        break;
      case toPool.leaving:
        pool.leaving(reader.uint());
        break;
      case toPool.memory:
        pool.memory(reader.uint());
        break;
      case toPool.ready:
        pool.ready();
        break;
      case toPool.failed:
        pool.failed(blob(reader));
        break;
      default:
        throw unknown(what);
    }
  }
  return last;
}

function unknown(what: number): MalformedMessageError {
  return new MalformedMessageError(
    `Cannot read a pool's message: nothing begins with ${what}\n  do this:  check that both processes run the same version of the library`,
  );
}
