/**
 * What a forked child must not share with the server that it is a copy of.
 *
 * Runs in: a forked child.
 */
import { forgetDoorbell } from "./doorbell.ts";
import { holdAgain } from "./holdings.ts";
import { forgetOwnId, ownIdIfAny } from "./participants.ts";

/** Modules that were preloaded may have used shared memory in the server. */
export function leaveServersPlace(): void {
  if (ownIdIfAny() === 0) return;
  forgetOwnId();
  forgetDoorbell();
  holdAgain();
}
