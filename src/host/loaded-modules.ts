/**
 * What Node has loaded of its own modules.
 *
 * Runs in: any process.
 */

/** By the names that Node uses inside: "fs", "internal/deps/undici/undici". Not in Node's types. */
export function loadedModules(): Set<string> {
  return new Set(moduleLoadList().map((entry) => entry.replace("NativeModule ", "")));
}

/** It only ever grows: whoever keeps what they made of the list asks this to see that it is still true. */
export function loadedModuleCount(): number {
  return moduleLoadList().length;
}

function moduleLoadList(): readonly string[] {
  return (process as unknown as { readonly moduleLoadList: readonly string[] }).moduleLoadList;
}
