/**
 * The family's memory: one sparse anonymous file that the root makes and every descendant inherits.
 *
 * Runs in: every process. The root makes it at the first need; a spawned child and a fork server find it at a
 * descriptor; a forked child has the mapping already.
 * Guarantees: nothing of it outlives the last process of the family; it has no name that could be left behind.
 * Leaves to others: what is where (`layout.ts`).
 */
import { isMainThread } from "../host/main-thread.ts";
import { randomHex } from "../host/random.ts";
import { MalformedMessageError, MultiprocessingError } from "../base/errors.ts";
import { addonOrUndefined, requireAddon, type Addon } from "../host/addon.ts";
import { clearNamesOf, familyNamePrefix } from "../host/family-names.ts";
import { markOf, type ProcessMark } from "../host/process-facts.ts";
import { coreBytes, fileBytes, header, layoutVersion, magic } from "./layout.ts";

export interface Family {
  readonly addon: Addon;
  readonly descriptor: number;
  /** The core, as words; all of it is shared, so what may change under a reader is read by Atomics. */
  readonly words: Int32Array<ArrayBuffer>;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The same in every process of the family, and in no other. */
  readonly id: string;
  /** The process that made it. */
  readonly root: ProcessMark;
}

let current: Family | undefined;
let inherited: number | undefined;

/**
 * The memory of this process's family, made now if there is none.
 *
 * @throws {MultiprocessingError} ERR_MP_NOT_SUPPORTED without the addon, and in a worker thread
 */
export function family(): Family {
  return (current ??= inherited === undefined ? makeFamily() : joinFamily(inherited));
}

/** The descriptor to pass on to a child; undefined where there can be no family. */
export function familyDescriptor(): number | undefined {
  return addonOrUndefined() === undefined || !isMainThread() ? undefined : (inherited ?? family().descriptor);
}

/** Undefined as long as nobody has asked for it. */
export function familyIfAny(): Family | undefined {
  return current;
}

/** Undefined where this process would have to make it. */
export function familyIfThere(): Family | undefined {
  return current ?? (inherited === undefined ? undefined : family());
}

/** The family of the process that started this one is at this descriptor; it is mapped at the first need. */
export function inheritFamily(descriptor: number): void {
  requireAddon().setCloseOnExec(descriptor, true);
  inherited = descriptor;
}

function joinFamily(descriptor: number): Family {
  const addon = requireAddon();
  const joined = view(addon, descriptor);
  if (joined.words[header.magic] !== magic || joined.words[header.version] !== layoutVersion) {
    throw new MalformedMessageError(
      "The memory that this process inherited is of another version of the library; a family runs one version",
    );
  }
  return joined;
}

function makeFamily(): Family {
  const addon = requireAddon();
  if (!isMainThread()) {
    throw new MultiprocessingError(
      "Shared memory, locks and channels cannot be used from a worker thread: a process takes part as a whole\n" +
        "  do this:  use them from the main thread, or start a Process instead of the worker thread",
      { code: "ERR_MP_NOT_SUPPORTED" },
    );
  }
  const descriptor = addon.memoryFile("node-multiprocessing", fileBytes);
  const { words } = view(addon, descriptor);
  const id = Buffer.from(randomHex(8), "hex");
  words[header.familyLow] = id.readInt32LE(0);
  words[header.familyHigh] = id.readInt32LE(4);
  const root = markOf(process.pid);
  words[header.rootPid] = root.pid;
  words[header.rootStartLow] = root.startTime === undefined ? 0 : (root.startTime % 2 ** 32) | 0;
  words[header.rootStartHigh] = root.startTime === undefined ? -1 : Math.floor(root.startTime / 2 ** 32);
  process.once("exit", () => {
    if (Atomics.load(words, header.named) !== 0) clearNamesOf(familyNamePrefix(root));
  });
  words[header.version] = layoutVersion;
  words[header.magic] = magic;
  return view(addon, descriptor, words);
}

function view(addon: Addon, descriptor: number, words?: Int32Array<ArrayBuffer>): Family {
  const shared = words ?? new Int32Array(addon.map(descriptor, 0, coreBytes));
  const half = (word: number): string => (shared[word]! >>> 0).toString(16).padStart(8, "0");
  const high = shared[header.rootStartHigh]!;
  const startTime = high < 0 ? undefined : high * 2 ** 32 + (shared[header.rootStartLow]! >>> 0);
  return {
    addon,
    descriptor,
    words: shared,
    bytes: new Uint8Array(shared.buffer),
    id: half(header.familyHigh) + half(header.familyLow),
    root: { pid: shared[header.rootPid]!, startTime },
  };
}
