/**
 * A fork server as those see it who ask it for processes: packets out, processes and their ends in.
 *
 * Runs in: the owner. The other end is `entry/fork-server-main.ts`.
 * Guarantees: each request is answered exactly once, with a process or an error; nothing here keeps the event loop
 * alive but a request under way; a server that dies takes nothing with it but the exit codes that nobody else knows.
 * Leaves to others: which server to ask (`fork-servers.ts`), what an exit means (`forked-process.ts`).
 */
import { constants } from "node:os";
import { getSystemErrorName } from "node:util";
import type { Addon, Watcher } from "../host/addon.ts";
import { deferred, type Deferred } from "../base/deferred.ts";
import { MultiprocessingError } from "../base/errors.ts";
import { closeSync } from "node:fs";
import { codeNotKnown, forkRequest, parseServerMessage, type ServerMessage } from "./fork-server-protocol.ts";

/** Requests that the server has not answered yet; more would fill the socket, and a write would block. Arbitrary. */
const longestQueueAtServer = 16;

export interface ForkRequest {
  readonly detached: boolean;
  /** control, stdin, stdout, stderr, and the lifeline unless detached. They stay the caller's. */
  readonly descriptors: readonly number[];
}

/** A process that the server has started. */
export interface Forked {
  readonly pid: number;
  readonly pidfd: number;
  /** Resolves when the server tells the end; undefined when it has itself ended, or does not know. */
  readonly reported: Promise<{ readonly code: number; readonly signal: number } | undefined>;
}

interface Pending {
  readonly request: ForkRequest;
  readonly answer: Deferred<Forked>;
}

export class ForkServer {
  readonly #addon: Addon;
  readonly #connection: number;
  readonly #lifeline: number | undefined;
  readonly #watcher: Watcher;
  readonly #waiting: Pending[] = [];
  readonly #asked = new Map<number, Pending>();
  readonly #running = new Map<number, Deferred<{ readonly code: number; readonly signal: number } | undefined>>();
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

  /**
   * @throws {ForkServerEnded} when the server ended before it answered
   * @throws {MultiprocessingError} ERR_MP_PROCESS_START when the operating system refuses
   */
  fork(request: ForkRequest): Promise<Forked> {
    const pending: Pending = { request, answer: deferred<Forked>() };
    this.#waiting.push(pending);
    this.#watcher.ref();
    this.#send();
    return pending.answer.promise;
  }

  /** No more requests will come: it ends when the last of its processes has. */
  retire(): void {
    this.#retired = true;
    this.#endIfIdle();
  }

  #send(): void {
    while (this.#asked.size < longestQueueAtServer && this.#waiting.length > 0) {
      const pending = this.#waiting.shift()!;
      if (!this.#alive) {
        pending.answer.reject(serverEnded());
        continue;
      }
      const id = ++this.#lastId;
      try {
        this.#addon.sendDescriptors(this.#connection, forkRequest(id, pending.request), [
          ...pending.request.descriptors,
        ]);
      } catch (cause) {
        pending.answer.reject(isBroken(cause) ? serverEnded() : refused("the fork server cannot be reached", cause));
        // Nobody is to ask it again; what it has still said is taken in first.
        if (isBroken(cause)) this.#receive();
        continue;
      }
      this.#asked.set(id, pending);
    }
    if (this.#asked.size === 0) this.#watcher.unref();
  }

  #receive(): void {
    for (;;) {
      let packet: ReturnType<Addon["receiveDescriptors"]>;
      try {
        packet = this.#addon.receiveDescriptors(this.#connection);
      } catch {
        packet = null; // ECONNRESET: it was killed with requests unread.
      }
      if (packet === undefined) return;
      if (packet === null) {
        this.#end();
        return;
      }
      this.#take(parseServerMessage(packet.bytes), packet.descriptors[0]);
    }
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
    const pending = this.#asked.get(message.id);
    if (pending === undefined) return; // Not ours to judge: the native side answers each request once.
    this.#asked.delete(message.id);
    if (message.errno !== 0 || pidfd === undefined) {
      const why =
        message.errno === 0 ? getSystemErrorName(-constants.errno.EMFILE) : getSystemErrorName(-message.errno);
      pending.answer.reject(refused(`the operating system refused to fork (${why})`));
    } else {
      const reported = deferred<{ readonly code: number; readonly signal: number } | undefined>();
      this.#running.set(message.id, reported);
      pending.answer.resolve({ pid: message.pid, pidfd, reported: reported.promise });
    }
    this.#send();
  }

  #endIfIdle(): void {
    if (this.#retired && this.#running.size === 0 && this.#asked.size === 0 && this.#waiting.length === 0) this.#end();
  }

  /** The server has ended, or is no longer needed: it ends with its owner's connection. */
  #end(): void {
    if (!this.#alive) return;
    this.#alive = false;
    this.#watcher.close();
    closeSync(this.#connection);
    if (this.#lifeline !== undefined) closeSync(this.#lifeline);
    for (const { answer } of this.#asked.values()) answer.reject(serverEnded());
    this.#asked.clear();
    for (const { answer } of this.#waiting.splice(0)) answer.reject(serverEnded());
    for (const reported of this.#running.values()) reported.resolve(undefined);
    this.#running.clear();
  }
}

function isBroken(error: unknown): boolean {
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

/** The request was not met since the server died: `forkserver-launcher.ts` asks a new one. */
export class ForkServerEnded extends MultiprocessingError {}

function serverEnded(): ForkServerEnded {
  return new ForkServerEnded("Cannot start a process: the fork server has ended", { code: "ERR_MP_PROCESS_START" });
}
