/** `mp doctor` says what this machine can do, and clears what nobody owns any more. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { familyNamePrefix } from "#src/host/family-names.js";
import { gone, startNode, type Ended } from "../support/programs.ts";
import { projectRoot } from "../support/project.ts";

const mp = join(projectRoot, "dist", "entry", "mp-main.js");

test("mp doctor names the addon, the start methods with the one chosen, and the processors", async () => {
  const { stdout, stderr, code } = await startNode([mp, "doctor"]).ended;
  assert.deepEqual([code, stderr], [0, ""]);
  assert.match(stdout, /^machine +Node v\d+/m);
  assert.match(stdout, /^native addon +\S/m);
  assert.match(stdout, /^start method forkserver +can/m);
  assert.match(stdout, /^start method spawn +can be used/m);
  assert.match(stdout, /chosen by default/);
  assert.match(stdout, /^processors +\d+/m);
});

test("without the addon it says so, says what to do, and spawn is chosen", async () => {
  const env = { ...process.env, NODE_MULTIPROCESSING_NO_ADDON: "1" };
  const { stdout, code } = await startNode([mp, "doctor"], { env }).ended;
  assert.equal(code, 0);
  assert.match(stdout, /native addon +missing: NODE_.* is set\n +do this: +unset NODE_/);
  assert.match(stdout, /start method spawn +can be used; chosen by default/);
});

/** A root of its own over which another /dev/shm can be laid; undefined where that is not allowed. */
function withOtherNames(mount: string): readonly [string, readonly string[]] | undefined {
  const program = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"] as const;
  const command = `${mount} && exec "$0" "$@"`;
  const { status } = spawnSync(program[0], [...program.slice(1), `${mount} && true`], { stdio: "ignore" });
  return status === 0 ? [program[0], [...program.slice(1), command, process.execPath]] : undefined;
}

test("where /dev/shm cannot be written to, it says so, and all but named segments works", async (t) => {
  const found = withOtherNames("mount -t tmpfs -o ro tmpfs /dev/shm");
  if (found === undefined) return t.skip("no mount namespace of one's own here");
  const [program, args] = found;
  const run = (more: readonly string[]): Ended => {
    const { status, signal, stdout, stderr } = spawnSync(program, [...args, ...more], {
      encoding: "utf8",
      cwd: projectRoot,
    });
    return { code: status, signal, stdout, stderr };
  };
  const doctor = run([mp, "doctor"]);
  assert.equal(doctor.code, 0, doctor.stderr);
  assert.match(doctor.stdout, /names in \/dev\/shm +cannot be made \(EROFS\).*\n +do this: +mount a tmpfs/);
  const { stdout, stderr } = run([
    "--input-type=module",
    "-e",
    `import { Process, Queue, SharedMemory } from "node-multiprocessing";
const queue = new Queue();
const child = new Process({ target: () => queue.put(5) });
await child.start();
console.log(await queue.get());
await child.join();
try { SharedMemory.create({ size: 100 }); } catch (error) { console.log(error.code, error.message.includes("do this:")); }`,
  ]);
  assert.deepEqual([stdout, stderr], ["5\nERR_MP_INVALID_STATE true\n", ""]);
});

test("it clears the names of families that have ended, and no others", async () => {
  const ended = startNode(["-e", "setInterval(() => {}, 1000)"]);
  const dead = join("/dev/shm", `${familyNamePrefix(ended.child.pid!)}test`);
  ended.child.kill("SIGKILL");
  await gone(ended.child.pid!);
  const mine = join("/dev/shm", `${familyNamePrefix(process.pid)}test`);
  const foreign = join("/dev/shm", `not-ours-${process.pid}`);
  for (const name of [mine, foreign]) writeFileSync(name, "");
  let stdout = "";
  // Another family, of another test or another run, may be quicker than the command.
  for (let tries = 0; tries < 5 && !stdout.includes("cleared"); tries++) {
    writeFileSync(dead, "");
    ({ stdout } = await startNode([mp, "doctor"]).ended);
  }
  assert.match(stdout, /cleared \d+ abandoned/);
  assert.deepEqual([dead, mine, foreign].map(existsSync), [false, true, true]);
  for (const name of [mine, foreign]) unlinkSync(name);
});

test("an unknown command is an error that shows the usage", async () => {
  const { stderr, code } = await startNode([mp, "nonsense"]).ended;
  assert.equal(code, 2);
  assert.match(stderr, /no command "nonsense"[\s\S]*usage:/);
});
