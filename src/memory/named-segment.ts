/**
 * A named piece of memory: a POSIX shared memory segment, made, opened, unlinked. The file of that name in /dev/shm.
 *
 * Runs in: every process.
 * Guarantees: a name appears only once its segment has its size and its pages: nobody opens a half-made one, and a full
 * /dev/shm is an error that leaves nothing behind. What this family has made ends with it, whatever the name; opening
 * one and ending destroys nothing. It holds no descriptor.
 * Leaves to others: which names can be chosen (`sync/shared-memory.ts`), clearing (`host/family-names.ts`).
 */
import { closeSync, fstatSync, linkSync, lstatSync, statfsSync } from "node:fs";
import { join } from "node:path";
import { invalidState, MultiprocessingError } from "../base/errors.ts";
import { requireAddon, type Addon } from "../host/addon.ts";
import {
  clearAbandonedNames,
  clearNamesOf,
  familyNamePrefix,
  forgetChosenName,
  namesFolder,
  noteChosenName,
} from "../host/family-names.ts";
import { machineMemoryBytes } from "../host/machine-memory.ts";
import { isRunning } from "../host/process-facts.ts";
import { randomHex } from "../host/random.ts";
import { family, familyIfThere, type Family } from "./family.ts";
import { header } from "./layout.ts";

/** One segment as this process sees it. */
export class NamedSegment {
  readonly name: string;
  /** Its length becomes 0 when it is closed. */
  readonly buffer: ArrayBuffer;
  readonly sizeBytes: number;
  readonly inode: number;

  constructor(name: string, descriptor: number) {
    const { ino, size } = fstatSync(descriptor);
    this.name = name;
    this.inode = ino;
    this.sizeBytes = size;
    this.buffer = requireAddon().map(descriptor, 0, size);
  }

  close(): void {
    if (this.buffer.byteLength > 0) requireAddon().detach(this.buffer);
  }
}

/**
 * @param chosen undefined: a name of the family's is made up
 * @param sizeBytes a whole number from 1
 * @param fill called with the bytes before the name appears
 * @throws {MultiprocessingError} ERR_MP_ALREADY_EXISTS, ERR_MP_OUT_OF_MEMORY, ERR_MP_NOT_SUPPORTED
 */
export function createSegment(
  chosen: string | undefined,
  sizeBytes: number,
  fill?: (buffer: ArrayBuffer) => void,
): NamedSegment {
  const addon = requireAddon();
  const prefix = namePrefix();
  refuseWhatCannotFit(sizeBytes);
  // Made under a name of the family's, so that whoever dies in the middle leaves nothing that is not cleared.
  const { made, descriptor } = attempt(`create shared memory "${chosen ?? prefix}"`, () => openNew(addon, prefix));
  let keepMade = false;
  try {
    attempt(`reserve ${sizeBytes} bytes of shared memory`, () => addon.reserve(descriptor, 0, sizeBytes));
    const segment = new NamedSegment(chosen ?? made, descriptor);
    fill?.(segment.buffer);
    if (chosen === undefined) keepMade = true;
    else publish(prefix, made, chosen, segment.inode);
    return segment;
  } finally {
    closeSync(descriptor);
    if (!keepMade) addon.unlinkNamed(`/${made}`);
  }
}

/** A new segment under a name that is made up; of 2^32, one that is in use is met now and then. */
function openNew(addon: Addon, prefix: string): { readonly made: string; readonly descriptor: number } {
  for (;;) {
    const made = prefix + randomHex(4);
    try {
      return { made, descriptor: addon.openNamed(`/${made}`, true) };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
  }
}

/** @throws {MultiprocessingError} ERR_MP_NOT_FOUND; ERR_MP_INVALID_STATE when it cannot be opened, or is empty */
export function openSegment(name: string): NamedSegment {
  const what = `open shared memory "${name}"`;
  const descriptor = attempt(what, () => requireAddon().openNamed(`/${name}`, false));
  try {
    if (fstatSync(descriptor).size === 0) {
      throw invalidState(
        `Cannot ${what}: it has no bytes; whoever makes it has not finished\n  do this:  open it again later`,
      );
    }
    return attempt(what, () => new NamedSegment(name, descriptor));
  } finally {
    closeSync(descriptor);
  }
}

/** @throws {MultiprocessingError} ERR_MP_NOT_FOUND when the name has gone, or is another segment's */
export function unlinkSegment({ name, inode }: NamedSegment): void {
  const what = `unlink shared memory "${name}"`;
  const found = lstatSync(join(namesFolder, name), { throwIfNoEntry: false });
  if (found !== undefined && found.ino !== inode) throw notFound(what, "another segment has that name by now");
  attempt(what, () => requireAddon().unlinkNamed(`/${name}`));
  const ours = familyIfThere();
  if (ours !== undefined) forgetChosenName(prefixIn(ours), inode);
}

/** The name appears with all that it stands for, or not at all: one link(2). */
function publish(prefix: string, made: string, chosen: string, inode: number): void {
  noteChosenName(prefix, chosen, inode);
  try {
    attempt(`create shared memory "${chosen}"`, () => linkSync(join(namesFolder, made), join(namesFolder, chosen)));
  } catch (error) {
    forgetChosenName(prefix, inode);
    throw error;
  }
}

/** How the next name begins. */
function namePrefix(): string {
  const ours = family();
  // The first of a family clears what others have left, since nobody else may come by.
  if (Atomics.exchange(ours.words, header.named, 1) === 0) clearAbandonedNames();
  const prefix = prefixIn(ours);
  if (!clearing && !isRunning(ours.root)) {
    clearing = true;
    process.once("exit", () => clearNamesOf(prefix));
  }
  return prefix;
}

/** The family's; this process's own, if it has outlived the family's root (`detached`). */
function prefixIn({ root }: Family): string {
  return familyNamePrefix(isRunning(root) ? root : process.pid);
}

let clearing = false;

function refuseWhatCannotFit(sizeBytes: number): void {
  const { bavail, bsize } = attempt(`look for room in ${namesFolder}`, () => statfsSync(namesFolder));
  const room = Math.min(bavail * bsize, machineMemoryBytes());
  if (sizeBytes > room) throw full(sizeBytes, `at most ${room} are left`);
}

function full(sizeBytes: number, why: string, cause?: unknown): MultiprocessingError {
  return new MultiprocessingError(
    `Cannot create shared memory of ${sizeBytes} bytes: ${why}\n` +
      `  do this:  unlink what is not needed, or give ${namesFolder} more room (a container's is 64 MiB by default: docker run --shm-size)`,
    { code: "ERR_MP_OUT_OF_MEMORY", ...(cause === undefined ? {} : { cause }) },
  );
}

function notFound(what: string, why: string, cause?: unknown): MultiprocessingError {
  return new MultiprocessingError(
    `Cannot ${what}: ${why}\n  do this:  check the name, and who unlinks it; it ends with the family that made it`,
    { code: "ERR_MP_NOT_FOUND", ...(cause === undefined ? {} : { cause }) },
  );
}

/** What the kernel refuses, in our words. */
function attempt<T>(what: string, action: () => T): T {
  try {
    return action();
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === "ENOENT") throw notFound(what, "there is none of that name", cause);
    if (code === "EEXIST") {
      throw new MultiprocessingError(
        `Cannot ${what}: there is one of that name already\n  do this:  open it, unlink it first, or leave the name out`,
        { code: "ERR_MP_ALREADY_EXISTS", cause },
      );
    }
    if (code === "ENOSPC" || code === "ENOMEM" || code === "EFBIG") {
      throw new MultiprocessingError(
        `Cannot ${what}: ${namesFolder} or the machine's memory is full\n  do this:  unlink what is not needed, or give it more room`,
        { code: "ERR_MP_OUT_OF_MEMORY", cause },
      );
    }
    const remedy = `give this user a tmpfs at ${namesFolder} to read and write; npx mp doctor says whether it is one`;
    throw invalidState(`Cannot ${what}: ${message}\n  do this:  ${remedy}`, { cause });
  }
}
