/**
 * How far a map is: told to a callback, or shown as a bar at a terminal.
 *
 * Runs in: the parent.
 * Guarantees: at most ten times a second, and once at the end; nothing in a pipe.
 */
import type { ProgressBar } from "./progress-bar.ts";

/** How far a map is. */
export interface Progress {
  /** Tasks that have succeeded. */
  readonly done: number;
  /** Tasks that have failed. */
  readonly failed: number;
  /** Undefined while the input's length is not known. */
  readonly total: number | undefined;
  /** Milliseconds since the map began. */
  readonly elapsedMs: number;
  /** Tasks a second, since the beginning. */
  readonly ratePerSecond: number;
  /** Milliseconds, at this rate; undefined where the total is not known, or nothing is done. */
  readonly leftMs: number | undefined;
  /** It is over: this is the last that is told. */
  readonly ended: boolean;
}

/** How to show it. */
export interface ProgressOptions {
  /** Before the bar. @default the function's name */
  readonly label?: string | undefined;
  /** How many items there are, where the input does not say. @default what the input says */
  readonly total?: number | undefined;
  /** Where the bar is shown, when it is a terminal. @default process.stderr */
  readonly stream?: NodeJS.WriteStream | undefined;
  /** Told too. @default none */
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

/** `true`: a bar where stderr is a terminal. A function is told each change instead. */
export type ProgressOption = boolean | ProgressOptions | ((progress: Progress) => void);

const everyMs = 100;

export interface ProgressSource {
  readonly done: number;
  readonly failed: number;
  readonly total: number | undefined;
}

export class ProgressReporter {
  readonly #source: ProgressSource;
  readonly #options: ProgressOptions;
  readonly #onError: (error: unknown) => void;
  readonly #startedAt: number = performance.now();
  #toldAt = 0;
  #bar: ProgressBar | undefined;
  #ended = false;

  /** @param onError told what the callback threw */
  constructor(
    source: ProgressSource,
    option: Exclude<ProgressOption, boolean> | true,
    label: string,
    onError: (error: unknown) => void,
  ) {
    this.#source = source;
    this.#onError = onError;
    this.#options = option === true ? {} : typeof option === "function" ? { onProgress: option } : option;
    const stream = this.#options.stream ?? process.stderr;
    if (typeof option !== "function" && stream.isTTY) {
      // Loaded where it is needed only: most programs never show one.
      void import("./progress-bar.ts").then(({ ProgressBar: Bar }) => {
        if (!this.#ended) this.#bar = new Bar(stream, this.#options.label ?? label, this.#progress(false));
      }, onError);
    }
  }

  #progress(ended: boolean): Progress {
    const { done, failed } = this.#source;
    const total = this.#options.total ?? this.#source.total;
    const elapsedMs = performance.now() - this.#startedAt;
    const settled = done + failed;
    const ratePerSecond = elapsedMs === 0 ? 0 : (settled / elapsedMs) * 1000;
    const leftMs =
      total === undefined || settled === 0 ? undefined : (elapsedMs / settled) * Math.max(0, total - settled);
    return { done, failed, total, elapsedMs, ratePerSecond, leftMs, ended };
  }

  /** Something has changed. */
  update(): void {
    const now = performance.now();
    if (this.#ended || now - this.#toldAt < everyMs) return;
    this.#toldAt = now;
    this.#tell(this.#progress(false));
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    const progress = this.#progress(true);
    this.#bar?.end(progress);
    this.#tell(progress);
  }

  #tell(progress: Progress): void {
    this.#bar?.show(progress);
    try {
      this.#options.onProgress?.(progress);
    } catch (error) {
      this.#ended = true;
      this.#bar?.end(progress);
      this.#onError(error);
    }
  }
}
