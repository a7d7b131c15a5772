/**
 * A function in another process: Python's `multiprocessing.Process`.
 *
 * Runs in: the process that makes it; `run()` runs in the child, on a copy of the object.
 * Guarantees: every wait ends when the process does; what it delivers is settled before `join()` resolves.
 * Leaves to others: how a process comes to life (`launcher.ts`), its limits and outcome (`supervision.ts`), what the
 * child does (`child-runtime.ts`).
 */
import type { Readable, Writable } from "node:stream";
import { inspect } from "node:util";
import { inspectCustom } from "../base/inspect.ts";
import { within } from "../base/deadline.ts";
import { deferred, type Deferred } from "../base/deferred.ts";
import { invalidArgument, invalidState, MultiprocessingError } from "../base/errors.ts";
import { checkWaitOptions, shown, type WaitOptions } from "../base/options.ts";
import { addChild, removeChild } from "./children.ts";
import { currentProcess, type CurrentProcess } from "./current-process.ts";
import { exitCodeText } from "./exit-status.ts";
import { isBootstrapping, nextIdentityPath } from "./identity.ts";
import type { StartMethod } from "./launcher.ts";
import { getLogger } from "./logger.ts";
import { checkProcessOptions, type ProcessOptions, type Target } from "./process-options.ts";
import { notStarted, ownedState, setState, stateOf, supervisionOf, type ProcessState } from "./process-state.ts";
import { ProcessSentinel } from "./sentinel.ts";
import { takeNearStack, type NearStack } from "./stacks.ts";
import { startProcess } from "./start.ts";
import type { Supervision } from "./supervision.ts";

type ResultOf<P extends { run(): unknown }> = Promise<Awaited<ReturnType<P["run"]>>>;

/** The promise behind `result`, made when it is first read, so that nobody is bothered by one that nobody reads. */
const results = new WeakMap<object, Deferred<unknown>>();
const sentinels = new WeakMap<object, ProcessSentinel>();

/**
 * A function that runs in another process.
 *
 * @example
 * const dancer = new Process({ target: dance, args: [5], kwargs: { pauseMs: 200 }, name: "dancer" });
 * await dancer.start();
 * const steps = await dancer.result;
 * await dancer.join();
 */
export class Process<F extends Target = Target> implements AsyncDisposable, CurrentProcess {
  /** @internal The method that a context's Process is bound to. */
  static readonly boundStartMethod?: StartMethod;

  /** @throws {MultiprocessingError} ERR_MP_INVALID_ARGUMENT for an option that is unknown or of the wrong kind. */
  constructor(options?: ProcessOptions<F>) {
    const checked = checkProcessOptions(`new ${new.target.name}()`, options);
    const path = nextIdentityPath();
    setState(this, {
      role: "owner",
      name: checked.name ?? `${new.target.name}-${path.join(":")}`,
      daemon: checked.daemon ?? currentProcess().daemon,
      path,
      ownerPid: process.pid,
      options: checked,
      startMethod: (new.target as typeof Process).boundStartMethod,
      pid: undefined,
      starting: undefined,
      supervision: undefined,
      closed: false,
    });
  }

  /** What the child runs: `target(...args, kwargs)`. A subclass may override it; then this runs in the child. */
  run(): ReturnType<F> {
    const { target, args, kwargs } = stateOf(this).options ?? {};
    if (target === undefined) return undefined as ReturnType<F>; // As in Python: no target, nothing to do.
    const all = kwargs === undefined ? args! : [...args!, kwargs];
    return target(...all) as ReturnType<F>;
  }

  /**
   * Starts the process; what its target captures and its arguments are copied as they are now.
   *
   * @returns this, when the process exists and has its pid
   * @throws {UnserializableError} when the target or an argument cannot be copied; nothing has been started then
   * @throws {MultiprocessingError} ERR_MP_INVALID_STATE when it was started before; ERR_MP_BOOTSTRAPPING while this
   * process is importing the modules of its own job; ERR_MP_PROCESS_START when the operating system refuses
   */
  async start(): Promise<this> {
    const state = ownedState(this, "start()");
    if (state.starting !== undefined || state.supervision !== undefined) {
      throw invalidState(
        `Cannot start process "${state.name}": it has been started before\n  do this:  make a new Process for each start`,
      );
    }
    const nearStack = takeNearStack(this.start);
    await this.#startUp(state, nearStack);
    return this;
  }

  /** Nothing is awaited in here: while this thread blocks, a start that is under way goes on, but no promise does. */
  #startUp(state: ProcessState, nearStack: NearStack): Promise<void> {
    const starting = deferred<void>();
    state.starting = starting.promise;
    const failed = (error: unknown): void => {
      results.get(this)?.reject(error);
      results.delete(this);
      starting.reject(error);
      // As if it had never been called: a later start(), once the cause is mended, gets a promise of its own.
      starting.promise.catch(() => {
        state.starting = undefined;
      });
    };
    try {
      if (isBootstrapping()) throw bootstrappingError(state.name);
      state.options?.signal?.throwIfAborted();
      startProcess(this, state, nearStack, {
        started: (supervision) => {
          state.starting = undefined;
          state.supervision = supervision;
          if (state.daemon) supervision.release();
          addChild(this);
          void supervision.ended.then(() => removeChild(this));
          const result = results.get(this);
          if (result !== undefined) forward(supervision, result);
          starting.resolve();
        },
        failed,
      });
    } catch (error) {
      failed(error);
    }
    return starting.promise;
  }

  /**
   * Waits until the process has ended; a start() under way is awaited first.
   *
   * @returns true when it has ended; false when `timeoutMs` passed first
   * @throws {MultiprocessingError} ERR_MP_INVALID_STATE before start(), or when another process made it
   * @throws signal.reason when `signal` is aborted
   */
  async join(options?: WaitOptions): Promise<boolean> {
    const limits = checkWaitOptions("Process.join()", options);
    const state = ownedState(this, "join()");
    if (state.starting === undefined && state.supervision === undefined) throw notStarted(state, "join()");
    let held: Supervision | undefined;
    let waiting = true;
    const ended = (async (): Promise<boolean> => {
      await state.starting;
      if (waiting) (held = state.supervision!).hold();
      await state.supervision!.ended;
      return true;
    })();
    try {
      return await within(ended, limits, () => false);
    } finally {
      waiting = false;
      held?.release();
    }
  }

  /**
   * What the target returned, or what its promise came to. Rejects with the target's own error, with
   * UnserializableError when the result cannot be copied, with ProcessExitedError when the process ended first, with
   * TimeoutError past `timeoutMs`, with `signal.reason` after an abort. Never an unhandled rejection unless it was read.
   */
  get result(): ResultOf<this> {
    const state = stateOf(this);
    if (state.role !== "owner") ownedState(this, "result");
    let result = results.get(this);
    if (result === undefined) {
      result = deferred<unknown>();
      results.set(this, result);
      if (state.supervision !== undefined) forward(state.supervision, result);
    }
    return result.promise as ResultOf<this>;
  }

  /** True from start() until the process has ended. */
  isAlive(): boolean {
    if (stateOf(this).role === "self") return true;
    return ownedState(this, "isAlive()").supervision?.isAlive() ?? false;
  }

  /** Sends SIGINT, as Ctrl-C does. Nothing once it has ended. @throws ERR_MP_INVALID_STATE before start() */
  interrupt(): void {
    supervisionOf(this, "interrupt()").signal("SIGINT");
  }

  /** Sends SIGTERM. Nothing once it has ended. @throws ERR_MP_INVALID_STATE before start() */
  terminate(): void {
    supervisionOf(this, "terminate()").signal("SIGTERM");
  }

  /** Sends SIGKILL. Nothing once it has ended. @throws ERR_MP_INVALID_STATE before start() */
  kill(): void {
    supervisionOf(this, "kill()").signal("SIGKILL");
  }

  /** Gives up the object: nearly every member throws afterwards. Twice is fine. @throws ERR_MP_INVALID_STATE while it is running */
  close(): void {
    const state = stateOf(this);
    if (state.closed) return;
    ownedState(this, "close()");
    if (state.starting !== undefined || state.supervision?.isAlive() === true) {
      throw invalidState(
        `Cannot close process "${state.name}": it is still running\n  do this:  await process.join(), or terminate() it first`,
      );
    }
    state.closed = true;
    removeChild(this);
  }

  get name(): string {
    return stateOf(this).name;
  }

  set name(name: string) {
    if (typeof name !== "string") throw invalidArgument(`A process's name must be a string; received ${shown(name)}`);
    stateOf(this).name = name;
  }

  get daemon(): boolean {
    return stateOf(this).daemon;
  }

  /** @throws {MultiprocessingError} ERR_MP_INVALID_STATE once it has been started */
  set daemon(daemon: boolean) {
    if (typeof daemon !== "boolean") {
      throw invalidArgument(`A process's daemon must be true or false; received ${shown(daemon)}`);
    }
    const state = ownedState(this, "the daemon setter");
    if (state.starting !== undefined || state.supervision !== undefined) {
      throw invalidState(
        `Cannot set daemon of process "${state.name}": it has been started\n  do this:  set it before start()`,
      );
    }
    state.daemon = daemon;
  }

  /** Undefined before start(). */
  get pid(): number | undefined {
    const state = stateOf(this);
    if (state.role === "self") return process.pid;
    return state.role === "elsewhere" ? state.pid : ownedState(this, "pid").supervision?.pid;
  }

  /** Null while it runs and before; n from exit(n); 1 for an uncaught error; -9 when killed by signal 9; 255 where it cannot be known. */
  get exitCode(): number | null {
    if (stateOf(this).role === "self") return null;
    return ownedState(this, "exitCode").supervision?.status?.exitCode ?? null;
  }

  /** The signal that ended it; null while it runs, and when it ended otherwise. */
  get signalCode(): NodeJS.Signals | null {
    if (stateOf(this).role === "self") return null;
    return ownedState(this, "signalCode").supervision?.status?.signalCode ?? null;
  }

  /** Ready in `wait()` when the process ends. @throws ERR_MP_INVALID_STATE before start() */
  get sentinel(): ProcessSentinel {
    const supervision = supervisionOf(this, "sentinel");
    let sentinel = sentinels.get(this);
    if (sentinel === undefined) {
      sentinel = new ProcessSentinel(this.name, supervision);
      sentinels.set(this, sentinel);
    }
    return sentinel;
  }

  /** With `stdio: "pipe"`, once started; null otherwise. */
  get stdin(): Writable | null {
    return stateOf(this).supervision?.launched.stdin ?? null;
  }

  /** With `stdio: "pipe"`, once started; null otherwise. */
  get stdout(): Readable | null {
    return stateOf(this).supervision?.launched.stdout ?? null;
  }

  /** With `stdio: "pipe"`, once started; null otherwise. */
  get stderr(): Readable | null {
    return stateOf(this).supervision?.launched.stderr ?? null;
  }

  /** Terminates it (SIGKILL after `killGraceMs`), joins it and closes it. */
  async [Symbol.asyncDispose](): Promise<void> {
    const state = stateOf(this);
    if (state.closed) return;
    ownedState(this, "Symbol.asyncDispose");
    await state.starting?.catch(() => {}); // A start that failed is told by start() itself.
    if (state.supervision !== undefined) {
      if (state.supervision.isAlive()) state.supervision.endByForce();
      await this.join();
    }
    this.close();
  }

  /** `<Process name='myprocess1' pid=70768 parent=70763 started>` */
  toString(): string {
    const { name, closed, ownerPid, role, pid, daemon, supervision } = stateOf(this);
    const known = role === "self" ? process.pid : (supervision?.pid ?? pid);
    const exitCode = supervision?.status?.exitCode;
    const words = [this.constructor.name, `name=${inspect(name)}`];
    if (known !== undefined && !closed) words.push(`pid=${known}`);
    words.push(`parent=${ownerPid}`);
    if (closed) words.push("closed");
    else if (exitCode !== undefined) words.push("stopped", `exitcode=${exitCodeText(exitCode)}`);
    else words.push(known === undefined ? "initial" : "started");
    if (daemon) words.push("daemon");
    return `<${words.join(" ")}>`;
  }

  /** @internal */
  [inspectCustom](): string {
    return this.toString();
  }
}

/** Whoever reads a result waits for it: until it has come, a daemon too keeps the event loop alive. */
function forward(supervision: Supervision, result: Deferred<unknown>): void {
  supervision.hold();
  void supervision.outcome.then((outcome) => {
    supervision.release();
    if ("error" in outcome) result.reject(outcome.error);
    else result.resolve(outcome.value);
  });
}

function bootstrappingError(name: string): MultiprocessingError {
  const message =
    `Cannot start process "${name}": this process is still importing the modules that its own job needs\n` +
    `  A module that starts processes while it is evaluated would start them again in each child, for ever.\n` +
    `  do this:  start processes inside a function, or in the main module, not at the top level of an imported module`;
  getLogger().error(message);
  return new MultiprocessingError(message, { code: "ERR_MP_BOOTSTRAPPING" });
}
