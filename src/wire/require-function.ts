/**
 * Node's `require` functions: each resolves from a folder of its own, and crosses as that folder.
 *
 * Runs in: both.
 */
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const ours = createRequire(import.meta.url);

export function isRequire(value: unknown): value is NodeJS.Require {
  return typeof value === "function" && "cache" in value && value.cache === ours.cache && "resolve" in value;
}

/** Where it resolves from; undefined when it does not say. */
export function folderOfRequire(require: NodeJS.Require): string | undefined {
  return require.resolve.paths("./any")?.[0];
}

export function requireIn(folder: string): NodeJS.Require {
  return createRequire(join(folder, "require.cjs")); // The file need not be there.
}

/** Whether it is the `require` of that file, or of one beside it. */
export function isRequireOf(value: unknown, file: string): boolean {
  // A test runner's own, and those that Node 20 makes where hooks load CommonJS, which have no cache, are the file's.
  if (!isRequire(value)) return typeof value === "function" && value.name === "require" && "resolve" in value;
  const folder = folderOfRequire(value);
  return folder === undefined || folder === dirname(file.startsWith("file:") ? fileURLToPath(file) : file);
}
