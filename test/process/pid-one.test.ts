/** The main process as pid 1 of a container: orphans are left to it, and signals without a handler do nothing to it. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { forEachStartMethod } from "../support/methods.ts";
import { Program } from "../support/programs.ts";
import { projectRoot } from "../support/project.ts";

/** A user who is not root may still make a namespace of his own, in most kernels. */
const ways = [[], ["--user", "--map-root-user"]];
const own = ["--pid", "--fork", "--mount-proc", "--kill-child"];
const way = ways.find((flags) => spawnSync("unshare", [...flags, ...own, "true"]).status === 0);
const skip = way === undefined ? "this machine lets nobody make a pid namespace (unshare --pid)" : false;

forEachStartMethod((_context, method) => {
  test("as pid 1: exit codes are right, after the server's death too, and no zombie is left", { skip }, async () => {
    const file = join(projectRoot, "build", "test", "programs", "as-init.js");
    const program = new Program(
      spawn("unshare", [...way!, ...own, process.execPath, file, method], { stdio: ["ignore", "pipe", "pipe"] }),
    );
    const { stdout, stderr, code } = await program.ended;
    assert.equal(stdout, "pid 1\ncodes [0,1,5]\nmiddle [-9]\ncodes [3,4]\nzombies 0\n", stderr);
    assert.equal(code, 0);
  });
});
