/** The fork servers that a process has started, and what they have ready. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { childrenOf } from "./leaks.ts";

export function forkServersOf(pid: number): number[] {
  return childrenOf(pid)
    .filter((child) => readFileSync(`/proc/${child}/cmdline`, "utf8").includes("fork-server-main"))
    .map(Number);
}

/**
 * The process that a server has forked ahead, once the server has nothing else left to do and no other child, and it has
 * itself tried out its life: it waits in recvmsg(2) then, which nothing else that a server forks does (x64's number, and
 * arm64's).
 */
export async function spareOf(server: number): Promise<number> {
  const deadline = performance.now() + 20_000;
  for (;;) {
    const [only, ...others] = childrenOf(server);
    if (only !== undefined && others.length === 0 && /^(?:47|212) /.test(syscallOf(only))) return Number(only);
    assert.ok(performance.now() < deadline, `the server ${server} has forked nothing ahead`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function syscallOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/syscall`, "utf8");
  } catch {
    return ""; // It has ended meanwhile.
  }
}
