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

function standIn(fd: number): Writable {
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

let isChild = false;

/** Hardly anybody but the exports of `node:process` asks a server for its stdin; they keep what they were given. */
let isExported = false;

for (const [fd, name] of (["stdin", "stdout", "stderr"] as const).entries()) {
  const make = (): Readable | Writable => (fd === 0 ? nothing() : standIn(fd));
  const ofNode = Object.getOwnPropertyDescriptor(process, name)!;
  let inServer: Readable | Writable | undefined;
  let instead: Readable | Writable | undefined;
  /** Where something had Node make it for a terminal before this was there, as `--import` can, it leads to that for good. */
  const inChild = (): unknown => {
    const own = ofNode.get!.call(process) as NodeJS.WriteStream;
    return own.isTTY && !getBuiltinModule("node:tty").isatty(fd) ? (instead ??= make()) : own;
  };
  const get = (): unknown => {
    if (isChild) return inChild();
    isExported ||= name === "stdin";
    return (inServer ??= make());
  };
  Object.defineProperty(process, name, { ...ofNode, get });
}

/** @param inChild true: in a child, once it has its own descriptors; false: a rehearsal of that, in the server */
export function restoreStreams(inChild: boolean): void {
  isChild = inChild;
  // The console asks once. Told so, it asks again.
  for (const name of ["_stdout", "_stderr"]) Reflect.set(console, name, undefined);
  // It takes 1.5 ms: for those only who have preloaded a module that asks there.
  if (isExported && inChild) getBuiltinModule("node:module").syncBuiltinESMExports();
}
