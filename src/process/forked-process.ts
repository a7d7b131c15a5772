/**
 * A process that a fork server has started, as its owner sees it: how it is signalled, and how its end is learnt.
 *
 * Runs in: the owner.
 * Guarantees: a signal never reaches another process that has got the pid; the end is seen on the process itself
 * (a pidfd), so that neither a dead server nor a stopped one can hide it.
 * Source: pidfd_open(2), and PIDFD_GET_INFO of ioctl_pidfd (Linux 6.15) for the status of a process that is not ours.
 */
import { closeSync } from "node:fs";
import { constants } from "node:os";
import { after } from "../base/deadline.ts";
import { deferred } from "../base/deferred.ts";
import { MultiprocessingError } from "../base/errors.ts";
import type { Addon } from "../host/addon.ts";
import { exitStatus, signalStatus, unknownExitCode, type ExitStatus } from "./exit-status.ts";
import type { Forked } from "./fork-server.ts";
import type { OurEnds } from "./child-ends.ts";
import type { Launched } from "./launcher.ts";

/** A server that lives reports within a millisecond of the end; then other ways are tried. Arbitrary. */
const longestReportMs = 1000;
/**
 * The kernel knows the status of another's child only once that one has reaped it: pid 1 mostly does so at once, some
 * after a second. Arbitrary.
 */
const lookAgainMs = 20;
const longestReapMs = 3000;

export function launchedByFork(addon: Addon, forked: Forked, ends: OurEnds): Launched {
  const { pid, pidfd } = forked;
  const seen = deferred<void>();
  const watcher = addon.watch(pidfd, () => {
    watcher.close(); // It stays readable for ever.
    seen.resolve();
  });
  let ended = false;
  let lastWord: number | undefined;
  const exited = (async (): Promise<ExitStatus> => {
    const reported = forked.reported.then((report) => report ?? seen.promise.then(() => undefined));
    const late = seen.promise.then(() => reportOrNothing(forked.reported));
    const report = await Promise.race([reported, late]);
    ended = true;
    const status =
      report === undefined ? await statusOfStranger(addon, pidfd, pid, () => lastWord) : fromReport(report);
    watcher.close();
    // As child_process has it: nobody reads stdin any more, and what nobody has read of the others is let go.
    ends.stdin?.destroy();
    process.nextTick(() => {
      for (const stream of [ends.stdout, ends.stderr]) if (stream?.readable === true) stream.resume();
    });
    closeSync(pidfd);
    ends.closeLifeline();
    return status;
  })();
  return {
    pid,
    control: ends.control,
    stdin: ends.stdin,
    stdout: ends.stdout,
    stderr: ends.stderr,
    exited,
    signal: (signal) => {
      if (!ended) addon.pidfdSignal(pidfd, constants.signals[signal]);
    },
    ref: () => watcher.ref(),
    unref: () => watcher.unref(),
    lastWord: (code) => {
      lastWord = code;
    },
  };
}

type Report = { readonly code: number; readonly signal: number };

function reportOrNothing(reported: Promise<Report | undefined>): Promise<Report | undefined> {
  return new Promise((resolve) => {
    const cancel = after(longestReportMs, () => resolve(undefined));
    void reported.then((report) => {
      cancel();
      resolve(report);
    });
  });
}

function fromReport({ code, signal }: Report): ExitStatus {
  return signal === 0 ? exitStatus(code, null) : signalStatus(signal);
}

/** Nobody has told: the kernel may, once the process has been reaped by whoever it was left to. */
async function statusOfStranger(
  addon: Addon,
  pidfd: number,
  pid: number,
  lastWord: () => number | undefined,
): Promise<ExitStatus> {
  for (let waitedMs = 0; waitedMs < longestReapMs; waitedMs += lookAgainMs) {
    // It is left to this process where this one is pid 1; else whoever it was left to has to reap it first.
    const known = addon.reapOrphan(pid) ?? addon.pidfdExitStatus(pidfd);
    if (known !== null) return fromReport(known);
    const told = lastWord();
    if (told !== undefined) return exitStatus(told, null);
    await new Promise<void>((resolve) => void after(lookAgainMs, resolve));
  }
  const message = `The exit code of process ${pid} cannot be known: its fork server ended before it, and the kernel keeps no record`;
  return {
    exitCode: unknownExitCode,
    signalCode: null,
    cause: new MultiprocessingError(message, { code: "ERR_MP_PROCESS_EXITED", pid }),
  };
}
