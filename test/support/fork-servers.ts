/** The fork servers that a process has started, and what they have ready. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { childrenOf } from "./leaks.ts";

export function forkServersOf(pid: number): number[] {
  return childrenOf(pid)
    .filter((child) => readFileSync(`/proc/${child}/cmdline`, "utf8").includes("fork-server-main"))
    .map(Number);
}

/** How many processes a server that has nothing to do has forked ahead. */
export const mostSpares = 2;

/**
 * The process that a server has forked ahead and gives its next request to, once the server has nothing else left to do and
 * no other children, and they have tried out their lives: they wait in recvmsg(2) then, which nothing else that a server
 * forks does (x64's number, and arm64's).
 */
export async function spareOf(server: number): Promise<number> {
  const deadline = performance.now() + 20_000;
  for (;;) {
    const children = childrenOf(server);
    const wait = children.every((child) => /^(?:47|212) /.test(syscallOf(child)));
    if (children.length === mostSpares && wait) return Number(children[0]);
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
