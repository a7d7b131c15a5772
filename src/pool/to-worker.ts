/**
 * What a pool says to a worker: a message is a sequence of these, each a byte and its fields.
 *
 * Runs in: both: `tellWorker` in the parent, `readAtWorker` in the worker.
 * Guarantees: a message is read whole or gives MalformedMessageError.
 * Leaves to others: how it travels (`worker-link.ts`), what values are made of (`packing.ts`, the codec), the answers
 * (`to-pool.ts`).
 *
 *   define    a function, once
 *   forget    a function
 *   calls     single tasks, in order
 *   chunk     tasks of one function
 *   cancel    a range of tasks
 *   stop      end when all is done
 */
import { Reader } from "../wire/reader.ts";
import type { MessageWriter } from "./message-writer.ts";

const kind = { define: 1, forget: 2, calls: 3, chunk: 4, cancel: 5, stop: 6 } as const;
const careful = 1;
const spread = 2;

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

export const tellWorker = {
  define(to: MessageWriter, { functionId, fresh, bytes }: FunctionMessage): void {
    to.byte(kind.define);
    to.uint(functionId);
    to.byte(fresh ? 1 : 0);
    to.blob(bytes);
  },
  forget(to: MessageWriter, functionId: number): void {
    to.byte(kind.forget);
    to.uint(functionId);
  },
  /** Followed by as many `call`s. */
  calls(to: MessageWriter, count: number): void {
    to.byte(kind.calls);
    to.uint(count);
  },
  call(to: MessageWriter, taskId: number, functionId: number, careful: boolean, args: Uint8Array): void {
    to.uint(taskId);
    to.uint(functionId);
    to.byte(careful ? 1 : 0);
    to.blob(args);
  },
  chunk(to: MessageWriter, chunk: ChunkMessage): void {
    to.byte(kind.chunk);
    to.uint(chunk.chunkId);
    to.uint(chunk.functionId);
    to.uint(chunk.firstTaskId);
    to.uint(chunk.count);
    to.uint(chunk.grain);
    to.byte((chunk.careful ? careful : 0) | (chunk.spread ? spread : 0));
    to.byte(chunk.form);
    to.blob(chunk.items);
  },
  cancel(to: MessageWriter, { firstTaskId, count, reason }: CancelMessage): void {
    to.byte(kind.cancel);
    to.uint(firstTaskId);
    to.uint(count);
    to.blob(reason);
  },
  stop(to: MessageWriter): void {
    to.byte(kind.stop);
  },
} as const;

/** @throws {MalformedMessageError} */
export function readAtWorker(message: Uint8Array, worker: WorkerSide): void {
  const reader = new Reader(message, 0, message.length);
  while (reader.left > 0) {
    const what = reader.byte();
    switch (what) {
      case kind.define:
        worker.define({ functionId: reader.uint(), fresh: reader.byte() === 1, bytes: reader.blob() });
        break;
      case kind.forget:
        worker.forget(reader.uint());
        break;
      case kind.calls: {
        const calls: CallMessage[] = [];
        for (let left = reader.uint(); left > 0; left--) {
          calls.push({
            taskId: reader.uint(),
            functionId: reader.uint(),
            careful: reader.byte() === 1,
            args: reader.blob(),
          });
        }
        worker.calls(calls);
        break;
      }
      case kind.chunk: {
        const [chunkId, functionId, firstTaskId, count] = [reader.uint(), reader.uint(), reader.uint(), reader.uint()];
        const grain = reader.uint();
        const flags = reader.byte();
        worker.chunk({
          chunkId,
          functionId,
          firstTaskId,
          count,
          grain,
          careful: (flags & careful) !== 0,
          spread: (flags & spread) !== 0,
          form: reader.byte(),
          items: reader.blob(),
        });
        break;
      }
      case kind.cancel:
        worker.cancel({ firstTaskId: reader.uint(), count: reader.uint(), reason: reader.blob() });
        break;
      case kind.stop:
        worker.stop();
        break;
      default:
        reader.malformed(`nothing that is said to a worker begins with ${what}`);
    }
  }
}
