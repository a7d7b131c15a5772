/**
 * The functions that a worker has been sent: decoded once, or anew for each call where a call may change one.
 *
 * Runs in: the worker.
 */
import { MalformedMessageError } from "../base/errors.ts";
import { setBootstrapping } from "../process/identity.ts";
import { decode, decodeSync, needsModules } from "../wire/codec.ts";
import type { FunctionMessage } from "./to-worker.ts";

export type AnyTarget = (...args: unknown[]) => unknown;

interface Known {
  readonly message: FunctionMessage;
  made: AnyTarget | Promise<AnyTarget> | undefined;
}

export class WorkerFunctions {
  readonly #known = new Map<number, Known>();

  define(message: FunctionMessage): void {
    // The message's own bytes may be gone when it is needed.
    const kept = { ...message, bytes: message.bytes.slice() };
    this.#known.set(message.functionId, { message: kept, made: undefined });
  }

  forget(functionId: number): void {
    this.#known.delete(functionId);
  }

  /** The function, or a promise of it where modules have to be imported first. */
  get(functionId: number): AnyTarget | Promise<AnyTarget> {
    const known = this.#known.get(functionId);
    if (known === undefined) {
      throw new MalformedMessageError(`Cannot run a pool's task: its function ${functionId} was never sent`);
    }
    if (known.made !== undefined) return known.made;
    const { bytes, fresh } = known.message;
    if (!needsModules(bytes)) {
      const made = checked(decodeSync(bytes));
      if (!fresh) known.made = made;
      return made;
    }
    const made = this.importing(() => decode(bytes)).then((value) => {
      const target = checked(value);
      if (!fresh) known.made = target;
      return target;
    });
    if (!fresh) known.made = made;
    made.catch(() => (known.made = undefined)); // The next call tries again, and has its own error.
    return made;
  }

  /** A module that starts processes while it is imported would start them again in each worker's, for ever. */
  async importing<T>(work: () => T | Promise<T>): Promise<T> {
    const made = work();
    if (!(made instanceof Promise)) return made;
    setBootstrapping(true);
    try {
      return await made;
    } finally {
      setBootstrapping(false);
    }
  }
}

function checked(value: unknown): AnyTarget {
  if (typeof value === "function") return value as AnyTarget;
  throw new MalformedMessageError("Cannot run a pool's task: what was sent as its function is none");
}
