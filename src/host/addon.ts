/**
 * The native addon's one door: where it is found, why it may be missing, and what each of its functions does.
 *
 * Runs in: every process.
 * Guarantees: nothing is loaded before it is asked for; the answer does not change.
 */
import { closeSync, existsSync, openSync, readSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { MultiprocessingError } from "../base/errors.ts";

/** The descriptors with which a forked child begins. */
export interface ForkedDescriptors {
  /** -1 when it was forked ahead of its request. */
  readonly control: number;
  /** -1 when it is detached. */
  readonly lifeline: number;
  /** Its own connection to the server that forked it. */
  readonly client: number;
  readonly flags: number;
}

/** Watches a descriptor from the event loop. */
export interface Watcher {
  ref(): void;
  unref(): void;
  /** Whether it is also called while the descriptor can be written. */
  alsoWritable(on: boolean): void;
  /** Twice is fine. The descriptor stays open. */
  close(): void;
}

/** Every function throws an Error with code, errno and syscall when the kernel refuses. */
export interface Addon {
  /** Both ends, closed on exec. */
  socketPair(type: "stream" | "seqpacket"): [number, number];
  /** Read end and write end, closed on exec. */
  pipe(): [number, number];
  /** Another descriptor of the same, closed on exec. */
  duplicate(descriptor: number): number;
  /** One message. */
  sendDescriptors(socket: number, bytes: Uint8Array, descriptors: readonly number[]): void;
  /** The parts, one behind the other, without waiting: how many of their bytes there was room for. */
  sendNow(socket: number, parts: readonly Uint8Array[]): number;
  /** What there is, as far as it fits: how many bytes. 0 at the end; undefined when there is nothing yet. */
  receiveNow(socket: number, bytes: Uint8Array): number | undefined;
  /**
   * One message; null at the end; undefined when none is there yet (non-blocking sockets only). Fewer descriptors than
   * were sent where this process has no room for more.
   */
  receiveDescriptors(
    socket: number,
  ): { readonly bytes: Uint8Array; readonly descriptors: readonly number[] } | null | undefined;
  /** Of the next packet, which stays; 0 at the end; undefined when none is there yet. */
  packetLength(socket: number): number | undefined;
  setNonBlocking(descriptor: number, on: boolean): void;
  setCloseOnExec(descriptor: number, on: boolean): void;
  /** Calls back while the descriptor can be read, or has ended. */
  watch(descriptor: number, callback: () => void): Watcher;
  /** `onEmpty` once nothing keeps the event loop alive, `onEnd` if nothing does afterwards; and so on. */
  watchEmptyLoop(onEmpty: () => void, onEnd: () => void): void;
  /**
   * From now on nothing waits for tasks of the platform's threads: for a process that lacks them, and its V8 needs none.
   * False where this Node's platform is another than those of Node 20 to 26; then nothing has changed.
   */
  forgetPlatformThreads(): boolean;
  /**
   * Forks on request until the connection's other end is closed; returns true in each child. In the server it returns
   * once no request has come for `patienceMs` or `most` are met, to be called again; with -1 never.
   * `lifeline`: a descriptor of the server's own that its children are not to have; -1: none.
   */
  serve(connection: number, lifeline: number, patienceMs: number, most: number): boolean;
  /**
   * In a child of `serve()`: what it is for. One that was forked ahead (its `control` was -1) blocks here until there is a
   * request; it ends here when its server ends.
   */
  awaitRequest(): ForkedDescriptors;
  /** In a child: waits for the first words, awake, for a while. Afterwards there may be none yet. */
  awaitWords(): void;
  /** In a child: whether the job of the server's last request needed modules; until its own has come, that is a guess. */
  imports(): boolean;
  /** Whether that will not block; waits for it so long. */
  requestWithin(milliseconds: number): boolean;
  /**
   * Puts what this process has in memory into large pages, as much as it can in that time, where the kernel can (Linux 6.1):
   * a fork then has less to copy. Who writes to a large page of a copy has still only a small one copied. To be called
   * before the first fork: what is shared by then would be there twice.
   */
  useLargePages(milliseconds: number): void;
  /** What begins so in /dev/shm is cleared when `serve` ends because the family's root has ended. */
  nameFamily(prefix: string): void;
  /** From now on this thread, and what it starts, runs on these processors only. */
  setAffinity(cpus: readonly number[]): void;
  getAffinity(): number[];
  /** The processor on which this thread runs at this moment; -1 where the kernel does not tell. */
  currentCpu(): number;
  /** Others that wait for this thread's processor run first: what has just been woken there, above all. */
  yieldNow(): void;
  /** `_exit`: no handler of Node's or of the C library's runs. */
  exitNow(code: number): never;
  /** Whether the process's environment is another than at the last call; true at the first one. */
  environmentChanged(): boolean;
  /** A descriptor that can be read once the process has ended. */
  pidfdOpen(pid: number): number;
  /** False when the process has ended. */
  pidfdSignal(pidfd: number, signalNumber: number): boolean;
  /** Null where the kernel does not tell, or not yet: it must have been reaped (Linux 6.15). */
  pidfdExitStatus(pidfd: number): { readonly code: number; readonly signal: number } | null;
  /** From now on the kernel kills this process when the pipe's write end is closed; false when it is already. */
  armLifeline(readEnd: number): boolean;
  /** Reaps a process that was left to this one; null when it was not, or has not ended. */
  reapOrphan(pid: number): { readonly code: number; readonly signal: number } | null;
  /** A sparse anonymous file, closed on exec. */
  memoryFile(name: string, sizeBytes: number): number;
  /** Shared bytes of a file; unmapped when the ArrayBuffer is detached or collected. */
  map(descriptor: number, offset: number, lengthBytes: number): ArrayBuffer;
  /** The same; that it is unmapped is told by `endedMappings`, under this name: a whole number of 31 bits. */
  mapTold(descriptor: number, offset: number, lengthBytes: number, name: number): ArrayBuffer;
  /** The names of those that have ended since the last call. */
  endedMappings(): readonly number[];
  /** Its length becomes 0. */
  detach(buffer: ArrayBuffer): void;
  /** Gives the pages of a range back; it then reads as zeros. */
  punchHole(descriptor: number, offset: number, lengthBytes: number): void;
  /** Takes the pages of a range now: ENOSPC or ENOMEM rather than a crash when they are touched. */
  reserve(descriptor: number, offset: number, lengthBytes: number): void;
  /** A POSIX shared memory segment; `create`: it must not exist, and has no size yet. */
  openNamed(name: string, create: boolean): number;
  unlinkNamed(name: string): void;
  /** A doorbell bound to an abstract address, non-blocking. */
  openDoorbell(address: Uint8Array): number;
  /** Rings another's doorbell; false when nobody owns the address. */
  ring(doorbell: number, address: Uint8Array): boolean;
  /** Takes one ring off the own doorbell. */
  hush(doorbell: number): void;
  /**
   * 0: woken, or the word is another already. 1: the time is up. 2, if `interruptible`: a signal waits for its handler,
   * in JavaScript. One that comes at the very moment at which it begins to sleep is seen only by the next call.
   */
  futexWait(words: Int32Array, index: number, expected: number, timeoutMs: number, interruptible: boolean): 0 | 1 | 2;
  /** How many were woken. */
  futexWake(words: Int32Array, index: number, count: number): number;
  capabilities(): { readonly pidfd: boolean; readonly pidfdInfo: boolean };
}

type Found = { readonly addon: Addon; readonly file: string } | { readonly why: string; readonly remedy: string };

let found: Found | undefined;

/** Built here; else the one that came with the package (scripts/prebuild.js names them). */
function findFile(): string | undefined {
  const existing = (path: string): string | undefined => {
    const file = fileURLToPath(new URL(path, import.meta.url));
    return existsSync(file) ? file : undefined;
  };
  const built = "native/node_multiprocessing.node";
  const prebuilt = (): string => `native/prebuilt/${targetName()}/node_multiprocessing.node`;
  // This module is one folder below dist/, or two as a part of the bundle.
  const near = existing(`../${built}`) ?? existing(`../../${built}`);
  return near ?? existing(`../../${prebuilt()}`) ?? existing(`../../../${prebuilt()}`);
}

/** As in "linux-x64-glibc". */
function targetName(): string {
  const machine = `${process.platform}-${process.arch}`;
  return process.platform === "linux" ? `${machine}-${usesMusl() ? "musl" : "glibc"}` : machine;
}

/**
 * The program's header names its dynamic loader. Why not `process.report`, which tells as well: it asks the network
 * interfaces, and takes a hundred times as long.
 */
function usesMusl(): boolean {
  const header = Buffer.alloc(2048);
  const program = openSync(process.execPath, "r");
  try {
    return header.toString("latin1", 0, readSync(program, header)).includes("/ld-musl-");
  } finally {
    closeSync(program);
  }
}

const noAddonVariable = "NODE_MULTIPROCESSING_NO_ADDON";

function find(): Found {
  if (process.env[noAddonVariable] === "1") {
    return { why: `${noAddonVariable} is set`, remedy: `unset ${noAddonVariable}` };
  }
  const file = findFile();
  if (file === undefined) {
    const why = isCheckout() ? "none was built" : `the package has none for ${targetName()}`;
    return { why, remedy: remedyForNone() };
  }
  try {
    return { addon: createRequire(import.meta.url)(file) as Addon, file };
  } catch (error) {
    return {
      why: `${file} cannot be loaded: ${(error as Error).message}`,
      remedy: isCheckout()
        ? "run npm ci again"
        : "install the package anew, into a folder from which code may be loaded (not mounted noexec); the C library must be glibc 2.28 or later, or musl",
    };
  }
}

/** Of the library, where it can be built; the package has no C sources. */
function isCheckout(): boolean {
  return ["../..", "../../.."].some((up) => existsSync(new URL(`${up}/native/addon.c`, import.meta.url)));
}

function remedyForNone(): string {
  if (process.platform !== "linux") return "use Linux; here processes are started by spawn, and nothing is shared";
  const compiler = "a C compiler (on Debian: apt-get install gcc libc6-dev)";
  if (isCheckout()) return `install ${compiler}, then run npm ci again`;
  const other = usesMusl() ? "use a Node for glibc (as in the image node:22-slim), or " : "";
  return `${other}clone the repository on such a machine with ${compiler}, run npm ci && npm pack there, and install the file`;
}

function result(): Found {
  return (found ??= find());
}

export function addonOrUndefined(): Addon | undefined {
  const known = result();
  return "addon" in known ? known.addon : undefined;
}

/** Undefined when it is there. */
export function whyNoAddon(): string | undefined {
  const known = result();
  return "why" in known ? known.why : undefined;
}

/** What to do about it; "" when it is there. */
export function remedyForNoAddon(): string {
  const known = result();
  return "why" in known ? known.remedy : "";
}

/** Where it was loaded from. */
export function addonFile(): string | undefined {
  const known = result();
  return "file" in known ? known.file : undefined;
}

/**
 * The library beside it that a fork server is to preload (native/preload/heap_places.c); undefined where LD_PRELOAD, a list
 * with colons and blanks between, cannot name it.
 */
export function preloadedLibrary(): string | undefined {
  const file = addonFile();
  const library = file === undefined ? "" : join(dirname(file), "heap_places.so");
  return /[:\s]/.test(library) || !existsSync(library) ? undefined : library;
}

/** @throws {MultiprocessingError} ERR_MP_NOT_SUPPORTED where there is none */
export function requireAddon(): Addon {
  const known = result();
  if ("addon" in known) return known.addon;
  throw new MultiprocessingError(
    `The native addon is missing: ${known.why}\n` +
      `  do this:  ${known.remedy}; npx mp doctor says what this machine can do`,
    { code: "ERR_MP_NOT_SUPPORTED" },
  );
}
