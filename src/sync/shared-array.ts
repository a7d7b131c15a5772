/**
 * A typed array whose bytes all processes of the family see.
 *
 * Runs in: every process.
 * Guarantees: it crosses by handle and is never copied; its pages are there from the beginning, so touching one cannot
 * fail; its memory goes back when the last process that has it closes it, loses it to the collector, or ends.
 * Leaves to others: who writes when (`lock`, or Atomics on the elements).
 *
 *   range of 64 bytes:  kind | - | type | handle of the elements' range | length (2 words) | … | handle of the lock
 *
 * Why a range of its own for the elements of a small one, too: `.array.buffer` is then the elements and nothing else.
 */
import { ClosedError, invalidArgument, MultiprocessingError } from "../base/errors.ts";
import { inspectCustom } from "../base/inspect.ts";
import { shown } from "../base/options.ts";
import { typedArrays } from "../base/typed-arrays.ts";
import { machineMemoryBytes } from "../host/machine-memory.ts";
import { holdsOthers, mapPart, view, type Range } from "../memory/arena.ts";
import { family } from "../memory/family.ts";
import { handleOf, handOnTo, hold, holdReserved, keep, letGo, letGoOf, sharedObject } from "../memory/holdings.ts";
import { arrayWord, dataWord, objectKind, objectWord } from "../memory/layout.ts";
import "../wire/standard-kinds.ts"; // The last kind registered is asked first.
import { registerKind } from "../wire/kinds.ts";
import type { Lock } from "./lock.ts";
import { ownLock } from "./own-lock.ts";

/** The arrays that can be shared; `Float16Array` too, where Node has it. */
export type TypedArray =
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | Float32Array
  | Float64Array
  | BigInt64Array
  | BigUint64Array;

/** The class of such an array. */
export interface TypedArrayConstructor<A = TypedArray> {
  readonly name: string;
  /** Bytes of one element. */
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBuffer, byteOffset?: number, length?: number): A;
}

/** What an array can be filled with. */
type ElementOf<A> = A extends { [index: number]: infer E } ? E : never;

/** By the number that is written in shared memory. */
const types = typedArrays as readonly (TypedArrayConstructor | undefined)[];

/** V8's own limit on Node 20; elements. */
const longestArray = 2 ** 32 - 1;

/** Whoever has only `.array` in hand keeps the elements too: this leads from the buffer to its owner. */
const owners = new WeakMap<ArrayBuffer, object>();

/**
 * A typed array in shared memory.
 *
 * @example
 * const shared = new SharedArray(Float64Array, 1_000_000);
 * const child = new Process({ target: (numbers) => { numbers.array[0] = 1; }, args: [shared] });
 */
export class SharedArray<A extends TypedArray = TypedArray> implements AsyncDisposable, Disposable {
  readonly #words: Int32Array;
  readonly #base: number;
  readonly #array: A;

  /**
   * @param type a class of typed arrays
   * @param init how many elements, all 0; or what they are
   * @throws {MultiprocessingError} ERR_MP_INVALID_ARGUMENT; ERR_MP_OUT_OF_MEMORY when there is no room; ERR_MP_NOT_SUPPORTED
   */
  constructor(type: TypedArrayConstructor<A>, init: number | Iterable<ElementOf<A>> | ArrayLike<ElementOf<A>>);
  /** @internal */
  constructor(range: Range);
  constructor(
    type: TypedArrayConstructor<A> | Range,
    init?: number | Iterable<ElementOf<A>> | ArrayLike<ElementOf<A>>,
  ) {
    const values = typeof init === "object" ? listOf(init) : undefined;
    const { words, base } =
      typeof type === "object" && type !== null ? type : make(this, type, values?.length ?? (init as number));
    this.#words = words;
    this.#base = base;
    const data = words[base + arrayWord.data]!;
    const length = words[base + arrayWord.lengthHigh]! * 2 ** 32 + (words[base + arrayWord.lengthLow]! >>> 0);
    const itsType = types[words[base + arrayWord.type]!] as TypedArrayConstructor<A> | undefined;
    if (itsType === undefined) {
      throw new MultiprocessingError("Cannot receive a SharedArray of Float16Array: this version of Node has none", {
        code: "ERR_MP_NOT_SUPPORTED",
      });
    }
    const buffer = data === 0 ? new ArrayBuffer(0) : mapPart(data, 0, length * itsType.BYTES_PER_ELEMENT);
    this.#array = new itsType(buffer);
    owners.set(buffer, this);
    if (values !== undefined) this.#fill(values);
  }

  /** The elements: what is written here is there for everybody at once. Of length 0 once it is closed here. */
  get array(): A {
    return this.#array;
  }

  /** A lock for it, the same in all processes; made when it is first asked for. Nothing takes it by itself. */
  get lock(): Lock {
    if (handleOf(this) === undefined) {
      throw new ClosedError("This SharedArray is closed here\n  do this:  close it after its last use");
    }
    return ownLock(this.#words, this.#base + dataWord.lock);
  }

  /** How many elements there are. */
  get length(): number {
    return this.#array.length;
  }

  /** Bytes of all elements together. */
  get byteLength(): number {
    return this.#array.byteLength;
  }

  /** This process has it no more: `.array` has length 0. Others keep theirs. Twice is fine. */
  close(): void {
    if (handleOf(this) === undefined) return;
    const buffer = this.#array.buffer as ArrayBuffer;
    if (buffer.byteLength > 0) family().addon.detach(buffer);
    letGoOf(this);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** <SharedArray Float64Array(1000)> */
  toString(): string {
    const closed = handleOf(this) === undefined ? " closed" : "";
    return `<SharedArray ${this.#array.constructor.name}(${this.length})${closed}>`;
  }

  /** @internal */
  [inspectCustom](): string {
    return this.toString();
  }

  #fill(values: ArrayLike<ElementOf<A>>): void {
    try {
      (this.#array as { set(values: ArrayLike<unknown>): void }).set(values);
    } catch (cause) {
      this.close();
      throw invalidArgument(
        `${call}: the values do not fit a ${this.#array.constructor.name}: ${(cause as Error).message}`,
        cause,
      );
    }
  }
}

const call = "new SharedArray()";

function listOf<E>(init: Iterable<E> | ArrayLike<E> | null): ArrayLike<E> {
  if (init !== null && typeof (init as ArrayLike<E>).length === "number") return init as ArrayLike<E>;
  if (init !== null && typeof (init as Iterable<E>)[Symbol.iterator] === "function") return [...(init as Iterable<E>)];
  throw invalidArgument(`${call}: the values must be a length or a list; received ${shown(init)}`);
}

/** The range of a new array, whose elements are all 0. */
function make(array: object, type: unknown, length: unknown): Range {
  const number = types.indexOf(type as TypedArrayConstructor);
  if (number < 0 || type === undefined) {
    const names = types.flatMap((each) => each?.name ?? []).join(", ");
    throw invalidArgument(`${call}: the type must be one of ${names}; received ${shown(type)}`);
  }
  if (!Number.isSafeInteger(length) || (length as number) < 0) {
    throw invalidArgument(`${call}: the length must be a whole number from 0; received ${shown(length)}`);
  }
  const elements = length as number;
  const sizeBytes = elements * types[number]!.BYTES_PER_ELEMENT;
  if (elements > longestArray || sizeBytes > machineMemoryBytes()) {
    throw new MultiprocessingError(
      `${call}: ${elements} elements are ${sizeBytes} bytes, more than can be had here\n  do this:  use several smaller ones`,
      { code: "ERR_MP_OUT_OF_MEMORY" },
    );
  }
  const { handle, holding } = hold(64);
  try {
    const range = view(handle);
    const { words, base } = range;
    words[base + arrayWord.type] = number;
    words[base + arrayWord.lengthLow] = elements | 0;
    words[base + arrayWord.lengthHigh] = Math.floor(elements / 2 ** 32);
    words[base + objectWord.kind] = objectKind.sharedArray;
    if (sizeBytes > 0) handOnTo(words, base + arrayWord.data, holdReserved(sizeBytes));
    keep(array, handle, holding);
    return range;
  } catch (error) {
    letGo(holding);
    throw error;
  }
}

holdsOthers(objectKind.sharedArray, arrayWord.data, dataWord.lock);

registerKind({
  name: "shared-array",
  matches: (value): value is SharedArray => value instanceof SharedArray,
  encode(array: SharedArray, encoder): void {
    const handle = handleOf(array);
    if (handle === undefined) {
      return encoder.refuse({
        subject: "a SharedArray that is closed here",
        why: "this process holds its memory no more",
        remedy: "close it after it has been sent",
      });
    }
    encoder.keep.push(array); // It holds the range until the receiver does.
    encoder.uint(handle);
  },
  decode: (decoder) => decoder.adopt(sharedObject(decoder.uint(), (range) => new SharedArray(range))),
});
