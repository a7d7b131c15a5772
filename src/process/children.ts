/**
 * The processes that this one has started and that have not ended.
 *
 * Runs in: every process.
 */
import type { Process } from "./process.ts";

const children = new Set<Process>();

/** The children of this process that are running, daemons included. */
export function activeChildren(): Process[] {
  return [...children].filter((child) => child.isAlive());
}

export function addChild(child: Process): void {
  children.add(child);
}

export function removeChild(child: Process): void {
  children.delete(child);
}
