/**
 * The options of Node with which a fork server runs: what makes forking possible, and this process's own. Pure.
 *
 * Runs in: the owner.
 * Source: nodejs/node#48523 and measurements on Node 20 to 26. V8's helper threads are not copied by fork(), so there
 * must be none that it uses (--single-threaded); a larger semi-space makes up for the collector's missing helpers
 * (allocation-heavy work is 1.3 to 1.6 times slower without it).
 */
import { inheritedExecArgv } from "./exec-arguments.ts";

/**
 * In MiB; grown fourfold. Measured on Node 20, 24 and 26, a job of 3,000,000 objects against the same in a spawned process
 * that has an idle core for its helpers: 0.8 times as fast with 16 throughout, 1.1 to 1.4 times so. Beginning with 64 is
 * no better, and each fork takes a millisecond longer.
 */
const semiSpaceFlags = ["--min-semi-space-size=16", "--max-semi-space-size=64", "--semi-space-growth-factor=4"];

export function forkServerFlags(
  execArgv: readonly string[],
  nodeVersion: string,
  nodeOptions: string | undefined,
): string[] {
  const inherited = inheritedExecArgv(execArgv);
  const limitsSemiSpace = inherited.some((word) => /^--(?:min|max)[-_]semi[-_]space[-_]size/.test(word));
  return [
    ...inherited,
    ...(limitsSemiSpace ? [] : semiSpaceFlags),
    // 0 means "as many as there are processors": then nobody could tell Node's own threads from those of others.
    "--v8-pool-size=1",
    "--single-threaded",
    // See server-heap.ts, which comes too late where other modules are loaded before it.
    loadsModulesFirst(inherited, nodeOptions) ? "--no-memory-reducer" : "--no-memory-reducer-for-small-heaps",
    // The thread that waits for SIGUSR1 to open the inspector; the option is there from 22.14 on.
    ...(knowsDisableSigusr1(nodeVersion) ? ["--disable-sigusr1"] : []),
  ];
}

/** Whether code of the user's runs in each process that is started with these options. */
export function loadsModulesFirst(execArgv: readonly string[], nodeOptions: string | undefined): boolean {
  return words(execArgv, nodeOptions).some((word) => /^(?:-r|--require|--import)(?:=|$)/.test(word));
}

function words(execArgv: readonly string[], nodeOptions: string | undefined): string[] {
  return [...execArgv, ...(nodeOptions?.split(/\s+/) ?? [])];
}

function knowsDisableSigusr1(nodeVersion: string): boolean {
  const [major = 0, minor = 0] = nodeVersion.split(".").map(Number);
  return major > 23 || (major === 23 && minor >= 7) || (major === 22 && minor >= 14);
}

/** An option that asks for a loader thread, on which a forked child's `import()` would wait for ever. */
export function loaderOption(execArgv: readonly string[], nodeOptions: string | undefined): string | undefined {
  return words(execArgv, nodeOptions).find((word) => /^--(?:experimental-)?loader(?:=|$)/.test(word));
}
