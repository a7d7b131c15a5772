/**
 * Puts so many descriptors in flight that the fork server's answer has no place, looks what the server does meanwhile,
 * and lets it go on. For a user without CAP_SYS_RESOURCE. It lowers its own limit of descriptors and the server's once
 * both are loaded, since loading opens more files at a time.
 */
import { execFileSync } from "node:child_process";
import { closeSync, readFileSync, writeSync } from "node:fs";
import { getContext } from "#src/index.js";
import { requireAddon } from "#src/host/addon.js";
import { forkServersOf } from "../support/fork-servers.ts";

const limit = 64;
const requested = 5;
const perMessage = 16;
const addon = requireAddon();
const { Process } = getContext("forkserver");
const answer = async (n: number): Promise<number> => {
  const child = new Process({ target: (x: number) => x, args: [n] });
  await child.start();
  const result = await child.result;
  await child.join();
  return result;
};

/** Clock ticks of computing so far: fields 14 and 15 of proc(5). */
function ticks(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "latin1").split(") ")[1]!.split(" ");
  return Number(fields[11]) + Number(fields[12]);
}

await answer(0);
const [server] = forkServersOf(process.pid);
for (const pid of [process.pid, server!]) execFileSync("prlimit", ["--pid", String(pid), `--nofile=${limit}:${limit}`]);
process.kill(server!, "SIGSTOP");
const second = answer(1);
await new Promise((resolve) => setImmediate(resolve)); // The request is on its way.
const [left, right] = addon.socketPair("stream");
// The kernel refuses once more than the limit are in flight: a last message from just there leaves the most of them.
addon.sendDescriptors(left, new Uint8Array(1), Array<number>((limit - requested) % perMessage).fill(0));
for (let inFlight = 0; inFlight + perMessage <= limit; inFlight += perMessage) {
  addon.sendDescriptors(left, new Uint8Array(1), Array<number>(perMessage).fill(0));
}
const before = ticks(server!);
process.kill(server!, "SIGCONT");
const early = await Promise.race([second, new Promise((resolve) => setTimeout(resolve, 500, "waits"))]);
writeSync(1, `early ${early}\nticks ${ticks(server!) - before}\n`);
closeSync(left);
closeSync(right);
writeSync(1, `late ${await second}\n`);
