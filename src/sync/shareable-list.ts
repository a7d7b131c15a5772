/**
 * A list of simple values in shared memory: Python's `shared_memory.ShareableList`; the two read each other's.
 *
 * Runs in: every process.
 * Guarantees: a list appears with all its elements, or not at all; a number is never seen half written.
 * Leaves to others: the bytes (`shareable-layout.ts`); order among writers (a Lock: text, bytes and a change of type are
 * several stores).
 */
import { inspect } from "node:util";
import { ClosedError, invalidArgument } from "../base/errors.ts";
import { inspectCustom } from "../base/inspect.ts";
import { checkOptions, shown } from "../base/options.ts";
import { registerKind } from "../wire/kinds.ts";
import { readElement, readFormat, readList, replaceElement, writeList, type Laid } from "./shareable-layout.ts";
import { pack, type ShareableValue } from "./shareable-slots.ts";
import { SharedMemory } from "./shared-memory.ts";

export type { ShareableValue } from "./shareable-slots.ts";

/** What a ShareableList takes beside its elements. */
export interface ShareableListOptions {
  /** Of the segment; as for `SharedMemory.create`. @default one is made up */
  readonly name?: string | undefined;
}

/**
 * A list of fixed length whose elements are numbers, bigints, booleans, strings, bytes and null.
 *
 * Text and bytes may be replaced by others that fit the slot, which has room for what it had first, filled up to the next
 * multiple of 8 bytes. Whole numbers are integers of 64 bits for Python; a bigint is read back as a number when that is
 * exact; a number that is put where a float was stays a float.
 *
 * It crosses to other processes by its name, as SharedMemory does.
 *
 * @example
 * const list = new ShareableList(["on", 3, 0.5, true, null]);
 * list[1] = 4;                        // the same as list.set(1, 4)
 * ShareableList.open(list.shm.name);  // anywhere else; in Python: ShareableList(name=...)
 * list.shm.close();
 * list.shm.unlink();
 */
export class ShareableList implements Iterable<ShareableValue>, AsyncDisposable, Disposable {
  /** As `get` and `set`. */
  [index: number]: ShareableValue;
  readonly #laid: Laid;

  /**
   * @param values the elements; null or undefined with a name: opens the list of that name, as in Python
   * @throws {MultiprocessingError} ERR_MP_INVALID_ARGUMENT for an element of another kind, text or bytes that end in a
   * zero, an integer of more than 64 bits; and as SharedMemory.create and SharedMemory.open do
   */
  constructor(values?: Iterable<ShareableValue> | null, options?: ShareableListOptions) {
    const call = "new ShareableList()";
    checkOptions(call, options, ["name"]);
    if ((values === undefined || values === null) && options?.name !== undefined) {
      this.#laid = readList(SharedMemory.open(options.name));
    } else {
      if (values !== undefined && values !== null && typeof values[Symbol.iterator] !== "function") {
        throw invalidArgument(`${call}: the values must be iterable; received ${shown(values)}`);
      }
      this.#laid = writeList(
        Array.from(values ?? [], (value) => pack(call, value)),
        options?.name,
      );
    }
    defineIndexes(this.#laid.length);
    if (new.target === ShareableList) Object.preventExtensions(this); // list[list.length] = … is an error, not a property that nobody else sees.
  }

  /** The same as `new ShareableList(values, options)`. */
  static create(values: Iterable<ShareableValue>, options?: ShareableListOptions): ShareableList {
    return new ShareableList(values, options);
  }

  /** @throws {MultiprocessingError} ERR_MP_NOT_FOUND and others, as SharedMemory.open(); ERR_MP_MALFORMED_MESSAGE when it is no list */
  static open(name: string): ShareableList {
    return new ShareableList(null, { name: name ?? "" });
  }

  /** Its segment: `name`, `close()`, `unlink()`. */
  get shm(): SharedMemory {
    return this.#laid.shm;
  }

  /** How many elements it has; it never changes. */
  get length(): number {
    return this.#laid.length;
  }

  /** How the elements are packed now, in the words of Python's `struct`. */
  get format(): string {
    let text = "";
    for (let index = 0; index < this.length; index++) text += readFormat(this.#open(), index);
    return text;
  }

  /**
   * @param index from -length to length - 1; negative ones count from the end
   * @throws {MultiprocessingError} ERR_MP_INVALID_ARGUMENT when there is no such element; ERR_MP_CLOSED
   */
  get(index: number): ShareableValue {
    const laid = this.#open();
    return readElement(laid, place("ShareableList.get()", index, laid.length));
  }

  /**
   * @throws {MultiprocessingError} ERR_MP_INVALID_ARGUMENT when there is no such element, or the value does not fit its
   * slot or is of no kind that a list holds; the list is unchanged then; ERR_MP_CLOSED
   */
  set(index: number, value: ShareableValue): void {
    const call = "ShareableList.set()";
    const laid = this.#open();
    replaceElement(call, laid, place(call, index, laid.length), value);
  }

  /** As an array's: undefined when there is no such element. */
  at(index: number): ShareableValue | undefined {
    const from = index < 0 ? index + this.length : index;
    return from >= 0 && from < this.length ? this.get(from) : undefined;
  }

  /** How many elements are equal to the value. */
  count(value: ShareableValue): number {
    let count = 0;
    for (const element of this) if (same(element, value)) count++;
    return count;
  }

  /**
   * Where the value is for the first time.
   *
   * @throws {MultiprocessingError} ERR_MP_INVALID_ARGUMENT when it is not there, as in Python; `indexOf` says -1
   */
  index(value: ShareableValue): number {
    const found = this.indexOf(value);
    if (found < 0) throw invalidArgument(`ShareableList.index(): ${shown(value)} is not in the list`);
    return found;
  }

  /** The first place where it stands, or -1. */
  indexOf(value: ShareableValue): number {
    for (let index = 0; index < this.length; index++) if (same(this.get(index), value)) return index;
    return -1;
  }

  *[Symbol.iterator](): Generator<ShareableValue> {
    for (let index = 0; index < this.length; index++) yield this.get(index);
  }

  /** Closes its segment; twice is fine. */
  close(): void {
    this.shm.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  toString(): string {
    const elements = this.#laid.bytes.length === 0 ? "closed" : inspect([...this], { breakLength: Infinity });
    return `ShareableList(${elements}, name='${this.shm.name}')`;
  }

  /** @internal */
  [inspectCustom](): string {
    return this.toString();
  }

  #open(): Laid {
    if (this.#laid.bytes.length === 0) {
      throw new ClosedError(`ShareableList "${this.shm.name}" is closed here\n  do this:  open it again by its name`);
    }
    return this.#laid;
  }
}

let indexesDefined = 0;

/** `list[0]`, `list[1]`, …: accessors of the class, as many as the longest list needs. Why not a Proxy: slow, and refused by the codec. */
function defineIndexes(count: number): void {
  for (; indexesDefined < count; indexesDefined++) {
    const index = indexesDefined;
    Object.defineProperty(ShareableList.prototype, index, {
      get(this: ShareableList) {
        return index < this.length ? this.get(index) : undefined;
      },
      set(this: ShareableList, value: ShareableValue) {
        this.set(index, value);
      },
    });
  }
}

function place(call: string, index: number, length: number): number {
  const from = index < 0 ? index + length : index;
  if (Number.isInteger(from) && from >= 0 && from < length) return from;
  throw invalidArgument(`${call}: there is no element ${shown(index)} in a list of ${length}`);
}

function same(element: ShareableValue, value: ShareableValue): boolean {
  if (element instanceof Uint8Array) return value instanceof Uint8Array && Buffer.compare(element, value) === 0;
  if (typeof value === "bigint" && Number.isSafeInteger(element)) return BigInt(element as number) === value;
  return element === value || (Number.isNaN(element) && Number.isNaN(value));
}

registerKind({
  name: "shareable-list",
  matches: (value): value is ShareableList => value instanceof ShareableList,
  encode: (list: ShareableList, encoder) => encoder.string(list.shm.name),
  decode: (reader) => reader.adopt(ShareableList.open(reader.string())),
});
