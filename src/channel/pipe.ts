/**
 * Pipe(): two connected ends.
 *
 * Runs in: every process.
 */
import { checkBoolean, checkOptions } from "../base/options.ts";
import "./channel-kinds.ts";
import { makeConnection, type Connection } from "./connection.ts";
import { makePipe } from "./port.ts";

/** What `Pipe()` takes. */
export interface PipeOptions {
  /** False: the first end only receives, the second one only sends. @default true */
  readonly duplex?: boolean;
}

/**
 * Two connected ends. Each has one holder; to pass one to another process moves it there.
 *
 * @throws {MultiprocessingError} ERR_MP_NOT_SUPPORTED without the addon, and in a worker thread
 * @example
 * const [here, there] = Pipe();
 * const child = new Process({ target: async (end) => end.send((await end.recv()) + 1), args: [there] });
 * await child.start();
 * await here.send(41);
 * console.log(await here.recv()); // 42
 */
export function Pipe<T = unknown>(options?: PipeOptions): [Connection<T>, Connection<T>] {
  checkOptions("Pipe()", options, ["duplex"]);
  checkBoolean("Pipe()", "duplex", options?.duplex);
  const duplex = options?.duplex ?? true;
  const [first, second] = makePipe();
  return [
    makeConnection(first, { readable: true, writable: duplex }) as Connection<T>,
    makeConnection(second, { readable: duplex, writable: true }) as Connection<T>,
  ];
}
