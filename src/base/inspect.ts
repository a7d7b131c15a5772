/**
 * The key under which an object says how `console.log` shows it.
 *
 * Runs in: every process.
 * Why not `util.inspect.custom`: a declaration file needs a key of its own type.
 */
export const inspectCustom: unique symbol = Symbol.for("nodejs.util.inspect.custom") as never;
