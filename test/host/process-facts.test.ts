/** What is said of another process, at the edges of its life. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { isRunning, markOf } from "#src/host/process-facts.js";
import { leaveNothingBehind } from "../support/leaks.ts";
import { projectRoot } from "../support/project.ts";
import { whyNoPython } from "../support/python.ts";

leaveNothingBehind();

/** Its first thread ends by exit(2), which is not exit_group(2), when the other one has begun. */
const leaderless = `
import ctypes, platform, sys, threading
threading.Thread(target=lambda: sys.stdin.readline()).start()
print("begun", flush=True)
ctypes.CDLL(None).syscall(60 if platform.machine() == "x86_64" else 93, 0)
`;

test("a process whose first thread has ended, and not the others, still runs", { skip: whyNoPython }, async () => {
  const child = spawn("python3", ["-c", leaderless], { stdio: ["pipe", "pipe", "inherit"] });
  const ended = once(child, "exit");
  await once(child.stdout, "data");
  const mark = markOf(child.pid!);
  const deadline = performance.now() + 10_000;
  // No event tells of a single thread's end.
  while (!readFileSync(`/proc/${mark.pid}/stat`, "utf8").includes(") Z ")) assert.ok(performance.now() < deadline);
  assert.equal(isRunning(mark), true);
  child.stdin.end();
  await ended;
  assert.equal(isRunning(mark), false);
});

test("a process that has ended and has not been reaped does not run", { skip: whyNoPython }, async () => {
  const forking = `
import os, sys
pid = os.fork()
if pid == 0: os._exit(0)
print(pid, flush=True)
sys.stdin.readline()
`;
  const parent = spawn("python3", ["-c", forking], { stdio: ["pipe", "pipe", "inherit"] });
  const ended = once(parent, "exit");
  const [said] = (await once(parent.stdout, "data")) as [Buffer];
  const mark = markOf(Number(said.toString()));
  const deadline = performance.now() + 10_000;
  while (isRunning(mark)) assert.ok(performance.now() < deadline);
  assert.ok(readFileSync(`/proc/${mark.pid}/stat`, "utf8").includes(") Z "));
  parent.stdin.end();
  await ended;
});

test("one that has no descriptor left to look with takes nobody for ended who runs", async () => {
  const ended = spawn("true");
  await once(ended, "exit");
  const program = join(projectRoot, "build", "test", "programs", "out-of-descriptors.js");
  const words = ["-c", 'ulimit -n 64 && exec "$0" "$@"', process.execPath, program, String(ended.pid)];
  const child = spawn("sh", words, { stdio: ["ignore", "pipe", "inherit"] });
  let said = "";
  child.stdout.on("data", (chunk: Buffer) => (said += chunk.toString()));
  await once(child, "close");
  assert.equal(said, "EMFILE true false\n");
});
