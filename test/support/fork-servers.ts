/** The fork servers that a process has started. */
import { readFileSync } from "node:fs";
import { childrenOf } from "./leaks.ts";

export function forkServersOf(pid: number): number[] {
  return childrenOf(pid)
    .filter((child) => readFileSync(`/proc/${child}/cmdline`, "utf8").includes("fork-server-main"))
    .map(Number);
}
