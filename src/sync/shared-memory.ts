/**
 * Bytes under a name, for any process that knows it: Python's `shared_memory.SharedMemory`, and readable by it.
 *
 * Runs in: every process.
 * Guarantees: a segment has its size and its pages from the first moment; what this family has made ends with the family;
 * opening one and ending destroys nothing.
 * Leaves to others: who writes when (a Lock), what the bytes mean (`shareable-list.ts`).
 */
import { inspectCustom } from "../base/inspect.ts";
import { invalidArgument } from "../base/errors.ts";
import { checkOptions, shown } from "../base/options.ts";
import { looksLikeFamilys } from "../host/family-names.ts";
import { createSegment, NamedSegment, openSegment, unlinkSegment } from "../memory/named-segment.ts";
import { registerKind } from "../wire/kinds.ts";

/** What `SharedMemory.create()` takes. */
export interface SharedMemoryOptions {
  /** From 1 to 253 bytes, without a slash; may not begin as the library's own names do. @default one is made up */
  readonly name?: string | undefined;
  /** Bytes, from 1. */
  readonly size: number;
}

/** Longer ones are refused by shm_open(3). */
const longestNameBytes = 253;

/**
 * A named segment of shared memory.
 *
 * It crosses to other processes by its name: the receiver opens it, so the name must not have been unlinked by then.
 *
 * @example
 * const shared = SharedMemory.create({ size: 1024 });
 * new Uint8Array(shared.buffer)[0] = 42;
 * // Anywhere else, in Python too:
 * SharedMemory.open(shared.name);
 * shared.close();
 * shared.unlink();
 */
export class SharedMemory implements AsyncDisposable, Disposable {
  readonly #segment: NamedSegment;

  private constructor(segment: NamedSegment) {
    if (!(segment instanceof NamedSegment)) {
      throw invalidArgument(
        `new SharedMemory(): it is made by SharedMemory.create({ size }) or SharedMemory.open(name); received ${shown(segment)}`,
      );
    }
    this.#segment = segment;
  }

  /**
   * Makes a segment, all zeros; its space is reserved now.
   *
   * @throws {MultiprocessingError} ERR_MP_ALREADY_EXISTS when the name is in use; ERR_MP_OUT_OF_MEMORY when there is no
   * room; ERR_MP_INVALID_ARGUMENT; ERR_MP_NOT_SUPPORTED without the addon
   */
  static create(options: SharedMemoryOptions): SharedMemory {
    return SharedMemory.createWith(options);
  }

  /** @internal `fill` is called before anybody can open it. */
  static createWith(options: SharedMemoryOptions, fill?: (buffer: ArrayBuffer) => void): SharedMemory {
    const call = "SharedMemory.create()";
    checkOptions(call, options ?? null, ["name", "size"]);
    const { name, size } = options;
    if (name !== undefined) checkNewName(call, name);
    if (!Number.isSafeInteger(size) || size < 1) {
      throw invalidArgument(`${call}: size must be a whole number of bytes from 1; received ${shown(size)}`);
    }
    return new SharedMemory(createSegment(name, size, fill));
  }

  /**
   * Opens a segment that somebody has made, be it another program.
   *
   * @throws {MultiprocessingError} ERR_MP_NOT_FOUND when there is none of that name; ERR_MP_INVALID_STATE when it may
   * not be opened or is still empty; ERR_MP_INVALID_ARGUMENT; ERR_MP_NOT_SUPPORTED without the addon
   */
  static open(name: string): SharedMemory {
    checkName("SharedMemory.open()", name);
    return new SharedMemory(openSegment(name));
  }

  /** Without a slash, as Python's. */
  get name(): string {
    return this.#segment.name;
  }

  /** Bytes, exactly as asked for by whoever made it. */
  get size(): number {
    return this.#segment.sizeBytes;
  }

  /** The segment itself: what is written here is there for everybody at once. Detached (length 0) once it is closed. */
  get buffer(): ArrayBuffer {
    return this.#segment.buffer;
  }

  /** Ends this process's view: `.buffer` and the arrays over it have length 0. The segment stays. Twice is fine. */
  close(): void {
    this.#segment.close();
  }

  /**
   * Takes the name away, also after `close()`. Who has the segment open keeps it; the last one's close frees it.
   *
   * @throws {MultiprocessingError} ERR_MP_NOT_FOUND when it has been taken away, or given to another segment, before
   */
  unlink(): void {
    unlinkSegment(this.#segment);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  toString(): string {
    return `SharedMemory('${this.name}', size=${this.size})`;
  }

  /** @internal */
  [inspectCustom](): string {
    return this.toString();
  }
}

function checkName(call: string, name: unknown): asserts name is string {
  const why =
    typeof name !== "string" || name === ""
      ? "a string that is not empty"
      : name.includes("/") || name.includes("\0") || name === "." || name === ".."
        ? "without a slash or a zero, and neither . nor .."
        : Buffer.byteLength(name) > longestNameBytes
          ? `of at most ${longestNameBytes} bytes`
          : undefined;
  if (why !== undefined) throw invalidArgument(`${call}: the name must be ${why}; received ${shown(name)}`);
}

function checkNewName(call: string, name: unknown): void {
  checkName(call, name);
  if (looksLikeFamilys(name)) {
    throw invalidArgument(
      `${call}: the name must not look like one that the library makes up, or it would be cleared as one; received ${shown(name)}`,
    );
  }
}

registerKind({
  name: "shared-memory",
  matches: (value): value is SharedMemory => value instanceof SharedMemory,
  encode: (shared: SharedMemory, encoder) => encoder.string(shared.name),
  decode: (decoder) => decoder.adopt(SharedMemory.open(decoder.string())),
});
