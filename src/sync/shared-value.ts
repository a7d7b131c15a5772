/**
 * One number or boolean that all processes of the family see.
 *
 * Runs in: every process.
 * Guarantees: reads and writes are whole, in one order for all; `add` and its kin are one atomic operation of the
 * processor; `update` loses no change of anybody's, and whoever dies in the middle of one changes nothing and holds nobody up.
 *
 *   range of 64 bytes:  kind | - | type | - | value (8 bytes) | … | handle of the lock
 *
 * Why a float is kept as 64 bits that Atomics reads: JavaScript promises that a whole BigInt64 is read, but not a whole
 * double.
 */
import { inspectCustom } from "../base/inspect.ts";
import { checkFunction, type WaitOptions } from "../base/options.ts";
import { holdsOthers, view, type Range } from "../memory/arena.ts";
import { hold, keep } from "../memory/holdings.ts";
import { dataWord, objectKind, objectWord, valueWord } from "../memory/layout.ts";
import type { Lock } from "./lock.ts";
import { ownLock } from "./own-lock.ts";
import { registerShared } from "./shared-kind.ts";
import {
  checkInitial,
  checkKind,
  checkValue,
  forms,
  formNumbered,
  refuseInteger,
  type Form,
  type IntegerKind,
  type SharedValueKind,
  type ValueOf,
} from "./value-forms.ts";

export type { IntegerKind, SharedValueKind, ValueOf } from "./value-forms.ts";

/**
 * A value in shared memory.
 *
 * Integers wrap around at their ends, as the processor has it: `add(1)` to the largest int32 makes the smallest.
 *
 * @example
 * const hits = new SharedValue("int32", 0);
 * hits.add(1);                                // from any number of processes: none is lost
 * const total = new SharedValue("float64", 0);
 * await total.update((sum) => sum + 0.5);
 */
export class SharedValue<K extends SharedValueKind = SharedValueKind> {
  /** What it was made as. */
  readonly kind: K;
  readonly #words: Int32Array;
  readonly #base: number;
  readonly #form: Form;
  /** Of the kind's own width; of float64 its bits. */
  readonly #cells: Int32Array;
  readonly #at: number;
  /** Numbers of 31 bits from here on need no second look: that is what makes `add` as quick as the processor. */
  readonly #least: number;

  /**
   * @param initial @default 0, 0n or false
   * @throws {MultiprocessingError} ERR_MP_INVALID_ARGUMENT when it is none of the kind; ERR_MP_NOT_SUPPORTED
   */
  constructor(kind: K, initial?: ValueOf<K>);
  /** @internal */
  constructor(range: Range);
  constructor(kind: K | Range, initial?: ValueOf<K>) {
    const { words, base } = typeof kind === "object" && kind !== null ? kind : make(this, kind, initial);
    this.#words = words;
    this.#base = base;
    this.#form = formNumbered(words[base + valueWord.type]!);
    this.kind = this.#form.kind as K;
    const { cells, at } = this.#form.cells(words, base + valueWord.value);
    this.#cells = cells;
    this.#at = at;
    this.#least = this.#form.quickFrom;
  }

  get value(): ValueOf<K> {
    return this.#form.read(Atomics.load(this.#cells, this.#at)) as ValueOf<K>;
  }

  /** @throws {MultiprocessingError} ERR_MP_INVALID_ARGUMENT when it is none of the kind */
  set value(to: ValueOf<K>) {
    checkValue("SharedValue.value", this.#form, to);
    Atomics.store(this.#cells, this.#at, this.#form.write(to));
  }

  /**
   * Adds, in one atomic operation.
   *
   * @returns what it was before
   * @throws {MultiprocessingError} ERR_MP_INVALID_ARGUMENT when `n` is no integer of the kind, or the kind has none
   */
  add<I extends IntegerKind>(this: SharedValue<I>, n: ValueOf<I>): ValueOf<I> {
    if (typeof n !== "number" || (n | 0) !== n || n < this.#least) this.#checkWell("add", n);
    return Atomics.add(this.#cells, this.#at, n as number) as ValueOf<I>;
  }

  /** Subtracts; otherwise as `add`. */
  sub<I extends IntegerKind>(this: SharedValue<I>, n: ValueOf<I>): ValueOf<I> {
    if (typeof n !== "number" || (n | 0) !== n || n < this.#least) this.#checkWell("sub", n);
    return Atomics.sub(this.#cells, this.#at, n as number) as ValueOf<I>;
  }

  /** Puts another value in its place; otherwise as `add`. */
  exchange<I extends IntegerKind>(this: SharedValue<I>, to: ValueOf<I>): ValueOf<I> {
    if (typeof to !== "number" || (to | 0) !== to || to < this.#least) this.#checkWell("exchange", to);
    return Atomics.exchange(this.#cells, this.#at, to as number) as ValueOf<I>;
  }

  /** Puts `to` in its place if it is `expected`; returns what it was before: `expected`, if it has been replaced. */
  compareExchange<I extends IntegerKind>(this: SharedValue<I>, expected: ValueOf<I>, to: ValueOf<I>): ValueOf<I> {
    this.#checkWell("compareExchange", expected);
    this.#checkWell("compareExchange", to);
    return Atomics.compareExchange(this.#cells, this.#at, expected as number, to as number) as ValueOf<I>;
  }

  /**
   * Replaces the value by what `change` makes of it, one update at a time.
   *
   * What others do meanwhile without an update (`add`, `value =`) is not lost either: `change` is called again then,
   * with the new value. When the process dies in the middle, the value is what it was, and the next update goes on.
   *
   * @param change may be asynchronous; may be called more than once
   * @returns the new value
   * @throws {TimeoutError} when its turn has not come after `timeoutMs`
   * @throws signal.reason when the signal is aborted before its turn has come
   * @throws whatever `change` throws; the value is unchanged then
   */
  async update(
    change: (value: ValueOf<K>) => ValueOf<K> | PromiseLike<ValueOf<K>>,
    options?: WaitOptions,
  ): Promise<ValueOf<K>> {
    checkFunction("SharedValue.update()", change);
    return this.lock.withLock(async () => {
      for (;;) {
        const before = Atomics.load(this.#cells, this.#at);
        const after = await change(this.#form.read(before) as ValueOf<K>);
        checkValue("SharedValue.update()", this.#form, after);
        const written = this.#form.write(after);
        if (Atomics.compareExchange(this.#cells, this.#at, before, written) === before) return after;
      }
    }, options);
  }

  /** The lock under which updates take place, the same in all processes; made when it is first needed. */
  get lock(): Lock {
    return ownLock(this.#words, this.#base + dataWord.lock);
  }

  /** <SharedValue int32 7> */
  toString(): string {
    return `<SharedValue ${this.kind} ${String(this.value)}>`;
  }

  /** @internal */
  [inspectCustom](): string {
    return this.toString();
  }

  #checkWell(call: string, received: unknown): void {
    if (!this.#form.isInteger(received)) refuseInteger(`SharedValue.${call}()`, this.#form, received);
  }
}

function make(value: object, kind: unknown, initial: unknown): Range {
  const form = checkKind("new SharedValue()", kind);
  const first = checkInitial("new SharedValue()", form, initial);
  const { handle, holding } = hold(64);
  const range = view(handle);
  const { words, base } = range;
  words[base + valueWord.type] = forms.indexOf(form);
  const { cells, at } = form.cells(words, base + valueWord.value);
  Atomics.store(cells, at, form.write(first));
  Atomics.store(words, base + objectWord.kind, objectKind.sharedValue);
  keep(value, handle, holding);
  return range;
}

holdsOthers(objectKind.sharedValue, dataWord.lock);

registerShared("shared-value", SharedValue, (range) => new SharedValue(range));
