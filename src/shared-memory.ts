/**
 * The door `node-multiprocessing/shared-memory`. In `dist/` it leads to the bundle (`scripts/bundle.js`).
 *
 * Runs in: every process that imports it.
 */
export * from "./doors/shared-memory.ts";
