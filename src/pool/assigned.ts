/**
 * What a worker has been given and has not answered yet, in the order in which it takes it. Pure.
 *
 * Runs in: the parent.
 * Guarantees: `batches` counts what was handed over together: a chunk is one, and so are calls of one message.
 */
import type { Chunk } from "./map-job.ts";
import type { Call } from "./task.ts";

export type Work = Call | Chunk;

/** The first of the tasks whose ids follow each other. */
export function firstIdOf(work: Work): number {
  return work.kind === "call" ? work.id : work.firstTaskId;
}

/** The first of those that are not answered yet. */
export function nextIdOf(work: Work): number {
  return work.kind === "call" ? work.id : work.firstTaskId + work.done;
}

export class Assigned {
  readonly works: Work[] = [];
  batches = 0;

  /** What the worker is at, as far as is known. */
  get head(): Work | undefined {
    return this.works[0];
  }

  addCalls(calls: readonly Call[]): void {
    for (const call of calls) {
      call.isLastOfBatch = false;
      this.works.push(call);
    }
    calls.at(-1)!.isLastOfBatch = true;
    this.batches++;
  }

  addChunk(chunk: Chunk): void {
    this.works.push(chunk);
    this.batches++;
  }

  takeCall(taskId: number): Call | undefined {
    const { works } = this;
    const head = works[0];
    let at = 0;
    if (head?.kind !== "call" || head.id !== taskId) {
      at = works.findIndex((work) => work.kind === "call" && work.id === taskId);
      if (at < 0) return undefined;
    }
    const call = works[at] as Call;
    if (call.isLastOfBatch) this.#endBatch(at);
    if (at === 0) works.shift();
    else works.splice(at, 1);
    return call;
  }

  /** A batch is answered when its last is, or, if that one was skipped, when the one before is. */
  #endBatch(at: number): void {
    const before = this.works[at - 1];
    if (before?.kind === "call" && !before.isLastOfBatch) before.isLastOfBatch = true;
    else this.batches--;
  }

  chunk(chunkId: number): Chunk | undefined {
    return this.works.find((work): work is Chunk => work.kind === "chunk" && work.id === chunkId);
  }

  takeChunk(chunk: Chunk): void {
    this.works.splice(this.works.indexOf(chunk), 1);
    this.batches--;
  }

  /** The chunk's first `done` tasks are answered. */
  advance(chunk: Chunk, done: number): void {
    chunk.job.inFlight -= done - chunk.done;
    chunk.done = done;
    if (done === chunk.items.length) this.takeChunk(chunk);
  }

  /** @param taskId a call's, or that of a chunk's first task */
  find(taskId: number): Work | undefined {
    return this.works.find((work) => firstIdOf(work) === taskId);
  }

  /** The worker has said that it is at this one, and at those that were handed over with it. */
  noteTaken(taskId: number): void {
    let at = this.works.findIndex((work) => firstIdOf(work) === taskId);
    for (let work = this.works[at]; work !== undefined; work = this.works[++at]) {
      work.isTaken = true;
      if (work.kind === "chunk" || work.isLastOfBatch) break;
    }
  }

  /** All of it, which nobody will answer any more. */
  takeAll(): Work[] {
    return this.works.splice(0);
  }
}
