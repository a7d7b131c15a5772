/**
 * Start method "forkserver": a small server process that forks, so that a process starts in milliseconds.
 *
 * Runs in: the owner. The other ends are `entry/fork-server-main.ts` and `forked-child.ts`.
 * Guarantees: no descriptor of a child outlives it here; a server that has died is replaced within the same start; a
 * target runs at most once.
 */
import { closeSync, statSync } from "node:fs";
import { after } from "../base/deadline.ts";
import { MultiprocessingError } from "../base/errors.ts";
import { addonOrUndefined, requireAddon, whyNoAddon, type Addon } from "../host/addon.ts";
import { isMainThread } from "../host/main-thread.ts";
import { owe } from "../sync/debts.ts";
import { openEnds, type Ends } from "./child-ends.ts";
import { sayFirst } from "./first-words.ts";
import { ForkServerEnded, type Forked, type ForkRequest, type ForkServer } from "./fork-server.ts";
import { loaderOption } from "./fork-server-flags.ts";
import { findForkServer, unsafeReason } from "./fork-servers.ts";
import { launchedByFork } from "./forked-process.ts";
import { frameHead } from "./frames.ts";
import type { BegunLaunch, LaunchOptions, LaunchOutcome, Launcher, LaunchRequest } from "./launcher.ts";
import { surroundings } from "./surroundings.ts";

/** A server that dies while it is asked is replaced; one that keeps dying is a fault to be told. Arbitrary. */
const tries = 3;
/** A process that has been killed ends within a millisecond. Arbitrary. */
const longestEndMs = 2000;

export const forkserverLauncher: Launcher = { method: "forkserver", unavailable, cannotHonour, begin, launch };

function unavailable(): string | undefined {
  if (process.platform !== "linux") return "it needs Linux";
  if (addonOrUndefined() === undefined) return `it needs the native addon (${whyNoAddon()})`;
  if (!isMainThread()) return "it cannot be used from a worker thread";
  const loader = loaderOption(process.execArgv, process.env["NODE_OPTIONS"]);
  if (loader !== undefined) return `${loader} runs a loader on a thread, which a fork would leave behind`;
  return unsafeReason();
}

function cannotHonour({ execArgv, env }: LaunchOptions): string | undefined {
  if (execArgv !== undefined && execArgv.length > 0) return "execArgv belongs to the server, which is running already";
  if (env !== undefined && (env["NODE_OPTIONS"] ?? "") !== (process.env["NODE_OPTIONS"] ?? "")) {
    return "its env has another NODE_OPTIONS, which the server cannot take on";
  }
  return undefined;
}

/**
 * While the job is encoded the server starts, or the process gets ready and waits for its first words: measured, a start
 * takes 0.4 ms less by it. One that is detached could not be ended without a word, if the job cannot be encoded.
 */
function begin(options: LaunchOptions): Begun | undefined {
  let server: ForkServer | undefined;
  findForkServer({ found: (ready) => (server = ready), failed() {} }); // `launch()` tells why there is none.
  if (server === undefined || options.detached) return undefined;
  let forking: Forking | undefined;
  try {
    checkDirectory(options);
    forking = new Forking(requireAddon(), options);
    const wasBusy = server.isBusy;
    server.fork(forking);
    // What has just been woken would wait for this thread to sleep, on this processor, while others are idle (measured).
    if (!wasBusy) requireAddon().yieldNow();
    const told = surroundings(options);
    return new Begun(forking, [frameHead("surroundings", told.length), told]);
  } catch {
    forking?.cancel();
    return undefined; // `launch()` meets it again.
  }
}

/** The process that was asked for ahead, and what it is told first: its surroundings of that moment. */
class Begun implements BegunLaunch {
  readonly #forking: Forking;
  readonly #told: readonly Uint8Array[];

  constructor(forking: Forking, told: readonly Uint8Array[]) {
    this.#forking = forking;
    this.#told = told;
  }

  launch(request: LaunchRequest, words: readonly Uint8Array[], then: LaunchOutcome): void {
    noteJob(request);
    if (!this.#forking.say([...this.#told, ...words], then)) launchAnew(request, words, then);
  }

  cancel(): void {
    this.#forking.cancel();
  }
}

/** Of so many jobs one has modules imported: so, likely, has one of the next. Arbitrary. */
const rememberedJobs = 8;
let jobsSinceImport = rememberedJobs;

function noteJob({ imports }: LaunchRequest): void {
  jobsSinceImport = imports ? 0 : jobsSinceImport + 1;
}

function launch(request: LaunchRequest, words: readonly Uint8Array[], then: LaunchOutcome): void {
  noteJob(request);
  launchAnew(request, words, then);
}

function launchAnew(options: LaunchOptions, words: readonly Uint8Array[], then: LaunchOutcome): void {
  let forking: Forking;
  try {
    checkDirectory(options);
    const told = surroundings(options);
    forking = new Forking(requireAddon(), options, [frameHead("surroundings", told.length), told, ...words], then);
  } catch (error) {
    then.failed(named(error, options.name));
    return;
  }
  forking.ask();
}

/** A spawned child finds out when it is started; a forked one would be there already. */
function checkDirectory({ cwd, name }: LaunchOptions): void {
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
  readonly imports: boolean = jobsSinceImport < rememberedJobs;
  readonly #addon: Addon;
  readonly #options: LaunchOptions;
  #words: readonly Uint8Array[];
  /** Undefined until the first words are said; what happens before is kept for then. */
  #then: LaunchOutcome | undefined;
  #early: Forked | undefined;
  #hasFailed = false;
  #ends: Ends;
  #attempts = 0;
  #cancelled = false;

  /** @throws {MultiprocessingError} when its channels cannot be opened */
  constructor(addon: Addon, options: LaunchOptions, words: readonly Uint8Array[] = [], then?: LaunchOutcome) {
    this.detached = options.detached;
    this.#addon = addon;
    this.#options = options;
    this.#words = words;
    this.#then = then;
    this.#ends = openEnds(addon, options, words);
  }

  get descriptors(): readonly number[] {
    return this.#ends.theirs.map(({ descriptor }) => descriptor);
  }

  ask(): void {
    this.#attempts++;
    findForkServer({ found: (server) => server.fork(this), failed: (error) => this.failed(error) });
  }

  /** Of one that was made without words. @returns false when it cannot be told: it is given up then, and has run nothing */
  say(words: readonly Uint8Array[], then: LaunchOutcome): boolean {
    let said = false;
    try {
      said = !this.#hasFailed && sayFirst(this.#addon, this.#ends.control, words);
    } catch {
      // The process has died meanwhile, or there is no descriptor left.
    }
    if (!said) {
      this.cancel();
      return false;
    }
    this.#words = words;
    this.#then = then;
    if (this.#early !== undefined) this.started(this.#early);
    return true;
  }

  /** Of one that has not been told anything: it ends, and nothing of it is told. */
  cancel(): void {
    this.#cancelled = true;
    this.#ends.closeOurs();
    if (this.#hasFailed) this.#ends.closeTheirs();
    if (this.#early !== undefined) this.started(this.#early);
  }

  sent(): void {
    this.#ends.closeTheirs();
  }

  started(forked: Forked): void {
    if (this.#cancelled) closeSync(forked.pidfd);
    else if (this.#then === undefined) this.#early = forked;
    else this.#then.launched(launchedByFork(this.#addon, forked, this.#ends.keep()));
  }

  failed(error: unknown): void {
    if (this.#cancelled) this.#ends.closeTheirs();
    else if (this.#then === undefined) this.#hasFailed = true;
    else this.#failed(error);
  }

  #failed(error: unknown): void {
    if (!(error instanceof ForkServerEnded) || this.#attempts === tries) this.#give(error);
    else if (error.asked) this.#askAgainUnlessRun();
    else this.ask();
  }

  #give(error: unknown): void {
    this.#ends.closeOurs();
    this.#ends.closeTheirs();
    this.#then!.failed(named(error, this.#options.name));
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
      this.#ends = openEnds(this.#addon, this.#options, this.#words);
    } catch (error) {
      this.#then!.failed(named(error, this.#options.name));
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
