/** What forked children that do nothing weigh: little, however many there are, and however old they and their server. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { getAllStartMethods, getContext, type Process } from "#src/index.js";
import { forkServersOf, spareOf } from "../support/fork-servers.ts";
import { leaveNothingBehind } from "../support/leaks.ts";

// Coverage is counted in each process's own memory.
const skip = !getAllStartMethods().includes("forkserver") || process.env["NODE_V8_COVERAGE"] !== undefined;
const { Process: Forked } = skip ? ({ Process: undefined } as never) : getContext("forkserver");

/** 2 as the package is installed; here, with its modules one by one, it is up to that on Node 26. Without care it is 8. */
const mostMiB = 3;
/** V8's memory reducer waits for 8 s, and once or twice more where much has been allocated before; on Node 26 for 30. */
const pastReducersWaitMs = process.versions.node.startsWith("26.") ? 33_000 : 18_000;

function privateMiB({ pid }: Process): number {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  const kilobytes = (field: string): number => Number(new RegExp(`^${field}:\\s+(\\d+)`, "m").exec(rollup)![1]);
  return (kilobytes("Private_Dirty") + kilobytes("Private_Clean")) / 1024;
}

/** Answers once its child is in its event loop, with nothing more to do. */
async function idle(): Promise<Process> {
  const child = new Forked({
    target: async () => {
      await new Promise(() => setInterval(() => {}, 2 ** 30));
    },
    stdio: "pipe",
  });
  await child.start();
  return child;
}

async function end(children: readonly Process[]): Promise<void> {
  for (const child of children) child.kill();
  await Promise.all(children.map((child) => child.join()));
}

test("idle children weigh little", { skip }, async (t) => {
  leaveNothingBehind();

  await t.test("ten of them, old ones too, and one that an old server starts", async () => {
    // One that is forked before the server has settled shares little with it afterwards.
    await spareOf(forkServersOf(process.pid)[0]!);
    const children = await Promise.all(Array.from({ length: 10 }, idle));
    try {
      // What must not happen has no event: it happens when this time is over.
      await new Promise((resolve) => setTimeout(resolve, pastReducersWaitMs));
      children.push(await idle());
      await new Promise((resolve) => setTimeout(resolve, 500));
      const weights = children.map(privateMiB);
      assert.ok(Math.max(...weights) <= mostMiB, weights.map((weight) => weight.toFixed(2)).join(" "));
    } finally {
      await end(children);
    }
  });
});
