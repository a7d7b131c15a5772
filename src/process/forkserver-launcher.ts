/**
 * Start method "forkserver": a small server process that forks, so that a process starts in milliseconds.
 *
 * Runs in: the owner. The other ends are `entry/fork-server-main.ts` and `forked-child.ts`.
 * Guarantees: no descriptor of a child outlives it here; a server that has died is replaced within the same start; a
 * target runs at most once.
 */
import { closeSync, openSync, statSync } from "node:fs";
import type { Socket } from "node:net";
import { after } from "../base/deadline.ts";
import { MultiprocessingError } from "../base/errors.ts";
import { addonOrUndefined, requireAddon, whyNoAddon, type Addon } from "../host/addon.ts";
import { isMainThread } from "../host/main-thread.ts";
import { owe } from "../sync/debts.ts";
import { endsWithThisOne } from "./dependants.ts";
import { openControl } from "./first-words.ts";
import { ForkServerEnded, type Forked, type ForkRequest } from "./fork-server.ts";
import { loaderOption } from "./fork-server-flags.ts";
import { findForkServer, unsafeReason } from "./fork-servers.ts";
import { launchedByFork } from "./forked-process.ts";
import { frameHead } from "./frames.ts";
import type { LaunchOutcome, Launcher, LaunchRequest } from "./launcher.ts";
import { surroundings } from "./surroundings.ts";

/** A server that dies while it is asked is replaced; one that keeps dying is a fault to be told. Arbitrary. */
const tries = 3;
/** A process that has been killed ends within a millisecond. Arbitrary. */
const longestEndMs = 2000;

export const forkserverLauncher: Launcher = { method: "forkserver", unavailable, cannotHonour, beginAhead, launch };

function unavailable(): string | undefined {
  if (process.platform !== "linux") return "it needs Linux";
  if (addonOrUndefined() === undefined) return `it needs the native addon (${whyNoAddon()})`;
  if (!isMainThread()) return "it cannot be used from a worker thread";
  const loader = loaderOption(process.execArgv, process.env["NODE_OPTIONS"]);
  if (loader !== undefined) return `${loader} runs a loader on a thread, which a fork would leave behind`;
  return unsafeReason();
}

function cannotHonour({ execArgv, env }: LaunchRequest): string | undefined {
  if (execArgv !== undefined && execArgv.length > 0) return "execArgv belongs to the server, which is running already";
  if (env !== undefined && (env["NODE_OPTIONS"] ?? "") !== (process.env["NODE_OPTIONS"] ?? "")) {
    return "its env has another NODE_OPTIONS, which the server cannot take on";
  }
  return undefined;
}

/** The server, while the job is encoded. */
function beginAhead(): void {
  findForkServer({ found() {}, failed() {} }); // `launch()` asks for the same one, and tells why there is none.
}

function launch(request: LaunchRequest, words: readonly Uint8Array[], then: LaunchOutcome): void {
  const addon = requireAddon();
  let forking: Forking;
  try {
    checkDirectory(request);
    const told = surroundings(request);
    forking = new Forking(addon, request, [frameHead("surroundings", told.length), told, ...words], then);
  } catch (error) {
    then.failed(named(error, request.name));
    return;
  }
  forking.ask();
}

/** A spawned child finds out when it is started; a forked one would be there already. */
function checkDirectory({ cwd, name }: LaunchRequest): void {
  if (cwd === undefined || statSync(cwd, { throwIfNoEntry: false })?.isDirectory() === true) return;
  throw new MultiprocessingError(
    `Cannot start process "${name}": its cwd ${String(cwd)} is no directory that can be entered\n` +
      `  do this:  check that cwd exists`,
    { code: "ERR_MP_PROCESS_START" },
  );
}

/** One start, asked of one server after the other until one has met it. */
class Forking implements ForkRequest {
  readonly detached: boolean;
  readonly #addon: Addon;
  readonly #request: LaunchRequest;
  readonly #words: readonly Uint8Array[];
  readonly #then: LaunchOutcome;
  #ends: Ends;
  #attempts = 0;

  /** @throws {MultiprocessingError} when its channels cannot be opened */
  constructor(addon: Addon, request: LaunchRequest, words: readonly Uint8Array[], then: LaunchOutcome) {
    this.detached = request.detached;
    this.#addon = addon;
    this.#request = request;
    this.#words = words;
    this.#then = then;
    this.#ends = openEnds(addon, request, words);
  }

  get descriptors(): readonly number[] {
    return this.#ends.theirs.map(({ descriptor }) => descriptor);
  }

  ask(): void {
    this.#attempts++;
    findForkServer({ found: (server) => server.fork(this), failed: (error) => this.failed(error) });
  }

  sent(): void {
    this.#ends.closeTheirs();
  }

  started(forked: Forked): void {
    this.#then.launched(launchedByFork(this.#addon, forked, this.#ends.keep()));
  }

  failed(error: unknown): void {
    if (!(error instanceof ForkServerEnded) || this.#attempts === tries) this.#give(error);
    else if (error.asked) this.#askAgainUnlessRun();
    else this.ask();
  }

  #give(error: unknown): void {
    this.#ends.closeOurs();
    this.#ends.closeTheirs();
    this.#then.failed(named(error, this.#request.name));
  }

  /**
   * The server died with the request in hand. A process that it has started nevertheless ends with its lifeline; then the
   * kernel says whether anybody has read the first words to their end: ECONNRESET when there is something left of them.
   */
  #askAgainUnlessRun(): void {
    const { control } = this.#ends;
    this.#ends.closeLifeline();
    let settled = false;
    const settle = (unread: boolean): true => {
      if (settled) return true;
      settled = true;
      watcher.close();
      cancel();
      this.#ends.closeOurs();
      if (unread) this.#askWithNewEnds();
      else this.#give(perhapsRun());
      return true;
    };
    const look = (): boolean => {
      if (settled) return true;
      try {
        return this.#addon.receiveDescriptors(control) === undefined ? false : settle(false);
      } catch (error) {
        return settle((error as NodeJS.ErrnoException).code === "ECONNRESET");
      }
    };
    this.#addon.setNonBlocking(control, true);
    const watcher = this.#addon.watch(control, look);
    const cancel = after(longestEndMs, () => void settle(false));
    owe(look);
  }

  #askWithNewEnds(): void {
    try {
      this.#ends = openEnds(this.#addon, this.#request, this.#words);
    } catch (error) {
      this.#then.failed(named(error, this.#request.name));
      return;
    }
    this.ask();
  }
}

function perhapsRun(): MultiprocessingError {
  return new MultiprocessingError(
    `Cannot start a process: its fork server ended while it was asked, and the target has perhaps begun to run\n` +
      `  do this:  start it again if running it twice does no harm`,
    { code: "ERR_MP_PROCESS_START" },
  );
}

/** What this side keeps of a child's channels. */
export interface OurEnds {
  readonly control: Socket;
  /** The write end of the pipe with whose closing the kernel kills the child: nothing when it is detached. */
  closeLifeline(): void;
  readonly stdin: Socket | null;
  readonly stdout: Socket | null;
  readonly stderr: Socket | null;
}

interface Ends {
  readonly control: number;
  /** In the order of the request: control, stdin, stdout, stderr, lifeline. `lent`: this process's own. */
  readonly theirs: readonly { readonly descriptor: number; readonly lent: boolean }[];
  /** For a child that lives: sockets instead of descriptors. */
  keep(): OurEnds;
  closeLifeline(): void;
  closeTheirs(): void;
  closeOurs(): void;
}

function openEnds(addon: Addon, { stdio, detached }: LaunchRequest, words: readonly Uint8Array[]): Ends {
  const theirs: { descriptor: number; lent: boolean }[] = [];
  const ours = new Set<number>();
  const own = ([mine, its]: readonly [number, number]): number => {
    ours.add(mine);
    theirs.push({ descriptor: its, lent: false });
    return mine;
  };
  const close = (descriptor: number): void => {
    if (ours.delete(descriptor)) closeSync(descriptor);
  };
  const closeTheirs = (): void => {
    for (const { descriptor, lent } of theirs.splice(0)) if (!lent) closeSync(descriptor);
  };
  try {
    const control = own(openControl(addon, words));
    const streams = [0, 1, 2].map((descriptor) => {
      if (stdio === "pipe") return own(addon.socketPair("stream"));
      if (stdio === "inherit") theirs.push({ descriptor, lent: true });
      else theirs.push({ descriptor: openSync("/dev/null", descriptor === 0 ? "r" : "w"), lent: false });
      return undefined;
    });
    let closeLifeline = (): void => {};
    if (!detached) {
      const [read, write] = addon.pipe();
      const lifeline = own([write, read]);
      const forget = endsWithThisOne(() => close(lifeline));
      closeLifeline = (): void => {
        forget();
        close(lifeline);
      };
    }
    const [stdin, stdout, stderr] = streams;
    const socket = (fd: number | undefined, readable: boolean, writable: boolean): Socket | null =>
      fd === undefined ? null : new (process.getBuiltinModule("node:net").Socket)({ fd, readable, writable });
    return {
      control,
      theirs,
      keep: () => ({
        control: socket(control, true, true)!,
        closeLifeline,
        stdin: socket(stdin, false, true),
        stdout: socket(stdout, true, false),
        stderr: socket(stderr, true, false),
      }),
      closeLifeline,
      closeTheirs,
      closeOurs() {
        // The lifeline first: a child that nobody waits for ends by it, before it could see that its channel has ended.
        closeLifeline();
        for (const descriptor of ours) close(descriptor);
      },
    };
  } catch (cause) {
    for (const descriptor of ours) closeSync(descriptor);
    closeTheirs();
    throw new MultiprocessingError(`Cannot start a process: its channels cannot be opened (${String(cause)})`, {
      code: "ERR_MP_PROCESS_START",
      cause,
    });
  }
}

/** The refusals below know no process; the message that a user reads should. */
function named(error: unknown, name: string): unknown {
  if (error instanceof MultiprocessingError && error.code === "ERR_MP_PROCESS_START") {
    error.message = error.message.replace(
      /^Cannot start (?:a process|the fork server)/,
      `Cannot start process "${name}"`,
    );
  }
  return error;
}
