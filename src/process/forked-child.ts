/**
 * What fork() leaves wrong in a copy of the fork server, put right; then the life of any child.
 *
 * Runs in: a forked child, in the turn of the event loop in which it came to be.
 */
import { readlinkSync } from "node:fs";
import type { Addon } from "../host/addon.ts";
import { isRunning } from "../host/process-facts.ts";
import { leaveServersPlace } from "../memory/after-fork.ts";
import { resetWireId } from "../wire/identity.ts";
import { runChild } from "./child-runtime.ts";
import { ControlEnd } from "./control-end.ts";
import { leaveByExit } from "./forked-exit.ts";
import { reseed } from "./forked-random.ts";
import { adoptForkServer } from "./fork-servers.ts";
import { currentIdentity } from "./identity.ts";
import { applySurroundings } from "./surroundings.ts";

/** One that is forked ahead and has nothing to do for so long tries out its life. A start in a loop takes less. Arbitrary. */
const idleMs = 5;

/**
 * @param restoreStreams what `server-streams.ts` offers: handed in, since that is the server's main module's alone
 * @param tryOut goes through the life of a child, and leaves no trace but that its memory is this process's own then
 */
export function becomeChild(
  addon: Addon,
  preloaded: boolean,
  restoreStreams: (inChild: boolean) => void,
  tryOut: () => Promise<void>,
): void {
  const takePlace = (): void => {
    leaveServersPlace();
    restoreStreams(true);
  };
  void liveAsChild(addon, preloaded, takePlace, tryOut);
}

/** The part of it that `rehearsal.ts` goes through in the server: whatever it changes is put back there. */
export function liveAsChild(
  addon: Pick<Addon, "watchEmptyLoop" | "exitNow" | "awaitRequest" | "awaitWords" | "requestWithin">,
  preloaded: boolean,
  takePlace: () => void,
  tryOut: () => Promise<void>,
): Promise<void> {
  // Node reads the pid once; /proc/self is who is asking.
  const pid = Number(readlinkSync("/proc/self"));
  Object.defineProperty(process, "pid", { value: pid, enumerable: true, configurable: true });
  Object.defineProperty(process, "ppid", { get: ownerOrInit, enumerable: true, configurable: true });
  let channel: ControlEnd | undefined;
  leaveByExit(addon, (code) => channel?.send("exit", Uint8Array.of(code)));
  reseed({ preloaded });
  resetWireId();
  const live = (): Promise<void> => {
    // One that was forked ahead waits here; what it is to be is told from here on.
    const { control, client } = addon.awaitRequest();
    const born = performance.now();
    process.uptime = () => (performance.now() - born) / 1000;
    takePlace();
    channel = new ControlEnd(control);
    addon.awaitWords();
    applySurroundings(channel.receive("surroundings"));
    adoptForkServer(client);
    return runChild(channel);
  };
  return addon.requestWithin(idleMs) ? live() : tryOut().then(live);
}

/** The operating system says the fork server; for the program it is the process that started it, as with spawn. */
function ownerOrInit(): number {
  const { owner } = currentIdentity();
  return owner !== undefined && isRunning(owner) ? owner.pid : 1;
}
