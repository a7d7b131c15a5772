/**
 * What can become of a channel: errors that callers catch.
 *
 * Runs in: every process.
 */
import { ClosedError, invalidState, MultiprocessingError, type ErrorFacts } from "../base/errors.ts";
import { registerErrorClass } from "../wire/errors.ts";
import type { Peer } from "./port.ts";

/** Nothing is left to receive, and nothing will come any more. */
export class EndOfChannelError extends MultiprocessingError {
  override name = "EndOfChannelError";
  constructor(message: string, facts: Omit<ErrorFacts, "code"> = {}) {
    super(message, { ...facts, code: "ERR_MP_END_OF_CHANNEL" });
  }
}

/** Nobody can receive what was to be sent: the other end is closed, or its holder has ended. */
export class BrokenPipeError extends MultiprocessingError {
  override name = "BrokenPipeError";
  constructor(message: string, facts: Omit<ErrorFacts, "code"> = {}) {
    super(message, { ...facts, code: "ERR_MP_BROKEN_PIPE" });
  }
}

/** There is no room in the queue. */
export class QueueFullError extends MultiprocessingError {
  override name = "QueueFullError";
  constructor(message: string, facts: Omit<ErrorFacts, "code"> = {}) {
    super(message, { ...facts, code: "ERR_MP_QUEUE_FULL" });
  }
}

/** There is nothing in the queue. */
export class QueueEmptyError extends MultiprocessingError {
  override name = "QueueEmptyError";
  constructor(message: string, facts: Omit<ErrorFacts, "code"> = {}) {
    super(message, { ...facts, code: "ERR_MP_QUEUE_EMPTY" });
  }
}

for (const [name, { prototype }] of Object.entries({
  EndOfChannelError,
  BrokenPipeError,
  QueueFullError,
  QueueEmptyError,
})) {
  registerErrorClass(`mp:${name}`, prototype);
}

function whose({ pid }: Peer): string {
  return pid === undefined ? "" : ` (it was held by process ${pid})`;
}

export function endOfPipe(call: string, peer: Peer): EndOfChannelError {
  return new EndOfChannelError(
    `${call}: the other end is closed or its holder has ended${whose(peer)}, and all that it sent has been received\n` +
      `  do this:  end the loop here; "for await (const message of connection)" does so by itself`,
    { pid: peer.pid },
  );
}

export function brokenPipe(call: string, peer: Peer): BrokenPipeError {
  return new BrokenPipeError(
    `${call}: the other end is closed or its holder has ended${whose(peer)}, so nobody can receive it\n` +
      `  do this:  look at why that process ended; keep the other end open as long as something is sent`,
    { pid: peer.pid },
  );
}

export function closedEnd(call: string): ClosedError {
  return new ClosedError(`${call}: this end of the pipe has been closed\n  do this:  make a new Pipe()`);
}

export function ownOtherEnd(call: string): MultiprocessingError {
  return invalidState(
    `${call}: the other end of this pipe is in the message, and it alone could receive that: nobody ever would\n` +
      `  do this:  send it through another pipe or a queue, or pass it in the args of a Process`,
  );
}

export function movedEnd(call: string): ClosedError {
  return new ClosedError(
    `${call}: this end of the pipe has moved to another process: it was in a message or in the arguments of a process\n` +
      `  do this:  use the other end here; use a Queue where several processes need the same end`,
  );
}
