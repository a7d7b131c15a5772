/**
 * Everything that the library offers: the package's door. In `dist/` it leads to the bundle (`scripts/bundle.js`).
 *
 * Runs in: every process that imports it.
 */
export * from "./doors/main.ts";
