/**
 * Both stacks of an error that came from another process, in one text: where it was thrown, and who had asked.
 *
 * Runs in: the process that receives the error.
 */

/** V8 formats the text only when it is read, so taking one costs little. */
export interface NearStack {
  readonly stack?: string;
}

/** @param below the function whose own frame and those above it are left out */
export function takeNearStack(below: (...args: never[]) => unknown): NearStack {
  const holder: NearStack = {};
  Error.captureStackTrace(holder, below);
  return holder;
}

export function addNearStack(error: unknown, near: NearStack, name: string, pid: number): void {
  addStackBelow(error, near, `in process "${name}" (pid ${pid}), which was started`);
}

export function addStackBelow(error: unknown, near: NearStack, where: string): void {
  if (!(error instanceof Error)) return; // Anything can be thrown; only an Error has a stack to add to.
  const frames = (near.stack ?? "").split("\n").slice(1).join("\n");
  const stack = `${error.stack ?? String(error)}\n    --- ${where} ---\n${frames}`;
  try {
    Object.defineProperty(error, "stack", { value: stack, configurable: true, writable: true, enumerable: false });
  } catch {
    // A frozen error keeps its far stack: that one says what went wrong.
  }
}
