/**
 * The bar at a terminal: done, rate, time left, failures.
 *
 * Runs in: the parent.
 */
import { createRequire } from "node:module";
import type { Progress } from "./progress.ts";

/** What is used of cli-progress, which has no types of its own. */
interface Bar {
  start(total: number, value: number, payload: object): void;
  setTotal(total: number): void;
  update(value: number, payload: object): void;
  stop(): void;
}
interface CliProgress {
  readonly SingleBar: new (options: object, preset: object) => Bar;
  readonly Presets: { readonly shades_classic: object };
}

export class ProgressBar {
  readonly #bar: Bar;

  constructor(stream: NodeJS.WriteStream, label: string, progress: Progress) {
    const { SingleBar, Presets } = createRequire(import.meta.url)("cli-progress") as CliProgress;
    const format = `${label.replace(/[{}]/g, "")} {bar} {value}/{count}  {rate}/s  {left}{failures}`;
    const options = {
      stream,
      format,
      clearOnComplete: false,
      hideCursor: true,
      emptyOnZero: true,
      gracefulExit: false,
    };
    this.#bar = new SingleBar(options, Presets.shades_classic);
    this.#bar.start(progress.total ?? 0, progress.done + progress.failed, payload(progress));
  }

  show(progress: Progress): void {
    if (progress.total !== undefined) this.#bar.setTotal(progress.total);
    this.#bar.update(progress.done + progress.failed, payload(progress));
  }

  end(progress: Progress): void {
    this.show(progress);
    this.#bar.stop();
  }
}

function payload({ total, ratePerSecond, leftMs, failed, elapsedMs, ended }: Progress): object {
  return {
    count: total ?? "?",
    rate: ratePerSecond >= 100 ? Math.round(ratePerSecond) : ratePerSecond.toFixed(1),
    left: ended ? `in ${duration(elapsedMs)}` : leftMs === undefined ? "" : `${duration(leftMs)} left`,
    failures: failed === 0 ? "" : `  ${failed} failed`,
  };
}

function duration(ms: number): string {
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 60 ? `${minutes} min ${seconds % 60} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
