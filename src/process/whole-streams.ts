/**
 * What a child has written to stdout and stderr is in the kernel's hands when the write returns.
 *
 * Runs in: the child.
 * Why: a write to a full pipe is otherwise finished in the background, so that process.exit(), an uncaught error or a
 * signal cuts it off; and Node prints an uncaught error past what is still queued. A Node program of its own has the
 * same fault (measured on 20 to 26: 20,000 lines, then process.exit(), arrive as 64 KiB); a child should not.
 *
 * Whether a write waits is a property of what is open, which a child shares with its owner and its siblings: each Node
 * process that first asks for its own `process.stdout` changes it for all. So a child puts it back as it found it, and
 * never relies on it.
 */
import { constants, existsSync, readFileSync } from "node:fs";
import type { Socket } from "node:net";
import { writeThrough } from "./write-through.ts";

type Stream = NodeJS.WriteStream & { _handle?: { setBlocking?(on: boolean): void } };

export function keepStreamsWhole(): void {
  for (const [name, descriptor] of [
    ["stdout", 1],
    ["stderr", 2],
  ] as const) {
    const { get } = Object.getOwnPropertyDescriptor(process, name)!;
    if (get === undefined) continue; // Replaced already, by a preload: not ours to change.
    let stream: Stream | undefined;
    Object.defineProperty(process, name, {
      configurable: true,
      enumerable: true,
      get(): Stream {
        // Making the stream costs milliseconds, so it is not made before somebody asks for it.
        return (stream ??= wholeStream(descriptor, () => get.call(process) as Stream));
      },
    });
  }
}

/** @param make what Node makes of the descriptor */
export function wholeStream(descriptor: number, make: () => Stream): Stream {
  const waits = !isNonBlocking(descriptor);
  const stream = make();
  // Files and terminals do not share the fault.
  if (stream._handle === undefined || stream.isTTY) return stream;
  if (waits) stream._handle.setBlocking?.(true);
  const whole = stream as unknown as Pick<Socket, "_write"> & { _writev: Socket["_writev"] | null };
  whole._write = (chunk, encoding, done) => writeThrough(descriptor, chunk as string | Uint8Array, encoding, done);
  whole._writev = null; // One after the other, then.
  return stream;
}

function isNonBlocking(descriptor: number): boolean {
  const file = `/proc/self/fdinfo/${descriptor}`;
  if (!existsSync(file)) return false; // The program has closed it, or there is no /proc.
  // proc(5): what open(2) was told, in octal.
  const [, flags = "0"] = /^flags:\s*(\d+)/m.exec(readFileSync(file, "latin1")) ?? [];
  return (Number.parseInt(flags, 8) & constants.O_NONBLOCK) !== 0;
}
