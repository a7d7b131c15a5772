/**
 * One started process as its owner sees it: what it delivers, how long it may run, how it ends.
 *
 * Runs in: the owner. The other end is `child-runtime.ts`.
 * Guarantees: the outcome is settled exactly once, and before `ended`; a process that is past its limit is ended, by
 * force if need be; nothing (timer, listener, socket) stays behind.
 */
import { onAbort } from "../base/abort.ts";
import { finished } from "../base/crossing.ts";
import { after } from "../base/deadline.ts";
import { deferred, type Deferred } from "../base/deferred.ts";
import { ProcessExitedError, TimeoutError } from "../base/errors.ts";
import { takeAllOver } from "../memory/carried.ts";
import { letGo, type Holding } from "../memory/holdings.ts";
import { endedWithPid } from "../memory/participants.ts";
import { decode } from "../wire/codec.ts";
import { describeExit, usualCause, type ExitStatus } from "./exit-status.ts";
import { frameHead, FrameReader, type Frame } from "./frames.ts";
import type { Launched } from "./launcher.ts";
import { addNearStack, type NearStack } from "./stacks.ts";

export type Outcome = { readonly value: unknown } | { readonly error: unknown };

export interface SupervisionOptions {
  readonly name: string;
  readonly timeoutMs: number | undefined;
  readonly killGraceMs: number;
  readonly signal: AbortSignal | undefined;
  /** Where start() was called. */
  readonly nearStack: NearStack;
  /** Originals of what was sent, for the functions and classes that come home. */
  readonly keepAlive: readonly object[];
}

/**
 * What a child wrote before it ended is in the socket already, so its end follows at once; only a stranger that holds
 * the child's descriptor can delay it. Arbitrary.
 */
const longestDrainMs = 2000;

export class Supervision {
  readonly pid: number;
  readonly launched: Launched;
  /** Resolves when the process has ended and its outcome is settled. Never rejects. */
  readonly ended: Promise<ExitStatus>;
  readonly outcome: Promise<Outcome>;
  status: ExitStatus | undefined;
  readonly #options: SupervisionOptions;
  readonly #outcome: Deferred<Outcome> = deferred<Outcome>();
  readonly #controlEnded: Deferred<void> = deferred<void>();
  readonly #cleanups: (() => void)[] = [];
  #delivered = false;
  /** Why this side ended it; what it delivers afterwards no longer counts. */
  #condemned: { readonly reason: unknown } | undefined;
  #holds = 1;
  /** What the result refers to, until it is decoded. */
  readonly #carried: Holding[] = [];
  /** Held, never read: what comes home must still be there. */
  keepAlive: readonly object[];
  #onMessage: ((payload: Uint8Array) => void) | undefined;
  #early: Uint8Array[] = [];

  constructor(launched: Launched, options: SupervisionOptions) {
    this.pid = launched.pid;
    this.launched = launched;
    this.outcome = this.#outcome.promise;
    this.#options = options;
    this.keepAlive = options.keepAlive;
    this.#readControl();
    this.#limit();
    this.ended = this.#end();
  }

  isAlive(): boolean {
    return this.status === undefined;
  }

  /** Sends a signal; nothing once it has ended. */
  signal(signal: NodeJS.Signals): void {
    if (this.isAlive()) this.launched.signal(signal);
  }

  /** One more reason to keep this process's event loop alive until it has ended. */
  hold(): void {
    if (this.#holds++ === 0) {
      this.launched.ref();
      this.launched.control.ref();
    }
  }

  release(): void {
    if (--this.#holds === 0) {
      this.launched.unref();
      this.launched.control.unref();
    }
  }

  /** Sends a message of a floor above, made of `parts`, whole. Nothing when the child has gone: its end is told. */
  send(parts: readonly Uint8Array[]): void {
    let length = 0;
    for (const part of parts) length += part.length;
    this.launched.control.send([frameHead("message", length), ...parts]);
  }

  /** Who is told the messages that the child sends, all of them before `ended` resolves. */
  listen(onMessage: (payload: Uint8Array) => void): void {
    this.#onMessage = onMessage;
    for (const payload of this.#early.splice(0)) onMessage(payload);
  }

  #readControl(): void {
    const { control } = this.launched;
    const reader = new FrameReader();
    const take = (bytes: Uint8Array): void => {
      try {
        for (const frame of reader.push(bytes)) this.#receive(frame);
      } catch (error) {
        this.#settleError(error); // The stream has lost its frame: nothing after it can be read.
        control.close();
      }
    };
    control.listen(take, () => this.#controlEnded.resolve());
  }

  #receive({ kind, payload }: Frame): void {
    if (kind === "exit") {
      this.launched.lastWord?.(payload[0]!);
      return;
    }
    if (kind === "held") {
      this.#carried.push(...takeAllOver(payload));
      return;
    }
    if (kind === "message") {
      if (this.#onMessage === undefined) this.#early.push(payload);
      else this.#onMessage(payload);
      return;
    }
    if (this.#delivered || this.#condemned !== undefined) return;
    this.#delivered = true;
    decode(payload).then(
      (decoded) => (kind === "result" ? this.#settle({ value: decoded }) : this.#settleError(decoded)),
      (error: unknown) => this.#settleError(error),
    );
  }

  #settle(outcome: Outcome): void {
    this.#delivered = true;
    for (const holding of this.#carried.splice(0)) letGo(holding);
    finished(this.keepAlive);
    this.keepAlive = [];
    this.#outcome.resolve(outcome);
  }

  #settleError(error: unknown): void {
    addNearStack(error, this.#options.nearStack, this.#options.name, this.pid);
    this.#settle({ error });
  }

  #limit(): void {
    const { timeoutMs, signal, name } = this.#options;
    if (timeoutMs !== undefined) {
      const cancel = after(timeoutMs, () => {
        const message = `Process "${name}" (pid ${this.pid}) ran longer than its timeoutMs of ${timeoutMs} and was ended`;
        this.#condemn(new TimeoutError(message, { pid: this.pid }));
      });
      this.#cleanups.push(cancel);
    }
    if (signal !== undefined) {
      const aborted = (): void => this.#condemn(signal.reason);
      this.#cleanups.push(onAbort(signal, aborted));
      if (signal.aborted) aborted();
    }
  }

  #condemn(reason: unknown): void {
    if (!this.isAlive() || this.#condemned !== undefined) return;
    this.#condemned = { reason };
    this.endByForce();
  }

  /** SIGTERM now, SIGKILL after the grace. */
  endByForce(): void {
    this.signal("SIGTERM");
    this.#cleanups.push(after(this.#options.killGraceMs, () => this.signal("SIGKILL")));
  }

  async #end(): Promise<ExitStatus> {
    const { exited, control } = this.launched;
    const status = await exited;
    this.status = status;
    endedWithPid(this.pid); // What it held of the family's memory is free, and those who wait for it are told.
    for (const cleanup of this.#cleanups) cleanup();
    const cancel = after(longestDrainMs, () => this.#controlEnded.resolve());
    await this.#controlEnded.promise;
    cancel();
    control.close();
    if (!this.#delivered) {
      // The reason of an abort is the caller's own: it is passed on untouched.
      if (this.#condemned !== undefined) this.#settle({ error: this.#condemned.reason });
      else this.#settleError(this.#exitError(status));
    }
    await this.outcome;
    return status;
  }

  #exitError(status: ExitStatus): ProcessExitedError {
    const { exitCode, signalCode, cause } = status;
    const message =
      `Process "${this.#options.name}" (pid ${this.pid}) ended with ${describeExit(status)} ` +
      `before its target had delivered a result\n  usual causes: ${whyItEnded(status)}`;
    const facts = { pid: this.pid, exitCode, signalCode };
    return new ProcessExitedError(message, cause === undefined ? facts : { ...facts, cause });
  }
}

function whyItEnded({ exitCode, signalCode }: ExitStatus): string {
  if (signalCode !== null || exitCode < 0) return usualCause(signalCode);
  if (exitCode === 13) return "the target awaits something that nothing in the process can ever bring about";
  return exitCode === 255 ? "its exit code could not be learnt" : "the target called process.exit()";
}
