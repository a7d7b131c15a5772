/** Runs a piece of Python where there is one; its `multiprocessing` is what ours must understand. */
import { execFileSync, spawnSync } from "node:child_process";

/** Undefined where there is no python3 with shared memory. */
export const whyNoPython: string | undefined =
  spawnSync("python3", ["-c", "from multiprocessing import shared_memory"]).status === 0
    ? undefined
    : "there is no python3 here";

/**
 * Before Python 3.13 everything that a process attaches is unlinked by its resource tracker when it ends: `attach` and
 * `attach_list` undo that.
 */
const prelude = `
import sys, json
from multiprocessing import shared_memory, resource_tracker
def untrack(shm):
    resource_tracker.unregister(shm._name, "shared_memory")
    return shm
def attach(name):
    return untrack(shared_memory.SharedMemory(name=name))
def attach_list(name):
    made = shared_memory.ShareableList(name=name)
    untrack(made.shm)
    return made
`;

/** @returns what it prints */
export function python(text: string, ...args: readonly string[]): string {
  return execFileSync("python3", ["-W", "error", "-c", prelude + text, ...args], {
    encoding: "utf8",
    timeout: 20_000,
    stdio: ["ignore", "pipe", "pipe"],
  }).trim();
}
