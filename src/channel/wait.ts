/**
 * wait(): the first ready of many things: Connections, sentinels of processes, queues.
 *
 * Runs in: every process.
 */
import { onAbort } from "../base/abort.ts";
import { invalidArgument } from "../base/errors.ts";
import { after } from "../base/deadline.ts";
import { checkWaitOptions, shown, type WaitOptions } from "../base/options.ts";
import { nextTurn, turnIsDue } from "../base/turn.ts";
import { waitable, type Waitable } from "../base/waitable.ts";

/**
 * Waits until at least one of the objects is ready: there is something to receive (or the end), the process has ended.
 *
 * @param objects Connections, sentinels of processes, queues
 * @returns those that are ready, in the order given; none of them once `timeoutMs` have passed, or where there are none
 * to wait for. Nothing is taken: of several who wait for one queue, only one may find the item there
 * @throws signal.reason
 * @example
 * const ready = await wait([connection, child.sentinel], { timeoutMs: 1000 });
 */
export async function wait<T extends object>(objects: Iterable<T>, options?: WaitOptions): Promise<T[]> {
  const { timeoutMs, signal } = checkWaitOptions("wait()", options);
  signal?.throwIfAborted();
  if (typeof (objects as Iterable<T> | undefined)?.[Symbol.iterator] !== "function") {
    throw invalidArgument(`wait(): objects must be an array or another iterable; received ${shown(objects)}`);
  }
  const all = [...objects];
  for (const object of all) {
    if (typeof object !== "object" || object === null || !(waitable in object)) {
      throw invalidArgument(
        `wait(): can wait for Connections, queues and the sentinels of processes; received ${shown(object)}`,
      );
    }
  }
  if (turnIsDue()) {
    await nextTurn();
    signal?.throwIfAborted();
  }
  const readyOnes = (): T[] => all.filter((object) => (object as unknown as Waitable)[waitable].isReady());
  const found = readyOnes();
  // Of nothing, nothing will ever be ready.
  if (found.length > 0 || all.length === 0 || (timeoutMs !== undefined && timeoutMs <= 0)) return found;
  return new Promise<T[]>((resolve, reject) => {
    /** What takes back the wish for each of them. */
    const wishes = new Map<T, () => void>();
    let isOver = false;
    let cancelTimer = (): void => {};
    const end = (): void => {
      isOver = true;
      cancelTimer();
      forget?.();
      for (const takeBack of wishes.values()) takeBack();
    };
    const answer = (): void => {
      end();
      try {
        resolve(readyOnes());
      } catch (error) {
        reject(error as Error);
      }
    };
    const wish = (object: T): void => {
      const look = (): void => {
        if (isOver) return; // It was ready in the same moment as another one, which has answered.
        let isReady = true;
        try {
          isReady = readyOnes().length > 0;
        } catch {
          // It was closed meanwhile: answer() says so.
        }
        if (isReady) answer();
        else wish(object); // It was ready, and is no more: somebody else was quicker.
      };
      wishes.set(object, (object as unknown as Waitable)[waitable].onReady(look));
    };
    const aborted = (): void => {
      end();
      reject(signal!.reason as Error);
    };
    const forget = signal && onAbort(signal, aborted);
    if (timeoutMs !== undefined) cancelTimer = after(timeoutMs, answer);
    for (const object of new Set(all)) wish(object);
  });
}
