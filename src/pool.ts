/**
 * The door `node-multiprocessing/pool`. In `dist/` it leads to the bundle (`scripts/bundle.js`).
 *
 * Runs in: every process that imports it.
 */
export * from "./doors/pool.ts";
