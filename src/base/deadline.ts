/**
 * The end of a wait: a time limit, an AbortSignal, or the thing itself, whichever comes first.
 *
 * Runs in: every process.
 * Guarantees: nothing stays behind (timer, listener) once the wait is over, whichever way it ended.
 */
import { onAbort } from "./abort.ts";
import type { WaitOptions } from "./options.ts";
import { nextTurn, turnIsDue } from "./turn.ts";

/** The longest delay that setTimeout honours; a longer one would fire at once. */
const longestDelayMs = 2 ** 31 - 1;

/** Like setTimeout, for any number of milliseconds (Infinity: never). Returns what cancels it. */
export function after(delayMs: number, then: () => void, { ref = true }: { ref?: boolean } = {}): () => void {
  if (delayMs === Infinity) return () => {};
  let timer: NodeJS.Timeout;
  let leftMs = delayMs;
  const arm = (): void => {
    const stepMs = Math.min(leftMs, longestDelayMs);
    leftMs -= stepMs;
    timer = setTimeout(leftMs > 0 ? arm : then, stepMs);
    if (!ref) timer.unref();
  };
  arm();
  return () => clearTimeout(timer);
}

/**
 * Waits for `work` within the limits. What it rejects with after the wait was given up is nobody's.
 *
 * @param onTimeout says what the time limit makes of the wait: returns its answer, or throws.
 * @throws signal.reason, untouched, when the signal is aborted first.
 */
export async function within<T>(work: Promise<T>, limits: WaitOptions, onTimeout: () => T): Promise<T> {
  const { timeoutMs, signal } = limits;
  work.catch(() => {}); // Told to the caller below: nobody else is to hear of it meanwhile, or once the wait is given up.
  signal?.throwIfAborted();
  if (turnIsDue()) {
    await nextTurn();
    signal?.throwIfAborted();
  }
  if (timeoutMs === undefined && signal === undefined) return work;
  return new Promise<T>((resolve, reject) => {
    let cancelTimer = (): void => {};
    const finish = (settle: () => void): void => {
      cancelTimer();
      forget?.();
      settle();
    };
    const forget = signal && onAbort(signal, () => finish(() => reject(signal.reason as Error)));
    work.then(
      (value) => finish(() => resolve(value)),
      (error: unknown) => finish(() => reject(error as Error)),
    );
    if (timeoutMs !== undefined) {
      cancelTimer = after(timeoutMs, () =>
        finish(() => {
          try {
            resolve(onTimeout());
          } catch (error) {
            reject(error as Error);
          }
        }),
      );
    }
  });
}
