/**
 * The fork server's own `process.stdin`, `stdout` and `stderr`, so that each child has those of Node, made in it.
 *
 * Runs in: the fork server, whose main module imports this before all else; what it offers, in each forked child.
 * Why: Node makes each stream once, for what the descriptor is at that moment, and asks for them itself: whatever imports
 * `node:process` has it make all three, and `node:util` looks at stderr (Node 22). A child has descriptors of its own: with
 * what the server had made, one with `stdio: "pipe"` whose owner ran at a terminal wrote to the terminal. What a preloaded
 * module keeps of the stand-ins writes to the child's own stdout.
 */
import type { Readable, Writable } from "node:stream";
import { writeThrough } from "./write-through.ts";

/** Node's modules for streams are of no use to most servers. */
const { getBuiltinModule } = process;

function standIn(fd: 1 | 2): Writable {
  const { Writable } = getBuiltinModule("node:stream");
  const { isatty, WriteStream } = getBuiltinModule("node:tty");
  const { getColorDepth, hasColors } = WriteStream.prototype;
  const stream = new Writable({
    decodeStrings: false,
    write: (chunk: string | Uint8Array, encoding, done) => writeThrough(fd, chunk, encoding, done),
  });
  // What modules look at when they decide upon colours.
  return Object.assign(stream, { fd, getColorDepth, hasColors, ...(isatty(fd) && { isTTY: true }) });
}

function nothing(): Readable {
  return Object.assign(getBuiltinModule("node:stream").Readable.from([]), { fd: 0 });
}

/** Hardly anybody but the exports of `node:process` asks a server for its stdin; they keep what they were given. */
let isExported = false;

const makers = { stdin: nothing, stdout: () => standIn(1), stderr: () => standIn(2) };

const restores = Object.entries(makers).map(([name, make], fd) => {
  const ofNode = Object.getOwnPropertyDescriptor(process, name)!;
  let stream: Readable | Writable | undefined;
  const get = (): unknown => {
    isExported ||= name === "stdin";
    return (stream ??= make());
  };
  let instead: Readable | Writable | undefined;
  /** Where something had Node make it for a terminal before this was there, as `--import` can, it leads to that for good. */
  const getInChild = (): unknown => {
    const own = ofNode.get!.call(process) as NodeJS.WriteStream;
    return own.isTTY && !getBuiltinModule("node:tty").isatty(fd) ? (instead ??= make()) : own;
  };
  Object.defineProperty(process, name, { configurable: true, enumerable: true, get });
  return (): void => {
    // A preloaded module may have put its own there.
    if (Object.getOwnPropertyDescriptor(process, name)?.get !== get) return;
    Object.defineProperty(process, name, { ...ofNode, get: getInChild });
    // The console asks once. Told so, it asks again.
    if (name !== "stdin") Reflect.set(console, `_${name}`, undefined);
  };
});

/** The part of it that may be tried in the server, if the properties are put back. */
export function restoreAccessors(): void {
  for (const restore of restores) restore();
}

/** To be called in a child, once it has its own descriptors. */
export function restoreStreams(): void {
  restoreAccessors();
  if (isExported) getBuiltinModule("node:module").syncBuiltinESMExports();
}
