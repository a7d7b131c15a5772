/**
 * The class Process bound to one start method: what a context's `Process` is.
 *
 * Runs in: every process.
 */
import type { StartMethod } from "./launcher.ts";
import { Process } from "./process.ts";

function bound(method: StartMethod): typeof Process {
  // The name is Process's own: default names and the string form do not depend on the method.
  const itsClass = {
    Process: class extends Process {
      static override readonly boundStartMethod = method;
    },
  }.Process;
  Object.defineProperty(itsClass, "name", { value: "Process" });
  return itsClass as typeof Process;
}

const classes: Readonly<Record<StartMethod, typeof Process>> = {
  spawn: bound("spawn"),
  forkserver: bound("forkserver"),
};

/** The Process of a start method, or Process itself for "default". */
export function contextClass(method: string): typeof Process | undefined {
  return method === "default" ? Process : classes[method as StartMethod];
}

/** The inverse: which of our classes it is; undefined for a subclass of the user's. */
export function contextMethodOf(candidate: unknown): StartMethod | "default" | undefined {
  if (candidate === Process) return "default";
  return (Object.keys(classes) as StartMethod[]).find((method) => classes[method] === candidate);
}
