/**
 * A fork server as those see it who ask it for processes: packets out, processes and their ends in.
 *
 * Runs in: the owner. The other end is `entry/fork-server-main.ts`.
 * Guarantees: a request is sent at once, or as soon as there is room, while this thread blocks, too; each is answered
 * exactly once, with a process or an error; nothing here keeps the event loop alive but a request under way; a server
 * that dies takes nothing with it but the exit codes that nobody else knows.
 * Leaves to others: which server to ask (`fork-servers.ts`), what an exit means (`forked-process.ts`).
 */
import { constants } from "node:os";
import { getSystemErrorName } from "node:util";
import type { Addon, Watcher } from "../host/addon.ts";
import { deferred, type Deferred } from "../base/deferred.ts";
import { MultiprocessingError } from "../base/errors.ts";
import { closeSync } from "node:fs";
import { owe } from "../sync/debts.ts";
import {
  codeNotKnown,
  forkRequest,
  parseServerMessage,
  startedBytes,
  type ForkOptions,
  type ServerMessage,
} from "./fork-server-protocol.ts";

/** Requests that the server has not answered yet; more would fill the socket, and a write would block. Arbitrary. */
const longestQueueAtServer = 16;

export interface ForkRequest extends Omit<ForkOptions, "cpu"> {
  /** control, stdin, stdout, stderr, and the lifeline unless detached. They stay the caller's. */
  readonly descriptors: readonly number[];
  /** The server has it, with descriptors of its own. */
  sent(): void;
  /** Exactly one of the two is called, once, within `fork()` or later. */
  started(forked: Forked): void;
  /** ForkServerEnded, or ERR_MP_PROCESS_START when the operating system refuses. */
  failed(error: MultiprocessingError): void;
}

/** A process that the server has started. */
export interface Forked {
  readonly pid: number;
  readonly pidfd: number;
  /** Resolves when the server tells the end; undefined when it has itself ended, or does not know. */
  readonly reported: Promise<{ readonly code: number; readonly signal: number } | undefined>;
}

export class ForkServer {
  readonly #addon: Addon;
  readonly #connection: number;
  readonly #lifeline: number | undefined;
  readonly #watcher: Watcher;
  readonly #waiting: ForkRequest[] = [];
  readonly #asked = new Map<number, ForkRequest>();
  readonly #running = new Map<number, Deferred<{ readonly code: number; readonly signal: number } | undefined>>();
  /**
   * One descriptor for each answer that is due: what has been asked for runs, and must not be left unwatched because this
   * process has no descriptor left when the answer comes.
   */
  readonly #room: number[] = [];
  #lastId = 0;
  #alive = true;
  #retired = false;

  /**
   * @param connection the descriptor of a connection to a server that is ready to fork; this object owns it
   * @param lifeline likewise, of the pipe with whose closing the server ends; undefined where it is not ours to end
   */
  constructor(addon: Addon, connection: number, lifeline?: number) {
    addon.setNonBlocking(connection, true);
    this.#addon = addon;
    this.#connection = connection;
    this.#lifeline = lifeline;
    this.#watcher = addon.watch(connection, () => this.#receive());
    this.#watcher.unref();
  }

  isAlive(): boolean {
    return this.#alive;
  }

  fork(request: ForkRequest): void {
    this.#waiting.push(request);
    this.#watcher.ref();
    this.#send();
    if (this.isBusy) owe(this.#goOn);
  }

  /** Whether it has not answered all that was asked of it. */
  get isBusy(): boolean {
    return this.#asked.size + this.#waiting.length > 0;
  }

  /** An answer that is missing is owed, too: of a server that dies before it has given it another one has to be asked. */
  readonly #goOn = (): boolean => {
    this.#receive();
    return !this.isBusy;
  };

  /** No more requests will come: it ends when the last of its processes has. */
  retire(): void {
    this.#retired = true;
    this.#endIfIdle();
  }

  #send(): void {
    while (this.#asked.size < longestQueueAtServer && this.#waiting.length > 0) {
      const request = this.#waiting.shift()!;
      if (!this.#alive) {
        request.failed(serverEnded(false));
        continue;
      }
      const id = ++this.#lastId;
      const { detached, imports } = request;
      try {
        if (this.#room.length <= this.#asked.size) this.#room.push(this.#addon.duplicate(this.#connection));
        this.#addon.sendDescriptors(
          this.#connection,
          forkRequest(id, { detached, imports, cpu: this.#addon.currentCpu() }),
          [...request.descriptors],
        );
      } catch (cause) {
        // Nobody is to ask it again; what it has still said is taken in first.
        if (isBroken(cause)) this.#receive();
        request.failed(isBroken(cause) ? serverEnded(false) : refused("the fork server cannot be reached", cause));
        continue;
      }
      this.#asked.set(id, request);
      request.sent();
    }
    if (this.#alive && this.#asked.size === 0) this.#watcher.unref();
  }

  #receive(): void {
    while (this.#alive) {
      let packet: ReturnType<Addon["receiveDescriptors"]>;
      try {
        const length = this.#addon.packetLength(this.#connection);
        if (length === undefined) return;
        if (length === startedBytes) this.#makeRoom();
        packet = this.#addon.receiveDescriptors(this.#connection);
      } catch {
        packet = null; // ECONNRESET: it was killed with requests unread.
      }
      if (packet === undefined) return;
      if (packet === null) this.#end();
      else this.#take(parseServerMessage(packet.bytes), packet.descriptors[0]);
    }
  }

  /** For the pidfd that comes next. */
  #makeRoom(): void {
    const descriptor = this.#room.pop();
    if (descriptor !== undefined) closeSync(descriptor);
  }

  #take(message: ServerMessage, pidfd: number | undefined): void {
    if (message.kind === "exited") {
      const running = this.#running.get(message.id);
      this.#running.delete(message.id);
      const known = message.code !== codeNotKnown;
      running?.resolve(known ? { code: message.code, signal: message.signal } : undefined);
      this.#endIfIdle();
      return;
    }
    const request = this.#asked.get(message.id);
    if (request === undefined) return; // Not ours to judge: the native side answers each request once.
    this.#asked.delete(message.id);
    if (message.errno !== 0 || pidfd === undefined) {
      const why =
        message.errno === 0 ? getSystemErrorName(-constants.errno.EMFILE) : getSystemErrorName(-message.errno);
      request.failed(refused(`the operating system refused to fork (${why})`));
    } else {
      const reported = deferred<{ readonly code: number; readonly signal: number } | undefined>();
      this.#running.set(message.id, reported);
      request.started({ pid: message.pid, pidfd, reported: reported.promise });
    }
    this.#send();
  }

  #endIfIdle(): void {
    if (this.#retired && this.#running.size === 0 && !this.isBusy) this.#end();
  }

  /** The server has ended, or is no longer needed: it ends with its owner's connection. */
  #end(): void {
    if (!this.#alive) return;
    this.#alive = false;
    this.#watcher.close();
    closeSync(this.#connection);
    if (this.#lifeline !== undefined) closeSync(this.#lifeline);
    while (this.#room.length > 0) this.#makeRoom();
    for (const reported of this.#running.values()) reported.resolve(undefined);
    this.#running.clear();
    const asked = [...this.#asked.values()];
    this.#asked.clear();
    const waiting = this.#waiting.splice(0);
    for (const request of asked) request.failed(serverEnded(true));
    for (const request of waiting) request.failed(serverEnded(false));
  }
}

/** The other end has gone. */
export function isBroken(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === "EPIPE" || code === "ECONNRESET";
}

function refused(why: string, cause?: unknown): MultiprocessingError {
  const message =
    `Cannot start a process: ${why}\n` +
    `  do this:  check the limits on processes (ulimit -u) and descriptors (ulimit -n), and the memory that is left`;
  return new MultiprocessingError(message, {
    code: "ERR_MP_PROCESS_START",
    ...(cause === undefined ? {} : { cause }),
  });
}

/** `forkserver-launcher.ts` asks another one. */
export class ForkServerEnded extends MultiprocessingError {
  /** It had got the request, and has perhaps met it. */
  readonly asked: boolean;

  constructor(message: string, asked: boolean) {
    super(message, { code: "ERR_MP_PROCESS_START" });
    this.asked = asked;
  }
}

function serverEnded(asked: boolean): ForkServerEnded {
  return new ForkServerEnded("Cannot start a process: the fork server has ended", asked);
}
