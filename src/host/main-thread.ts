/**
 * Whether this is the main thread of its process.
 *
 * Runs in: every process and thread.
 */

/** A function, so that `node:worker_threads` is loaded only where it is asked: it costs some milliseconds. */
export function isMainThread(): boolean {
  return process.getBuiltinModule("node:worker_threads").isMainThread;
}
