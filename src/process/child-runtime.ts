/**
 * The life of a child: told who it is, given its job, it runs it, says what came of it, and ends as a Node program does.
 *
 * Runs in: the child. The other end is `supervision.ts`.
 * Guarantees: the owner hears of the result or of the error before the process ends, whatever ends it, unless it is
 * killed; an error is also on stderr, as Node prints it.
 */
import "../channel/channel-kinds.ts";
import { handOver } from "../memory/carried.ts";
import "../sync/sync-kinds.ts";
import { sent } from "../base/crossing.ts";
import { reportError } from "../wire/error-report.ts";
import { decode, encode } from "../wire/codec.ts";
import type { ControlEnd } from "./control-end.ts";
import { setCurrentProcess } from "./current-process.ts";
import { setBootstrapping } from "./identity.ts";
import { Job } from "./job.ts";
import { getLogger } from "./logger.ts";
import { readModulesAtOnce } from "./modules-at-once.ts";
import { setOwnerChannel } from "./owner-channel.ts";
import { applyPreparation } from "./preparation.ts";
import type { Process } from "./process.ts";
import "./process-kinds.ts";
import { keepStreamsWhole } from "./whole-streams.ts";

/** As Node's own, for a program whose awaited promise can never settle. */
const unsettledExitCode = 13;

export async function runChild(control: ControlEnd): Promise<void> {
  keepStreamsWhole();
  const preparation = applyPreparation(control.receive("preparation"));
  setCurrentProcess({ name: preparation.name, daemon: preparation.daemon, pid: process.pid });
  setOwnerChannel(control, preparation.home);
  const report = new Report(control, preparation.home);
  const job = control.receive("job");
  let value: unknown;
  try {
    setBootstrapping(true);
    const itself = ((await readModulesAtOnce(() => decode(job))) as Job).process as Process;
    setBootstrapping(false);
    setCurrentProcess(itself);
    getLogger().info("child process calling run()");
    value = await itself.run();
  } catch (error) {
    report.failed(error);
    throw error; // Nobody awaits this promise: the error ends the process, and Node shows where it was thrown.
  }
  report.succeeded(value);
}

/** Says once what came of the job. */
class Report {
  readonly #control: ControlEnd;
  readonly #home: string;
  #sent = false;
  #endedByItself = false;

  constructor(control: ControlEnd, home: string) {
    this.#control = control;
    this.#home = home;
    process.on("uncaughtExceptionMonitor", (error: unknown) => {
      const handled = process.listenerCount("uncaughtException") > 0 || process.hasUncaughtExceptionCaptureCallback();
      if (!handled) this.failed(error);
    });
    process.once("beforeExit", () => {
      this.#endedByItself = true;
    });
    process.once("exit", (code) => {
      if (this.#endedByItself && !this.#sent && code === 0) process.exitCode = unsettledExitCode;
      getLogger().info(`process exiting with exit code ${process.exitCode ?? code}`);
    });
  }

  succeeded(value: unknown): void {
    if (this.#sent) return;
    let bytes: Uint8Array;
    let keepAlive: readonly object[];
    try {
      ({ bytes, keepAlive } = encode(value, { root: "result", home: this.#home }));
    } catch (error) {
      this.failed(error); // The target has done its work: only the owner is told, and the exit code stays 0.
      return;
    }
    this.#send("result", bytes, keepAlive);
  }

  failed(error: unknown): void {
    if (this.#sent) return;
    const keep: object[] = [];
    this.#send("error", reportError(error, { home: this.#home, keep }), keep);
  }

  #send(kind: "result" | "error", bytes: Uint8Array, keepAlive: readonly object[]): void {
    this.#sent = true;
    // This process may have ended before its owner decodes it.
    const held = handOver(keepAlive);
    sent(keepAlive, "message"); // Ends of pipes move: their new holder is whoever decodes it.
    if (held.length > 0) this.#control.send("held", held);
    this.#control.send(kind, bytes);
  }
}
