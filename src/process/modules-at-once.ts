/**
 * Imports that read their files at once, as Node itself does from 22 on.
 *
 * Runs in: the child.
 * Why: Node 20 reads a module's file in libuv's threads, and the first file starts four of them: measured, a third of what
 * a process takes from start to join whose target is an export of a module.
 */
import { promises, readFileSync, statSync } from "node:fs";

const readsInThreads = Number.parseInt(process.versions.node, 10) < 22;

/** @param work imports modules; what it reads otherwise is read as ever */
export async function readModulesAtOnce<T>(work: () => Promise<T>): Promise<T> {
  if (!readsInThreads) return work();
  const original = Object.getOwnPropertyDescriptor(promises, "readFile")!;
  const { readFile } = promises;
  // As Node's loader calls it: with a URL, and nothing else.
  const atOnce = async (...call: readonly unknown[]): Promise<unknown> => {
    const [file] = call;
    if (call.length === 1 && file instanceof URL && isPlain(file)) return readFileSync(file);
    return Reflect.apply(readFile, promises, call);
  };
  // The loader looks it up each time; whoever else does meanwhile, and keeps it, gets what is always there.
  const get = (): unknown => (isCalledByLoader(get) ? atOnce : readFile);
  const set = (value: unknown): void => {
    Object.defineProperty(promises, "readFile", { ...original, value });
  };
  Object.defineProperty(promises, "readFile", { configurable: true, enumerable: true, get, set });
  try {
    return await work();
  } finally {
    if (Object.getOwnPropertyDescriptor(promises, "readFile")?.get === get) set(readFile);
  }
}

/** Others may keep a reader waiting. */
function isPlain(file: URL): boolean {
  return file.protocol === "file:" && statSync(file, { throwIfNoEntry: false })?.isFile() === true;
}

/** @param callee what is called, perhaps, by Node's loader */
function isCalledByLoader(callee: () => unknown): boolean {
  const { stackTraceLimit } = Error;
  const caller: { readonly stack?: unknown } = {};
  Error.stackTraceLimit = 1;
  Error.captureStackTrace(caller, callee);
  Error.stackTraceLimit = stackTraceLimit;
  const { stack } = caller; // A text, unless the user's prepareStackTrace makes it.
  return typeof stack === "string" && stack.includes("(node:internal/modules/esm/load:");
}
