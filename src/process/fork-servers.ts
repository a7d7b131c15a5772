/**
 * The fork server that this process asks: the one it was forked by, while that lives; else one of its own, started at
 * the first need.
 *
 * Runs in: the owner.
 * Guarantees: one server for any number of starts at once; a dead one is replaced at the next start; what makes forking
 * unsafe here is found once, said by `unsafeReason()`, and never tried again. No promise stands between: what goes on
 * while this thread blocks must not need one.
 */
import { requireAddon } from "../host/addon.ts";
import { ForkServer } from "./fork-server.ts";
import { forkserverPreload } from "./fork-server-preload.ts";
import type { ServerSettings } from "./fork-server-protocol.ts";
import { startForkServer } from "./fork-server-start.ts";

/** One of the two is called, once, at once or later. */
export interface ServerSeeker {
  found(server: ForkServer): void;
  /** It cannot be started, or what it preloads cannot be loaded. */
  failed(error: unknown): void;
}

interface Current {
  readonly settings: ServerSettings;
  /** Undefined while it is being started. */
  server: ForkServer | undefined;
  readonly seekers: ServerSeeker[];
}

let current: Current | undefined;
/** A forked child's connection to its server, until it first needs it. */
let inherited: { readonly connection: number; readonly settings: ServerSettings } | undefined;
let unsafe: string | undefined;

/** Why this process cannot use a fork server, as one that was started has found; undefined as far as is known. */
export function unsafeReason(): string | undefined {
  return unsafe;
}

/** Told by a forked child of itself: the server that forked it is at this descriptor. */
export function adoptForkServer(connection: number): void {
  inherited = { connection, settings: forkserverPreload() };
}

export function findForkServer(seeker: ServerSeeker): void {
  const settings = forkserverPreload();
  if (inherited !== undefined) {
    const { connection, settings: its } = inherited;
    inherited = undefined;
    current = { settings: its, server: new ForkServer(requireAddon(), connection), seekers: [] };
  }
  if (current?.settings === settings && current.server?.isAlive() !== false) {
    if (current.server === undefined) current.seekers.push(seeker);
    else seeker.found(current.server);
    return;
  }
  current?.server?.retire();
  current = { settings, server: undefined, seekers: [seeker] };
  start(current);
}

function start(its: Current): void {
  const failed = (error: unknown, why?: string): void => {
    if (current === its) current = undefined; // The next start tries again.
    if (why !== undefined) unsafe = why;
    for (const seeker of its.seekers.splice(0)) seeker.failed(error);
  };
  try {
    startForkServer(requireAddon(), its.settings, {
      ready(server) {
        its.server = server;
        for (const seeker of its.seekers.splice(0)) seeker.found(server);
        if (current !== its) server.retire(); // Another one preloads something else by now.
      },
      failed,
    });
  } catch (error) {
    failed(error);
  }
}
