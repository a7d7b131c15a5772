/**
 * JoinableQueue: a queue whose consumers say when they have done what they took.
 *
 * Runs in: every process.
 * Guarantees: `join()` ends when each item is done, or was taken by a consumer that has died.
 */
import { invalidState } from "../base/errors.ts";
import { checkWaitOptions, type WaitOptions } from "../base/options.ts";
import { registerShared } from "../sync/shared-kind.ts";
import { waitFor, wake } from "../sync/wait-queue.ts";
import { Queue } from "./queue.ts";

/**
 * A Queue on which `join()` waits until everything that was put has been done.
 *
 * @example
 * const jobs = new JoinableQueue<string>();
 * // consumers: for await (const job of jobs) { await work(job); jobs.taskDone(); }
 * await jobs.put("one");
 * const lost = await jobs.join();
 */
export class JoinableQueue<T = unknown> extends Queue<T> {
  /** @internal */
  protected override get kindName(): string {
    return "JoinableQueue";
  }

  /** @internal */
  protected override get joinable(): boolean {
    return true;
  }

  /**
   * Says that an item which was taken has been done. Once for each.
   *
   * @throws {MultiprocessingError} ERR_MP_INVALID_STATE when it is called more often than items were put
   */
  taskDone(): void {
    const table = this.memory.table!;
    if (table.progress(false).unfinished <= 0) {
      throw invalidState(
        "JoinableQueue.taskDone() was called more often than items were put\n  do this:  call it once for each item",
      );
    }
    table.done();
    wake(this.memory.joinSpot, Infinity);
  }

  /**
   * Waits until each item that was put has been done. What a consumer had taken and not done when it died counts as done.
   *
   * @returns how many were lost in this way since the queue was made
   * @throws {TimeoutError}
   */
  async join(options?: WaitOptions): Promise<number> {
    const call = "JoinableQueue.join()";
    const limits = checkWaitOptions(call, options);
    const table = this.memory.table!;
    const attempt = (thorough: boolean): { readonly lost: number } | undefined => {
      const { unfinished, lost } = table.progress(thorough);
      return unfinished <= 0 ? { lost } : undefined;
    };
    return (await waitFor(this.memory.joinSpot, attempt, limits, call)).lost;
  }
}

registerShared("joinable-queue", JoinableQueue, (range) => new JoinableQueue(range));
