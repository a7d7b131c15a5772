/** What a child takes over from its owner, as it is when start() is called. */
import assert from "node:assert/strict";
import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { getLogger, logToStderr, Process } from "#src/index.js";
import { leaveNothingBehind } from "../support/leaks.ts";
import { forEachStartMethod } from "../support/methods.ts";
import { startProgram } from "../support/programs.ts";

const surroundings = (): Record<string, unknown> => ({
  cwd: process.cwd(),
  env: process.env["SURROUNDINGS"],
  argv: process.argv,
  umask: process.umask(),
});

forEachStartMethod((context, method) => {
  leaveNothingBehind();

  test("cwd, env, argv and umask are the owner's at start()", async () => {
    const folder = realpathSync(mkdtempSync(join(tmpdir(), "surroundings-")));
    const before = { cwd: process.cwd(), umask: process.umask(0o27) };
    process.chdir(folder);
    process.env["SURROUNDINGS"] = "changed";
    process.argv.push("one more");
    try {
      const process_ = new context.Process({ target: surroundings });
      const started = process_.start();
      delete process.env["SURROUNDINGS"];
      await started;
      assert.deepEqual(await process_.result, { cwd: folder, env: "changed", argv: process.argv, umask: 0o27 });
      await process_.join();
    } finally {
      delete process.env["SURROUNDINGS"];
      process.argv.pop();
      process.umask(before.umask);
      process.chdir(before.cwd);
      rmSync(folder, { recursive: true });
    }
  });

  test("env and cwd can be given", async () => {
    const folder = realpathSync(mkdtempSync(join(tmpdir(), "surroundings-")));
    try {
      const process_ = new context.Process({
        target: () => [process.env["ONLY"], process.env["HOME"], process.cwd()],
        env: { ONLY: "this", PATH: process.env["PATH"] },
        cwd: pathToFileURL(folder),
      });
      await process_.start();
      assert.deepEqual(await process_.result, ["this", undefined, folder]);
      await process_.join();
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("the log's level and target are the owner's", async () => {
    const program = startProgram("logging-parent", [method]);
    const { stderr, code } = await program.ended;
    assert.equal(code, 0, stderr);
    assert.match(stderr, /^\[INFO\/logged\] child process calling run\(\)$/m);
    assert.match(stderr, /^\[WARNING\/logged\] from the child$/m);
    assert.doesNotMatch(stderr, /hidden/);
  });

  test("V8's limits are the owner's as launched", async () => {
    const program = startProgram("heap-limit", [method], { env: { ...process.env, NODE_OPTIONS: "" } });
    const { stdout, stderr } = await program.ended;
    assert.match(stdout, /^same limit: true$/m, stderr);
  });

  test("--inspect in the owner does not make its children fight for its port", async () => {
    for (const environment of [{}, { NODE_OPTIONS: "--inspect=127.0.0.1:0 --no-warnings" }]) {
      const program = startProgram("three-children", [method], { env: { ...process.env, ...environment } });
      const { stdout, stderr, code } = await program.ended;
      assert.equal(code, 0, stderr);
      assert.match(stdout, /^ended: 0 0 0$/m);
      assert.ok((stderr.match(/Debugger listening/g) ?? []).length <= 1, stderr);
      assert.doesNotMatch(stderr, /address already in use/);
    }
  });

  test("with no inspector asked for, its port is not opened", async () => {
    const process_ = new context.Process({ target: async () => (await import("node:inspector")).url() });
    await process_.start();
    assert.equal(await process_.result, undefined);
    await process_.join();
  });
});

test("a logger that is captured is the child's own", async () => {
  const logger = getLogger();
  const child = new Process({ target: () => logger === getLogger() });
  await child.start();
  assert.equal(await child.result, true);
  await child.join();
});

test("a logger has Python's levels", () => {
  const logger = getLogger();
  assert.equal(logger.isEnabledFor("error"), false);
  assert.throws(() => logger.setLevel("LOUD" as never), { code: "ERR_MP_INVALID_ARGUMENT" });
  assert.throws(() => logToStderr("LOUD" as never), { code: "ERR_MP_INVALID_ARGUMENT" });
});
