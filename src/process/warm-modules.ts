/**
 * Modules that a fork server brings in although it needs none of them, so that its children do not have to: what Node
 * needs to import any module, the library's own door, and of Node's modules those that most programs use.
 *
 * Runs in: the owner, which says what its program uses; and the fork server.
 * Why: with options of V8 of its own a process takes nothing of what Node has compiled ahead (see `rehearsal.ts`).
 * Measured: a target that is an export of a module cost a child 18 ms on Node 20 and 10 on Node 24, where a closure cost 5,
 * and 7 and 6 with this; `node:child_process` another 5, `node:crypto` 9; with `node:http` it was 60 on Node 24, a module in
 * TypeScript 70.
 */
import { fileURLToPath } from "node:url";
import { loadedModules } from "../host/loaded-modules.ts";
import { importFrom } from "../wire/modules.ts";

/**
 * Most modules of most programs import some of these. Cheap ones first: they bring what the others need. Not `process`,
 * which makes its streams (see `server-streams.ts`), but what they are made of.
 */
const common = ["tty", "fs", "path", "os", "url", "util", "events", "fs/promises", "stream", "child_process"];

/**
 * Those of its weight (1 to 40 ms) that a server brings in where its owner's program has loaded them. None opens a
 * descriptor; the only thread that one of them starts, `tls`, ends by itself (see `fork-safety.ts`).
 */
const weighty = [
  "crypto",
  "net",
  "dns",
  "tls",
  "zlib",
  "http",
  "https",
  "readline",
  "assert",
  "perf_hooks",
  "timers/promises",
  "stream/promises",
];

/** How Node's own list of what it has loaded calls the parsers of TypeScript, and `fetch()`. */
const stripper = "internal/deps/amaro/dist/index";
const fetcher = "internal/deps/undici/undici";

/** What of this program's modules is worth bringing in ahead of its children. */
export function modulesInUse(): string[] {
  const loaded = loadedModules();
  return [...weighty, stripper, fetcher].filter((name) => loaded.has(name));
}

const file = fileURLToPath(import.meta.url);

/**
 * Step by step, since a server may have something else to do in between.
 *
 * @param inUse what `modulesInUse()` says in the owner
 */
export function warmUps(inUse: readonly string[]): (() => unknown)[] {
  // The modules of users import it.
  const steps: (() => unknown)[] = [() => importFrom(file, new URL("../doors/main.js", import.meta.url).href)];
  steps.push(async () => {
    for (const name of common) await importFrom(file, `node:${name}`);
  });
  for (const name of weighty) if (inUse.includes(name)) steps.push(() => importFrom(file, `node:${name}`));
  if (inUse.includes(fetcher)) steps.push(() => globalThis.Headers);
  if (inUse.includes(stripper)) steps.push(stripOnce);
  return steps;
}

/** Whoever strips types loads the parser, and warns that it may change: of interest to nobody in a server. */
function stripOnce(): void {
  const { stripTypeScriptTypes } = process.getBuiltinModule("node:module") as {
    stripTypeScriptTypes?: (code: string) => string;
  };
  const { emitWarning } = process;
  process.emitWarning = (): void => {};
  try {
    stripTypeScriptTypes?.("let sample: number = 1;");
  } finally {
    process.emitWarning = emitWarning;
  }
}
