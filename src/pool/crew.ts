/**
 * The workers of a pool: started, replaced, resized, sent home when there is nothing to do.
 *
 * Runs in: the parent.
 * Guarantees: a worker that ends is replaced, after a delay where workers end without having finished anything; a pool
 * whose workers cannot come up is given up, with the error that says why.
 * Leaves to others: tasks (`engine.ts`), delays (`restart-policy.ts`).
 */
import { after } from "../base/deadline.ts";
import { WorkerExitedError } from "../base/errors.ts";
import { contextClass } from "../process/context-classes.ts";
import { describeExit, type ExitStatus } from "../process/exit-status.ts";
import { getLogger } from "../process/logger.ts";
import { encode } from "../wire/codec.ts";
import { events, type WorkerEvent } from "./pool-events.ts";
import type { CheckedPoolOptions } from "./pool-options.ts";
import { mostFailedStarts, mostKilledStarts, restartDelayMs } from "./restart-policy.ts";
import { Worker, type WorkerOwner } from "./worker.ts";
import { linkToWorker } from "./worker-link.ts";
import { runWorker, type WorkerSettings } from "./worker-program.ts";

/** Signals that a process hardly ever sends itself. */
const outside = new Set<NodeJS.Signals>(["SIGKILL", "SIGTERM", "SIGINT", "SIGHUP"]);

interface Slot {
  readonly id: number;
  worker: Worker | undefined;
  restarts: number;
  cancelRestart: (() => void) | undefined;
}

export interface CrewOwner {
  /** No worker can be brought up. */
  broken(error: unknown): void;
  /** How many more workers there is work for. */
  readonly wanted: number;
}

export class Crew {
  readonly #options: CheckedPoolOptions;
  readonly #owner: CrewOwner;
  readonly #listener: WorkerOwner;
  readonly #initializer: Uint8Array | undefined;
  /** Originals of what the initializer captures. */
  readonly keepAlive: readonly object[];
  readonly #slots: Slot[] = [];
  /** Of slots that are no more, and still at work. */
  readonly #leaving = new Set<Worker>();
  #size = 0;
  #closed = false;
  #terminated = false;
  #barren = 0;
  #failedStarts = 0;
  #killedStarts = 0;
  #toldMemory = false;
  #onEmpty: (() => void)[] = [];

  /** @throws {UnserializableError} when the initializer cannot be copied */
  constructor(options: CheckedPoolOptions, owner: CrewOwner, listener: WorkerOwner) {
    this.#options = options;
    this.#owner = owner;
    this.#listener = listener;
    const { initializer, initArgs } = options;
    if (initializer === undefined) {
      this.keepAlive = [];
    } else {
      const { bytes, keepAlive } = encode([initializer, initArgs], { root: "the pool's initializer" });
      this.#initializer = bytes;
      this.keepAlive = keepAlive;
    }
  }

  get size(): number {
    return this.#size;
  }

  /** Those that can be given something now, or soon. */
  *[Symbol.iterator](): Generator<Worker> {
    for (const { worker } of this.#slots) if (worker !== undefined) yield worker;
  }

  get all(): readonly Worker[] {
    return [...this, ...this.#leaving];
  }

  restartsOf(worker: Worker): number {
    return this.#slots.find((slot) => slot.worker === worker)?.restarts ?? 0;
  }

  resize(size: number): void {
    this.#size = size;
    while (this.#slots.length > size) {
      const slot = this.#slots.pop()!;
      slot.cancelRestart?.();
      if (slot.worker === undefined) continue;
      this.#leaving.add(slot.worker);
      this.retire(slot.worker);
    }
    while (this.#slots.length < size) {
      this.#slots.push({ id: this.#slots.length + 1, worker: undefined, restarts: 0, cancelRestart: undefined });
    }
    this.fill();
  }

  /** Starts what is missing: all, or as many as there is work for where idle ones are sent home. */
  fill(): void {
    if (this.#terminated || (this.#closed && this.#owner.wanted === 0)) return;
    let wanted = this.#options.idleTimeoutMs === undefined ? Infinity : this.#owner.wanted;
    for (const { worker } of this.#slots) if (worker?.state === "starting" || worker?.state === "idle") wanted--;
    for (const slot of this.#slots) {
      if (wanted <= 0) return;
      if (slot.worker !== undefined || slot.cancelRestart !== undefined) continue;
      wanted--;
      this.#start(slot);
    }
  }

  #start(slot: Slot): void {
    const { name, startMethod, preload, affinity, maxMemoryPerChildBytes, cancelGraceMs, retries } = this.#options;
    const each = affinity?.[(slot.id - 1) % affinity.length];
    const link = linkToWorker();
    const settings: WorkerSettings = {
      link: link.workerEnd,
      workerId: slot.id,
      preload,
      initializer: this.#initializer,
      cpus: typeof each === "number" ? [each] : each,
      memoryIsLimited: maxMemoryPerChildBytes !== Infinity,
      mayTryAgain: retries > 0,
    };
    const process = new (contextClass(startMethod ?? "default")!)({
      target: runWorker,
      args: [settings],
      name: `${name}-worker-${slot.id}`,
      daemon: true,
      killGraceMs: cancelGraceMs,
    });
    const worker = new Worker(slot.id, process as never, link, this.#listener);
    slot.worker = worker;
    worker.start().then(
      () => {
        const { pid } = process;
        if (events.workerStarted.hasSubscribers) {
          events.workerStarted.publish({ pool: name, workerId: slot.id, pid } satisfies WorkerEvent);
        }
        if (this.#terminated) worker.terminate();
      },
      (error: unknown) => {
        worker.state = "ended";
        this.#removed(worker);
        this.#failedToStart(error);
        this.#replace(slot);
      },
    );
  }

  ready(worker: Worker): void {
    this.#failedStarts = 0;
    this.#killedStarts = 0;
    this.#limitIdleness(worker);
    if (this.#closed && this.#owner.wanted === 0) worker.stop();
  }

  taskFinished(): void {
    this.#barren = 0;
  }

  /** Its initializer threw: its end follows. */
  initializerFailed(error: unknown): void {
    this.#failedToStart(error);
  }

  #failedToStart(error: unknown): void {
    this.#barren++;
    if (++this.#failedStarts >= mostFailedStarts) this.#owner.broken(error);
  }

  ended(worker: Worker, status: ExitStatus, cause: unknown): void {
    const slot = this.#slots.find((each) => each.worker === worker);
    if (events.workerEnded.hasSubscribers) {
      const { exitCode, signalCode } = status;
      const { id: workerId, pid, retiredFor: reason } = worker;
      const told = { pool: this.#options.name, workerId, pid, exitCode, signalCode, reason };
      events.workerEnded.publish(told satisfies WorkerEvent);
    }

    if (!worker.hasFailed && !worker.killedByPool) {
      if (worker.tasksDone === 0 && !worker.isRetiring) this.#noteBarren(status);
      if (!worker.wasReady) this.#endedAtStart(worker, status, cause);
    }
    this.#removed(worker);
    if (slot !== undefined) this.#replace(slot);
  }

  /** Whoever kills workers from outside is not kept off by longer delays: those would only starve the tasks. */
  #noteBarren({ signalCode }: ExitStatus): void {
    const fromOutside = signalCode !== null && outside.has(signalCode);
    if (!fromOutside || this.#barren < mostKilledStarts) this.#barren++;
  }

  #endedAtStart(worker: Worker, status: ExitStatus, cause: unknown): void {
    // Killed from outside it may have been anybody's, and the next one comes up; by what it does itself it would be again.
    const { signalCode } = status;
    const fromOutside = signalCode !== null && outside.has(signalCode);
    if (fromOutside && this.#initializer === undefined) return;
    if (++this.#killedStarts < (fromOutside ? mostKilledStarts : mostFailedStarts)) return;
    const what = this.#initializer === undefined ? "they could do anything" : "their initializer had returned";
    const message =
      `The workers of pool "${this.#options.name}" cannot be started: ${this.#killedStarts} in a row ended before ${what}, ` +
      `the last one (pid ${worker.pid}) with ${describeExit(status)}`;
    const facts = { pid: worker.pid, exitCode: status.exitCode, signalCode };
    this.#owner.broken(new WorkerExitedError(message, cause === undefined ? facts : { ...facts, cause }));
  }

  #removed(worker: Worker): void {
    this.#leaving.delete(worker);
    for (const slot of this.#slots) if (slot.worker === worker) slot.worker = undefined;
    if (this.all.length === 0) for (const tell of this.#onEmpty.splice(0)) tell();
  }

  #replace(slot: Slot): void {
    if (this.#terminated || (this.#closed && this.#owner.wanted === 0)) return;
    slot.restarts++;
    const delayMs = restartDelayMs(this.#barren);
    if (delayMs === 0) {
      this.fill();
      return;
    }
    slot.cancelRestart = after(
      delayMs,
      () => {
        slot.cancelRestart = undefined;
        this.fill();
      },
      { ref: false },
    );
  }

  /** It has done as many tasks as one may. */
  recycleForTasks(worker: Worker): void {
    if (worker.isRetiring) return;
    worker.isRetiring = true;
    worker.retiredFor = "tasks";
  }

  /** It gets nothing more, and ends when it has answered. */
  retire(worker: Worker): void {
    worker.isRetiring = true;
    if (worker.state === "idle") this.#sendHome(worker);
  }

  /** All that it was given is answered. */
  becameIdle(worker: Worker): void {
    const now = performance.now();
    worker.state = "idle";
    worker.busyMs += now - worker.busySince!;
    worker.busySince = undefined;
    if (worker.isRetiring) this.#sendHome(worker);
    else this.#limitIdleness(worker);
  }

  #limitIdleness(worker: Worker): void {
    const { idleTimeoutMs } = this.#options;
    if (idleTimeoutMs === undefined) return;
    worker.cancelIdleTimer = after(idleTimeoutMs, () => this.#sendHome(worker), { ref: false });
  }

  /** Its place is free at once: nobody waits for it to be gone. */
  #sendHome(worker: Worker): void {
    if (worker.state !== "idle") return;
    worker.isRetiring = true;
    worker.stop();
    const slot = this.#slots.find((each) => each.worker === worker);
    if (slot === undefined) return;
    this.#leaving.add(worker);
    slot.worker = undefined;
    slot.restarts++;
    this.fill();
  }

  recycleForMemory(worker: Worker): void {
    // One that has done nothing is kept until it has: under a limit that no worker keeps to, none would ever do anything.
    if (worker.isRetiring || worker.tasksDone === 0) return;
    const { name, maxMemoryPerChildBytes } = this.#options;
    const what = `worker ${worker.id} (pid ${worker.pid}) of pool "${name}" is replaced, since it uses ${worker.memoryBytes} bytes and may use ${maxMemoryPerChildBytes}`;
    // Said once: it is what was asked for.
    if (this.#toldMemory) getLogger().debug(what);
    else getLogger().warning(`${what}; others will be, without a word`);
    this.#toldMemory = true;
    worker.retiredFor = "memory";
    this.retire(worker);
  }

  /** No worker is replaced any more, but for work that is there. */
  close(): void {
    this.#closed = true;
  }

  stopIdle(): void {
    for (const worker of this.all) if (worker.state === "idle") worker.stop();
  }

  /** All end now, those that are only being started as soon as they are there. */
  terminate(force: boolean): void {
    this.#closed = true;
    this.#terminated = true;
    for (const worker of this.all) {
      if (force) worker.kill();
      else worker.terminate();
    }
    for (const slot of this.#slots) {
      slot.cancelRestart?.();
      slot.cancelRestart = undefined;
    }
  }

  /** Resolves when no worker is left. */
  empty(): Promise<void> {
    if (this.all.length === 0) return Promise.resolve();
    return new Promise((resolve) => void this.#onEmpty.push(resolve));
  }
}
