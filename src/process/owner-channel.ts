/**
 * Messages between a child and its owner, beside job and result: for the floors above.
 *
 * Runs in: the child. The owner's end is `supervision.ts`.
 * Guarantees: a message is delivered whole; what `send` was given is in the kernel's hands when it returns.
 */
import { invalidState } from "../base/errors.ts";
import type { ControlEnd } from "./control-end.ts";

let channel: OwnerChannel | undefined;

export class OwnerChannel {
  readonly #control: ControlEnd;
  /** The owner's wire id. */
  readonly home: string;

  constructor(control: ControlEnd, home: string) {
    this.#control = control;
    this.home = home;
  }

  send(parts: readonly Uint8Array[]): void {
    this.#control.send("message", ...parts);
  }

  /** Keeps the event loop alive until the returned function is called. */
  listen(onMessage: (payload: Uint8Array) => void): () => void {
    return this.#control.listen(onMessage);
  }
}

export function setOwnerChannel(control: ControlEnd, home: string): void {
  channel = new OwnerChannel(control, home);
}

/** @throws {MultiprocessingError} ERR_MP_INVALID_STATE in a process that nobody has started */
export function ownerChannel(): OwnerChannel {
  if (channel === undefined) throw invalidState("Only a process that was started by another has a channel to it");
  return channel;
}
