/**
 * What a child has written to stdout and stderr is in the kernel's hands when the write returns.
 *
 * Runs in: the child.
 * Why: a write to a full pipe is otherwise finished in the background, so that process.exit(), an uncaught error or a
 * signal cuts it off; and Node prints an uncaught error past what is still queued. A Node program of its own has the
 * same fault (measured on 20 to 26: 20,000 lines, then process.exit(), arrive as 64 KiB); a child should not.
 */
export function keepStreamsWhole(): void {
  for (const name of ["stdout", "stderr"] as const) {
    const { get } = Object.getOwnPropertyDescriptor(process, name)!;
    if (get === undefined) continue; // Replaced already, by a preload: not ours to change.
    let done = false;
    Object.defineProperty(process, name, {
      configurable: true,
      enumerable: true,
      get(): NodeJS.WriteStream {
        const stream = get.call(process) as NodeJS.WriteStream & { _handle?: { setBlocking?(on: boolean): void } };
        // Making the stream costs milliseconds, so it is not made before somebody asks for it.
        if (!done) stream._handle?.setBlocking?.(true);
        done = true;
        return stream;
      },
    });
  }
}
