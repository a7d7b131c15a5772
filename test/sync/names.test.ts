/** The names of a family end with it, however its root ends; those of others are left alone. */
import assert from "node:assert/strict";
import { existsSync, lstatSync, readdirSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { clearAbandonedNames, familyNamePrefix, noteChosenName } from "#src/host/family-names.js";
import { markOf } from "#src/host/process-facts.js";
import { SharedMemory } from "#src/index.js";
import { childrenOf, leaveNothingBehind } from "../support/leaks.ts";
import { forEachStartMethod } from "../support/methods.ts";
import { gone, startNode, startProgram } from "../support/programs.ts";

const inFolder = (name: string): string => join("/dev/shm", name);
const here = (names: readonly string[]): boolean[] => names.map((name) => existsSync(inFolder(name)));
let count = 0;
const newName = (): string => `test-names-${process.pid}-${count++}`;

async function allGone(names: readonly string[], withinMs = 5000): Promise<void> {
  const deadline = Date.now() + withinMs;
  while (here(names).some(Boolean)) {
    assert.ok(
      Date.now() < deadline,
      `still there after ${withinMs} ms: ${names.filter((name) => existsSync(inFolder(name)))}`,
    );
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const prefixedBy = (pid: number): string[] => readdirSync("/dev/shm").filter((name) => name.startsWith(`nmp-${pid}-`));

forEachStartMethod((_, method) => {
  leaveNothingBehind();

  for (const ending of ["return", "exit", "throw"]) {
    test(`the root ends by ${ending}: its names, chosen ones and its children's go`, async () => {
      const program = startProgram("names-and-ends", [method, ending, newName()]);
      const [told] = await program.tells("names");
      await program.ended;
      const names = JSON.parse(told!) as string[];
      assert.equal(names.length, 3);
      await allGone(names);
      assert.deepEqual(prefixedBy(program.child.pid!), []);
    });
  }

  // By spawn nobody is left: `mp doctor` or the next family clears them.
  for (const signal of ["SIGKILL", "SIGINT", "SIGTERM"] as const) {
    test(`the root is ended by ${signal}: they go, at the latest when the next family makes a name`, async () => {
      const program = startProgram("names-and-ends", [method, "wait", newName()]);
      const names = JSON.parse((await program.tells("names"))[0]!) as string[];
      await program.tells("ready");
      assert.deepEqual(here(names), [true, true, true]);
      program.child.kill(signal);
      await program.ended;
      await gone(program.child.pid!);
      if (method === "spawn") clearAbandonedNames();
      await allGone(names);
      assert.deepEqual(prefixedBy(program.child.pid!), []);
    });
  }
});

describe("names of families", () => {
  leaveNothingBehind();

  test("a fork server that is stopped clears them all the same, and ends", async () => {
    const program = startProgram("names-and-ends", ["forkserver", "wait", newName()]);
    const names = JSON.parse((await program.tells("names"))[0]!) as string[];
    await program.tells("ready");
    const server = Number(childrenOf(program.child.pid!)[0]);
    process.kill(server, "SIGSTOP");
    program.child.kill("SIGKILL");
    await program.ended;
    await gone(server);
    await allGone(names);
  });

  for (const signal of ["SIGINT", "SIGHUP", "SIGTERM"] as const) {
    test(`${signal} for the whole group, fork server included, clears them, and nothing is left running`, async () => {
      const program = startProgram("names-and-ends", ["forkserver", "wait", newName()], { detached: true });
      const names = JSON.parse((await program.tells("names"))[0]!) as string[];
      await program.tells("ready");
      const server = Number(childrenOf(program.child.pid!)[0]);
      process.kill(-program.child.pid!, signal);
      await program.ended;
      await gone(server);
      await allGone(names);
    });
  }

  test("the next family of the user clears what no living family owns, and nothing else", async () => {
    const dead = startNode(["-e", "setInterval(() => {}, 1000)"]);
    const prefix = familyNamePrefix(markOf(dead.child.pid!));
    dead.child.kill("SIGKILL");
    await dead.ended;
    const [chosen, anothers, elsewhere] = [newName(), newName(), `nmp-1-1-1-${newName()}`];
    for (const name of [`${prefix}left`, chosen, anothers, elsewhere]) writeFileSync(inFolder(name), "x");
    noteChosenName(prefix, chosen, lstatSync(inFolder(chosen)).ino);
    noteChosenName(prefix, anothers, lstatSync(inFolder(anothers)).ino + 1_000_000); // By now another's segment.
    symlinkSync("../etc/passwd", inFolder(`${prefix}named-7`));
    const living = SharedMemory.create({ size: 8 });
    const text = `import { SharedMemory } from "node-multiprocessing"; SharedMemory.create({ size: 8 }).unlink();`;
    const next = await startNode(["--input-type=module", "-e", text]).ended;
    assert.deepEqual([next.code, next.stderr], [0, ""]);
    assert.deepEqual(here([`${prefix}left`, chosen, anothers, elsewhere, living.name]), [
      false,
      false,
      true,
      true,
      true,
    ]);
    assert.deepEqual(prefixedBy(dead.child.pid!), []);
    for (const name of [anothers, elsewhere]) unlinkSync(inFolder(name));
    living.unlink();
  });

  test("an unrelated program that opens a segment and ends destroys nothing", async () => {
    const shared = SharedMemory.create({ size: 8 });
    for (const ending of ["", "process.kill(process.pid, 'SIGKILL')"]) {
      const text = `import { SharedMemory } from "node-multiprocessing";
        new Uint8Array(SharedMemory.open(${JSON.stringify(shared.name)}).buffer)[0]++; ${ending}`;
      await startNode(["--input-type=module", "-e", text]).ended;
    }
    assert.equal(new Uint8Array(shared.buffer)[0], 2);
    assert.ok(existsSync(inFolder(shared.name)));
    shared.unlink();
  });
});
