/**
 * The contract between Process and the ways to start one: one file per start method, never an `if method ===` elsewhere.
 *
 * Runs in: the owner.
 * Guarantees: a process for whose start nothing has to be waited for is on its way, with its job, when `launch()` returns;
 * what has to be waited for goes on while this thread blocks, too (`sync/debts.ts`). So callbacks and no promises, which
 * stand still then.
 * A launcher brings an operating-system process to life, whose other end of the control channel runs
 * `child-runtime.ts`; what is said over that channel is not its business.
 */
import type { Readable, Writable } from "node:stream";
import type { ControlPort } from "./control-port.ts";
import type { ExitStatus } from "./exit-status.ts";

/** Experimental and last: "fork", which is not here yet. */
export type StartMethod = "spawn" | "forkserver";

/** What decides whether a launcher can meet a request. */
export interface LaunchOptions {
  /** For messages and for `ps`. */
  readonly name: string;
  readonly detached: boolean;
  readonly stdio: "inherit" | "ignore" | "pipe";
  /** Undefined: as they are in this process at this moment. */
  readonly env: NodeJS.ProcessEnv | undefined;
  readonly cwd: string | URL | undefined;
  readonly execArgv: readonly string[] | undefined;
}

export interface LaunchRequest extends LaunchOptions {
  /** Its job has the child import modules: what is started ahead of the next request prepares for that. */
  readonly imports: boolean;
}

export interface Launched {
  readonly pid: number;
  readonly control: ControlPort;
  readonly stdin: Writable | null;
  readonly stdout: Readable | null;
  readonly stderr: Readable | null;
  /** Resolves once, when the process has ended and nothing of it is left; never rejects. */
  readonly exited: Promise<ExitStatus>;
  /** Sends a signal; nothing when the process has ended: its pid may be another's by then. */
  signal(signal: NodeJS.Signals): void;
  /** Whether waiting for its end keeps this process's event loop alive. */
  ref(): void;
  unref(): void;
  /** Told the exit code that the child itself named as its last word, for where the kernel's cannot be had. */
  lastWord?(exitCode: number): void;
}

export interface Launcher {
  readonly method: StartMethod;
  /** Why this machine, or this process, cannot use the method; undefined when it can. */
  unavailable(): string | undefined;
  /** Why this one request cannot be met by the method; undefined when it can. */
  cannotHonour(options: LaunchOptions): string | undefined;
  /**
   * Begins what `launch()`, which is called in the same turn of the event loop, would wait for. Never throws.
   *
   * @returns what is to be launched instead, or cancelled, in the same turn
   */
  begin?(options: LaunchOptions): BegunLaunch | undefined;
  /**
   * Never throws.
   *
   * @param words frames that the child finds in its control channel, in any number of parts
   */
  launch(request: LaunchRequest, words: readonly Uint8Array[], then: LaunchOutcome): void;
}

export interface BegunLaunch extends Pick<Launcher, "launch"> {
  cancel(): void;
}

/** Exactly one of the two is called, once; within `launch()` or later. Neither must throw. */
export interface LaunchOutcome {
  /** The process exists, and has its pid. */
  launched(launched: Launched): void;
  /** ERR_MP_PROCESS_START when the operating system refuses. */
  failed(error: unknown): void;
}
