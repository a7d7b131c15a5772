/**
 * A main process that is pid 1: it starts children, loses its fork server, and says what has become of all.
 * `as-init.js <start method>`
 */
import { readFileSync, readdirSync, writeSync } from "node:fs";
import { getContext, type Process as AProcess, type StartMethod } from "#src/index.js";
import { forkServersOf } from "../support/fork-servers.ts";
import { gone } from "../support/programs.ts";

const { Process } = getContext(process.argv[2] as StartMethod);

function zombies(): string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return /^State:\s*Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
      } catch {
        return false; // It has gone meanwhile.
      }
    });
}

async function ended(children: readonly AProcess[]): Promise<(number | null)[]> {
  await Promise.all(children.map((child) => child.join()));
  return children.map(({ exitCode }) => exitCode);
}

const told = (what: string, value: unknown): void => void writeSync(1, `${what} ${JSON.stringify(value)}\n`);

told("pid", process.pid);
const brief = [0, 1, 5].map((code) => new Process({ target: (n: number) => process.exit(n), args: [code] }));
await Promise.all(brief.map((child) => child.start()));
for (const child of brief) child.result.catch(() => {});
told("codes", await ended(brief));

// The leaf is left to this process when the one between has been killed.
const middle = new Process({
  target: async (method: StartMethod) => {
    const leaf = new (getContext(method).Process)({ target: () => new Promise((r) => setTimeout(r, 600_000)) });
    await leaf.start();
    writeSync(1, `leaf ${leaf.pid}\n`);
    await leaf.join();
  },
  args: [process.argv[2] as StartMethod],
  stdio: "pipe",
});
middle.result.catch(() => {});
await middle.start();
const [line] = await new Promise<Buffer[]>((resolve) => middle.stdout!.once("data", (data: Buffer) => resolve([data])));
const leaf = Number(String(line).split(" ")[1]);
middle.kill();
told("middle", await ended([middle]));
await gone(leaf);

const waiting = [3, 4].map(
  (code) =>
    new Process({
      target: async (n: number) => {
        await new Promise((resolve) => process.stdin.once("data", resolve));
        process.exit(n);
      },
      args: [code],
      stdio: "pipe",
    }),
);
for (const child of waiting) child.result.catch(() => {});
await Promise.all(waiting.map((child) => child.start()));
for (const server of forkServersOf(process.pid)) {
  process.kill(server, "SIGKILL");
  await gone(server);
}
for (const child of waiting) child.stdin!.write("go");
told("codes", await ended(waiting));
// What is still a zombie after a second is an orphan's.
for (let left = 500; left > 0 && zombies().length > 0; left--) await new Promise((resolve) => setTimeout(resolve, 10));
told("zombies", zombies().length);
process.exit();
