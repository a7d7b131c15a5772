/** CPython as a contender: a program that measures by its own clock, sample by sample, when it is asked to. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const program = fileURLToPath(new URL("python/peer.py", import.meta.url));
const question = `
import json, sys, sysconfig
print(json.dumps([sys.version.split()[0], sysconfig.get_config_var("CONFIG_ARGS") or "", sysconfig.get_config_var("PY_CFLAGS") or ""]))
`;

let found;

/**
 * The first that is built with optimisation: one that is not is about three times slower, and would flatter us.
 * A distribution's is; of others the way in which it was configured tells. BENCH_PYTHON names one, unasked.
 *
 * @returns {{ command: string, version: string } | { why: string }}
 */
export function findPython() {
  return (found ??= search());
}

function search() {
  const named = process.env["BENCH_PYTHON"];
  const refused = [];
  for (const command of named === undefined ? ["/usr/bin/python3", "python3"] : [named]) {
    const { status, stdout } = spawnSync(command, ["-c", question], { encoding: "utf8" });
    if (status !== 0) continue;
    const [version, configured, flags] = JSON.parse(stdout);
    const optimised = command === "/usr/bin/python3" ? /-O[23]/.test(flags) : /--enable-optimizations/.test(configured);
    if (optimised || named !== undefined) return { command, version };
    refused.push(`${command} ${version}`);
  }
  return {
    why:
      refused.length > 0
        ? `${refused.join(", ")} was built without optimisation, and would flatter us (BENCH_PYTHON=… names another)`
        : "there is no python3",
  };
}

/** @param {...(string | number)} args what peer.py is to measure */
export function python(...args) {
  let child;
  let lines;
  let errors = "";
  return {
    open() {
      const peer = findPython();
      if ("why" in peer) return { skip: peer.why };
      child = spawn(peer.command, [program, ...args.map(String)], { stdio: ["pipe", "pipe", "pipe"] });
      child.stderr.setEncoding("utf8").on("data", (text) => (errors += text));
      lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
      child.stdin.on("error", () => {}); // It has ended: the missing line says so.
    },
    async sample() {
      child.stdin.write("\n");
      const { value, done } = await lines.next();
      if (done) {
        if (child.stderr.readableEnded === false) await once(child.stderr, "end");
        throw new Error(`peer.py ended: ${errors.trim().split("\n").at(-1)}`);
      }
      return Number(value);
    },
    async close() {
      if (child === undefined || child.exitCode !== null) return;
      const ended = new Promise((resolve) => child.once("exit", resolve));
      child.stdin.end();
      const timer = setTimeout(() => child.kill("SIGKILL"), 5000);
      await ended;
      clearTimeout(timer);
    },
  };
}
