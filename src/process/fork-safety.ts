/**
 * Whether a fork of this process leaves a thread behind that the child would wait for.
 *
 * Runs in: the fork server, when all is loaded.
 * Why by counting: loaders (`module.register()`), workers, and native modules start threads in ways that no flag shows.
 * The threads that Node itself has are harmless: libuv starts its pool afresh in the child, V8 is told to use none.
 */
import { readdirSync } from "node:fs";
import { stat } from "node:fs/promises";
import type { Addon } from "../host/addon.ts";
import { loadedModules } from "../host/loaded-modules.ts";

/** The main thread, and two of Node's platform, on Node 20 to 26: the delayed-task scheduler and one worker. */
const nodeThreads = 3;

/**
 * Since Node 22, `node:tls` has a thread of its own read the certificates: 5 ms, 60 where `NODE_EXTRA_CA_CERTS` names 3,000
 * of them; more on a busy machine.
 */
const longestReading = 2000;

/** The reason not to fork; undefined when there is none. */
export async function unsafeThreads(): Promise<string | undefined> {
  // libuv starts all threads of its pool at its first use: so that they can be counted, it is used.
  await stat("/");
  const inspectorThread = process.execArgv.includes("--disable-sigusr1") ? 0 : 1;
  const expected = nodeThreads + inspectorThread + poolSize();
  const deadline = performance.now() + longestReading;
  // No event tells that it has ended.
  while (threads() > expected && loadedModules().has("tls") && performance.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  const found = threads();
  if (found <= expected) return undefined;
  return `${found - expected} threads would be left behind: a loader, a worker or a native module started them`;
}

const threads = (): number => readdirSync("/proc/self/task").length;

/** Without this a worker thread that ends in a forked child waits for ever for threads that are not there. */
export function unsafePlatform(addon: Addon): string | undefined {
  if (addon.forgetPlatformThreads()) return undefined;
  return `Node ${process.version} is built in a way that the addon does not know: its worker threads would hang`;
}

/** libuv's own bounds. */
function poolSize(): number {
  const wanted = Number.parseInt(process.env["UV_THREADPOOL_SIZE"] ?? "4", 10);
  return Number.isNaN(wanted) || wanted < 1 ? 1 : Math.min(wanted, 1024);
}
