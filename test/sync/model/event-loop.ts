/** What a process of the model has instead of promises and an event loop: both take steps. */
import type { Steps } from "./stepped-code.ts";

/** What a generator of the library's own yields, beside steps. */
export class Produced {
  readonly value: unknown;

  constructor(value: unknown) {
    this.value = value;
  }
}

/** Of a generator of the library's own; undefined: it has ended. */
export function* nextOf(iterator: Iterator<unknown>): Steps<Produced | undefined> {
  for (;;) {
    const { done, value } = iterator.next();
    if (done === true) return undefined;
    if (value instanceof Produced) return value;
    yield;
  }
}

const generator: object = Object.getPrototypeOf(
  Object.getPrototypeOf(
    (function* () {
      yield;
    })(),
  ),
) as object;

class AtOnce {
  readonly #value: unknown;

  constructor(value: unknown) {
    this.#value = value;
  }

  [Symbol.iterator](): this {
    return this;
  }

  next(): IteratorResult<unknown> {
    return { done: true, value: this.#value };
  }
}

/** What a call has returned: the steps of a function that takes some, or its value. */
export function $(returned: unknown): Steps<unknown> {
  const isSteps =
    typeof returned === "object" && returned !== null && Object.prototype.isPrototypeOf.call(generator, returned);
  return (isSteps ? returned : new AtOnce(returned)) as Steps<unknown>;
}

export class Promised {
  settled = false;
  failed = false;
  value: unknown;

  settle(value: unknown, failed: boolean): void {
    if (this.settled) return;
    Object.assign(this, { settled: true, failed, value });
  }

  catch(handle: (error: unknown) => unknown): Caught {
    return new Caught(this, handle);
  }

  static resolve(value: unknown): unknown {
    return value;
  }
}

class Caught {
  readonly source: Promised;
  readonly handle: (error: unknown) => unknown;

  constructor(source: Promised, handle: (error: unknown) => unknown) {
    this.source = source;
    this.handle = handle;
  }
}

type Executor = (resolve: (value: unknown) => void, reject: (error: unknown) => void) => unknown;

/** `new Promise(executor)` */
export function* makePromise(executor: Executor): Steps<Promised> {
  const promised = new Promised();
  try {
    yield* $(
      executor(
        (value) => promised.settle(value, false),
        (error) => promised.settle(error, true),
      ),
    );
  } catch (error) {
    promised.settle(error, true);
  }
  return promised;
}

/** `await` */
export function* awaiting(value: unknown): Steps<unknown> {
  if (value instanceof Caught) {
    try {
      return yield* awaiting(value.source);
    } catch (error) {
      return yield* $(value.handle(error));
    }
  }
  if (!(value instanceof Promised)) return value;
  while (!value.settled) yield value;
  if (value.failed) throw value.value;
  return value.value;
}

/** What wakes a process in its event loop. */
export interface Loop {
  state: "runs" | "sleeps" | "done";
  rung: boolean;
  listener: () => unknown;
  /** Of `setTimeout`: called when it looks by itself. */
  look: (() => unknown) | undefined;
  /** A time limit that is over. */
  fired: (() => unknown) | undefined;
}

/** Runs asynchronous functions, as one process does: one goes on until it awaits what is not there yet. */
export function* eventLoop(loop: Loop, flows: readonly Steps<unknown>[]): Steps<void> {
  const open = flows.map((steps) => ({ steps, awaits: undefined as Promised | undefined }));
  while (open.length > 0) {
    const ready = open.find(({ awaits }) => awaits === undefined || awaits.settled);
    if (ready === undefined) {
      loop.state = "sleeps";
      yield;
      loop.state = "runs";
      const { fired, rung, look } = loop;
      if (fired !== undefined) {
        loop.fired = undefined;
        yield* $(fired());
      } else if (rung) {
        loop.rung = false;
        yield* $(loop.listener());
      } else {
        loop.look = undefined;
        yield* $(look!());
      }
      continue;
    }
    ready.awaits = undefined;
    for (;;) {
      const { done, value } = ready.steps.next();
      if (done === true) open.splice(open.indexOf(ready), 1);
      else if (value instanceof Promised) ready.awaits = value;
      else {
        yield;
        continue;
      }
      break;
    }
  }
}
