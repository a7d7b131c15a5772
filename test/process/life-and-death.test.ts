/** However a process ends, those that it started end too; what is detached does not. Every test here kills something. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { leaveNothingBehind } from "../support/leaks.ts";
import { forEachStartMethod } from "../support/methods.ts";
import { gone, startProgram, type Program } from "../support/programs.ts";

/** What children do when their owner ends: each kind must go. */
const activities = ["idle", "busy", "stubborn"] as const;

async function started(method: string, ...how: string[]): Promise<{ program: Program; pids: number[] }> {
  const program = startProgram("family", [method, ...how], { stdio: ["pipe", "pipe", "pipe"] });
  const pids = (await program.tells("running", Number(how[1] ?? 1))).map(Number);
  program.child.stdin!.end();
  return { program, pids };
}

async function allGone(pids: readonly number[]): Promise<void> {
  await Promise.all(pids.map((pid) => gone(pid)));
}

forEachStartMethod((_context, method) => {
  leaveNothingBehind();

  for (const activity of activities) {
    test(`the main process is killed (SIGKILL): its ${activity} children end`, async () => {
      const { program, pids } = await started(method, activity, "2", "wait");
      program.child.kill("SIGKILL");
      const { signal } = await program.ended;
      assert.equal(signal, "SIGKILL");
      await allGone(pids);
    });
  }

  test("the main process is killed: its children end even while they are stopped", async () => {
    const { program, pids } = await started(method, "idle", "2", "wait");
    for (const pid of pids) process.kill(pid, "SIGSTOP");
    program.child.kill("SIGKILL");
    await program.ended;
    await allGone(pids);
  });

  for (const [ending, code] of [
    ["exit", 3],
    ["throw", 1],
    ["reject", 1],
  ] as const) {
    test(`the main process ends by ${ending}: its busy children end`, async () => {
      const { program, pids } = await started(method, "busy", "2", ending);
      assert.equal((await program.ended).code, code);
      await allGone(pids);
    });
  }

  for (const how of ["exit", "return", "while starting", "SIGINT", "SIGKILL"]) {
    test(`the main process ends (${how}): whoever waits for it at a pipe has nothing to say of that`, async () => {
      const { code, signal, stdout, stderr } = await startProgram("leaves-listeners", [method, how]).ended;
      assert.deepEqual([signal ?? code, stdout, stderr], [how.startsWith("SIG") ? how : 0, "", ""]);
    });
  }

  test("the main process returns: daemons do not keep it, and end with it", async () => {
    const { program, pids } = await started(method, "busy", "2", "return-daemons");
    assert.deepEqual([(await program.ended).code, program.stderr], [0, ""]);
    await allGone(pids);
  });

  test("the main process returns: it waits for children that are no daemons", async () => {
    const program = startProgram("family", [method, "brief", "2", "return"]);
    const { code, stdout } = await program.ended;
    assert.equal(code, 0);
    assert.equal(program.told("done").length, 2, stdout);
  });

  test("Ctrl-C ends the whole process group by SIGINT, and nothing is printed", async () => {
    const program = startProgram("family", [method, "idle", "2", "wait"], { detached: true });
    const pids = (await program.tells("running", 2)).map(Number);
    process.kill(-program.child.pid!, "SIGINT");
    const { signal, stderr } = await program.ended;
    assert.equal(signal, "SIGINT");
    assert.equal(stderr, "");
    await allGone(pids);
  });

  test("a middle process is killed: its children end, its owner goes on", async () => {
    const program = startProgram("three-generations", [method]);
    const [middle] = (await program.tells("middle")).map(Number);
    const leaves = (await program.tells("leaf", 2)).map(Number);
    process.kill(middle!, "SIGKILL");
    await allGone(leaves);
    assert.deepEqual(await program.tells("exit-code"), ["-9"]);
    assert.equal((await program.ended).code, 0);
  });

  test("a detached process lives on when its owner is killed", async () => {
    const program = startProgram("family", [method, "idle", "1", "wait", "detached"]);
    const [pid] = (await program.tells("running")).map(Number);
    program.child.kill("SIGKILL");
    // Its stdout is the pipe that the test reads: the program's own end of it closes at its death, the child's does not.
    await new Promise((resolve) => program.child.once("exit", resolve));
    // It answers: so it runs, after its owner has ended.
    process.kill(pid!, "SIGHUP");
    assert.deepEqual(await program.tells("alive"), [`${pid} owner alive: false`]);
    process.kill(pid!, "SIGKILL");
    await gone(pid!);
  });

  const cases = [
    ["exits", "child", "whose owner has no streams"],
    ["exits", "owner", "whose owner has made its streams"],
    ["exits", "both", "whose owner makes its streams meanwhile"],
    ["kills itself", "both", "whose owner makes its streams meanwhile"],
  ] as const;
  for (const [end, streams, owner] of cases) {
    test(`all that a child wrote arrives in order before it ${end}, ${owner}`, async () => {
      const program = startProgram("chatter", [method, "20000", streams, end]);
      const { stdout, stderr, code } = await program.ended;
      assert.equal(code, 0, stderr.slice(-1000));
      const lines = Array.from({ length: 20_000 }, (_, n) => `line ${n}`).join("\n");
      assert.ok(stdout === `${lines}\nafter\n`, `${stdout.length} characters: ${stdout.slice(0, 100)}`);
      assert.ok(stderr === `${lines}\n`, `${stderr.length} characters`);
    });
  }
});
