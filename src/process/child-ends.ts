/**
 * The descriptors of a child that a fork server is asked for, both sides' of them.
 *
 * Runs in: the owner.
 * Guarantees: none is lost when another cannot be opened.
 */
import { closeSync, openSync } from "node:fs";
import type { Socket } from "node:net";
import { MultiprocessingError } from "../base/errors.ts";
import type { Addon } from "../host/addon.ts";
import { WatchedPort, type ControlPort } from "./control-port.ts";
import { endsWithThisOne } from "./dependants.ts";
import { openControl } from "./first-words.ts";
import type { LaunchOptions } from "./launcher.ts";

/** What this side keeps of a child's channels. */
export interface OurEnds {
  readonly control: ControlPort;
  /** The write end of the pipe with whose closing the kernel kills the child: nothing when it is detached. */
  closeLifeline(): void;
  readonly stdin: Socket | null;
  readonly stdout: Socket | null;
  readonly stderr: Socket | null;
}

export interface Ends {
  readonly control: number;
  /** In the order of the request: control, stdin, stdout, stderr, lifeline. `lent`: this process's own. */
  readonly theirs: readonly { readonly descriptor: number; readonly lent: boolean }[];
  /** For a child that lives: sockets instead of descriptors. */
  keep(): OurEnds;
  closeLifeline(): void;
  closeTheirs(): void;
  closeOurs(): void;
}

/**
 * @param words what the control channel has for the child from the beginning; they may be said later
 * @throws {MultiprocessingError} ERR_MP_PROCESS_START
 */
export function openEnds(
  addon: Addon,
  { stdio, detached }: Pick<LaunchOptions, "stdio" | "detached">,
  words: readonly Uint8Array[],
): Ends {
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
        control: new WatchedPort(addon, control),
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
