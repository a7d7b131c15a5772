/**
 * Keeps this process's event loop alive while a pool has something to do, and only then.
 *
 * Runs in: the parent.
 * Why one timer and not each worker's handles: a task may be waiting while there is no worker at all.
 */

const aDayMs = 86_400_000;

export class KeepAlive {
  #timer: NodeJS.Timeout | undefined;
  #held = false;

  set(held: boolean): void {
    if (held === this.#held) return;
    this.#held = held;
    if (held) this.#timer = this.#timer?.ref() ?? setInterval(() => {}, aDayMs);
    else this.#timer!.unref();
  }

  end(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#held = false;
  }
}
