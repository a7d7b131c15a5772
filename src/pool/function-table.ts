/**
 * The functions of a pool's tasks: captured once a call or a map, sent once to each worker that needs them.
 *
 * Runs in: the parent.
 * Guarantees: what one call changes in what its function has captured, no other call sees; a map's function is one copy a
 * worker, as it was when the map was called.
 */
import { capture, isNativeFunction, variablesOf, type AnyFunction } from "../wire/capture.ts";
import { encode } from "../wire/codec.ts";
import type { Target } from "../process/process-options.ts";

/** How long its tasks take; one for all copies of a function. */
export interface Timing {
  /** Milliseconds, smoothed; undefined while none has ended. */
  taskMs: number | undefined;
}

export interface PoolFunction {
  readonly id: number;
  readonly name: string;
  readonly bytes: Uint8Array;
  /** Each call gets a copy of its own. */
  readonly fresh: boolean;
  readonly timing: Timing;
  /** Originals that must be there when a copy comes home. */
  readonly keepAlive: readonly object[];
  /** Calls and maps that are not settled. */
  uses: number;
  /** Nothing that it captures can change: it stays known as long as the function lives. */
  readonly lasting: boolean;
}

const ordinaryKeys = new Set<string | symbol>(["length", "name", "prototype", "arguments", "caller"]);

export class FunctionTable {
  readonly #lasting = new WeakMap<Target, PoolFunction>();
  readonly #latest = new WeakMap<Target, PoolFunction>();
  readonly #timings = new WeakMap<Target, Timing>();
  readonly #collected: FinalizationRegistry<number>;
  readonly #onForget: (functionId: number) => void;
  #lastId = 0;

  /** @param onForget told each function that no worker needs to know any more */
  constructor(onForget: (functionId: number) => void) {
    this.#onForget = onForget;
    this.#collected = new FinalizationRegistry(onForget);
  }

  /** @throws {UnserializableError} */
  forCall(target: Target): PoolFunction {
    const lasting = this.#lasting.get(target);
    if (lasting !== undefined) {
      lasting.uses++;
      return lasting;
    }
    const { bytes, keepAlive } = encode(target, { root: "the function" });
    if (cannotChange(target, keepAlive)) {
      const made = this.#make(target, bytes, [], { fresh: false, lasting: true });
      this.#lasting.set(target, made);
      this.#collected.register(target, made.id);
      return made;
    }
    const latest = this.#latest.get(target);
    if (latest !== undefined && latest.uses > 0 && Buffer.compare(latest.bytes, bytes) === 0) {
      latest.uses++;
      return latest;
    }
    const made = this.#make(target, bytes, keepAlive, { fresh: true, lasting: false });
    this.#latest.set(target, made);
    return made;
  }

  /** @throws {UnserializableError} */
  forMap(target: Target): PoolFunction {
    const lasting = this.#lasting.get(target);
    if (lasting !== undefined) {
      lasting.uses++;
      return lasting;
    }
    const { bytes, keepAlive } = encode(target, { root: "the function" });
    return this.#make(target, bytes, keepAlive, { fresh: false, lasting: false });
  }

  release(used: PoolFunction): void {
    if (--used.uses === 0 && !used.lasting) this.#onForget(used.id);
  }

  #make(
    target: Target,
    bytes: Uint8Array,
    keepAlive: readonly object[],
    { fresh, lasting }: { readonly fresh: boolean; readonly lasting: boolean },
  ): PoolFunction {
    let timing = this.#timings.get(target);
    if (timing === undefined) this.#timings.set(target, (timing = { taskMs: undefined }));
    return { id: ++this.#lastId, name: target.name, bytes, fresh, timing, keepAlive, uses: 1, lasting };
  }
}

/** True only where it is certain: a mistake would let one call see what another did. */
function cannotChange(target: Target, keepAlive: readonly object[]): boolean {
  if (Reflect.ownKeys(target).some((key) => !ordinaryKeys.has(key))) return false;
  if (isNativeFunction(target)) return !target.name.startsWith("bound ");
  if (keepAlive.length === 0) return true; // By reference: its module holds what it uses.
  const captured = capture(target as AnyFunction);
  // The same answer twice: found to be settled, so that none of its variables can be assigned any more.
  if ("why" in captured || capture(target as AnyFunction) !== captured) return false;
  const variables = variablesOf(target as AnyFunction, captured);
  return (
    Array.isArray(variables) &&
    variables.every((variable) => {
      if (variable.how === "binding" || variable.how === "require") return true;
      return variable.how === "value" && variable.changing !== true && isPrimitive(variable.value);
    })
  );
}

function isPrimitive(value: unknown): boolean {
  return value === null || (typeof value !== "object" && typeof value !== "function");
}
