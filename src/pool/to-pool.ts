/**
 * What a worker says to its pool: a message is a sequence of these, each a byte and its fields.
 *
 * Runs in: both: `tellPool` in the worker, `readAtPool` in the parent.
 * Guarantees: a message is read whole or gives MalformedMessageError.
 * Leaves to others: how it travels (`worker-link.ts`), what values are made of (`packing.ts`, the codec), what they
 * answer (`to-worker.ts`).
 *
 *   ready       initialised
 *   failed      the initializer threw
 *   result      of one call
 *   block       results of neighbours in a chunk, packed
 *   fault       error of one task in a chunk
 *   untouched   the rest of a chunk comes back
 *   taken       what came in a message, where the pool does not see it by itself
 *   begun       a task with a limit, likewise
 *   skipped     a call that had not begun was cancelled
 *   leaving     process.exit() in a task
 *   memory      resident bytes
 */
import { Reader } from "../wire/reader.ts";
import type { MessageWriter } from "./message-writer.ts";

const kind = {
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

/** These have one number, and are named alike on both sides. */
const numbers = {
  [kind.skipped]: "skipped",
  [kind.taken]: "taken",
  [kind.begun]: "begun",
  [kind.leaving]: "leaving",
  [kind.memory]: "memory",
} as const;

function number(to: MessageWriter, what: keyof typeof numbers, value: number): void {
  to.byte(what);
  to.uint(value);
}

/** Until it is settled, what the message refers to must be there. */
export type Decoding = Promise<unknown> | undefined;

export interface BlockMessage {
  readonly chunkId: number;
  /** Of the first one in the chunk. */
  readonly offset: number;
  readonly count: number;
  /** All of them together. */
  readonly runMs: number;
  readonly form: number;
  readonly bytes: Uint8Array;
}

export interface FaultMessage {
  readonly chunkId: number;
  readonly offset: number;
  readonly runMs: number;
  readonly error: Uint8Array;
}

export interface PoolSide {
  ready(): void;
  failed(error: Uint8Array): void;
  result(taskId: number, runMs: number, ok: boolean, bytes: Uint8Array): Decoding;
  block(message: BlockMessage): Decoding;
  fault(message: FaultMessage): Decoding;
  untouched(chunkId: number, offset: number): void;
  skipped(taskId: number): void;
  /** A call, and those that came with it; or the chunk whose first task it is. */
  taken(taskId: number): void;
  /** The code of a call with a limit, or of the first task of a chunk with one. */
  begun(taskId: number): void;
  leaving(taskId: number): void;
  memory(bytes: number): void;
}

export const tellPool = {
  ready(to: MessageWriter): void {
    to.byte(kind.ready);
  },
  failed(to: MessageWriter, error: Uint8Array): void {
    to.byte(kind.failed);
    to.blob(error);
  },
  result(to: MessageWriter, taskId: number, runMs: number, ok: boolean, bytes: Uint8Array): void {
    to.byte(kind.result);
    to.uint(taskId);
    to.double(runMs);
    to.byte(ok ? 1 : 0);
    to.blob(bytes);
  },
  block(to: MessageWriter, { chunkId, offset, count, runMs, form, bytes }: BlockMessage): void {
    to.byte(kind.block);
    to.uint(chunkId);
    to.uint(offset);
    to.uint(count);
    to.double(runMs);
    to.byte(form);
    to.blob(bytes);
  },
  fault(to: MessageWriter, { chunkId, offset, runMs, error }: FaultMessage): void {
    to.byte(kind.fault);
    to.uint(chunkId);
    to.uint(offset);
    to.double(runMs);
    to.blob(error);
  },
  untouched(to: MessageWriter, chunkId: number, offset: number): void {
    to.byte(kind.untouched);
    to.uint(chunkId);
    to.uint(offset);
  },
  skipped: (to: MessageWriter, taskId: number): void => number(to, kind.skipped, taskId),
  taken: (to: MessageWriter, taskId: number): void => number(to, kind.taken, taskId),
  begun: (to: MessageWriter, taskId: number): void => number(to, kind.begun, taskId),
  leaving: (to: MessageWriter, taskId: number): void => number(to, kind.leaving, taskId),
  memory: (to: MessageWriter, bytes: number): void => number(to, kind.memory, bytes),
} as const;

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
      case kind.result:
        note(pool.result(reader.uint(), reader.double(), reader.byte() === 1, reader.blob()));
        break;
      case kind.block:
        note(
          pool.block({
            chunkId: reader.uint(),
            offset: reader.uint(),
            count: reader.uint(),
            runMs: reader.double(),
            form: reader.byte(),
            bytes: reader.blob(),
          }),
        );
        break;
      case kind.fault:
        note(
          pool.fault({
            chunkId: reader.uint(),
            offset: reader.uint(),
            runMs: reader.double(),
            error: reader.blob(),
          }),
        );
        break;
      case kind.untouched:
        pool.untouched(reader.uint(), reader.uint());
        break;
      case kind.skipped:
      case kind.taken:
      case kind.begun:
      case kind.leaving:
      case kind.memory:
        pool[numbers[what]](reader.uint());
        break;
      case kind.ready:
        pool.ready();
        break;
      case kind.failed:
        pool.failed(reader.blob());
        break;
      default:
        reader.malformed(`nothing that is said to a pool begins with ${what}`);
    }
  }
  return last;
}
