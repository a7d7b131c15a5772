/** The three streams of a child: the owner's, none, or pipes. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { text } from "node:stream/consumers";
import { leaveNothingBehind } from "../support/leaks.ts";
import { forEachStartMethod } from "../support/methods.ts";
import { startProgram } from "../support/programs.ts";
import { projectRoot } from "../support/project.ts";

const folder = mkdtempSync(join(tmpdir(), "stdio-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const built = join(projectRoot, "build", "test");
const hasTerminals = spawnSync("script", ["--version"]).status === 0;
/** A fork server has all that it brings in after fewer. */
const children = 24;

forEachStartMethod((context, method) => {
  leaveNothingBehind();

  test('"pipe" gives stdin, stdout and stderr', async () => {
    const process_ = new context.Process({
      target: async () => {
        let heard = "";
        for await (const chunk of process.stdin.setEncoding("utf8")) heard += chunk as string;
        console.log(heard.toUpperCase());
        console.error("on stderr");
        return heard.length;
      },
      stdio: "pipe",
    });
    assert.deepEqual([process_.stdin, process_.stdout, process_.stderr], [null, null, null]);
    await process_.start();
    process_.stdin!.end("hello");
    const [out, err, length] = await Promise.all([text(process_.stdout!), text(process_.stderr!), process_.result]);
    assert.deepEqual([out, err, length], ["HELLO\n", "on stderr\n", 5]);
    await process_.join();
  });

  test("the stack of an uncaught error goes to the child's stderr", async () => {
    const process_ = new context.Process({
      target: function explode() {
        throw new RangeError("seen on stderr");
      },
      stdio: "pipe",
    });
    await process_.start();
    const [err] = await Promise.all([text(process_.stderr!), text(process_.stdout!), process_.join()]);
    assert.match(err, /RangeError: seen on stderr\n\s+at explode/);
    assert.match(err, /stdio\.test\.(js|ts):\d+/);
    await process_.result.catch(() => {});
  });

  test('"ignore" gives streams that lead nowhere', async () => {
    const process_ = new context.Process({
      target: async () => {
        console.log("nobody hears this");
        let heard = 0;
        for await (const chunk of process.stdin) heard += (chunk as Buffer).length;
        return heard;
      },
      stdio: "ignore",
    });
    await process_.start();
    assert.equal(await process_.result, 0);
    await process_.join();
    assert.equal(process_.stdout, null);
  });

  test("a child that has closed its stdout may still write to it", async () => {
    const process_ = new context.Process({
      target: () => {
        closeSync(1);
        console.log("to nobody");
        return "goes on";
      },
      stdio: "pipe",
    });
    await process_.start();
    const [out, err, result] = await Promise.all([text(process_.stdout!), text(process_.stderr!), process_.result]);
    assert.deepEqual([out, err, result], ["", "", "goes on"]);
    await process_.join();
  });

  test("a function that imports leaves the stdin of those that it comes to alone", async () => {
    const program = startProgram("imports-at-home", [method], { stdio: ["pipe", "pipe", "pipe"] });
    const { stdout, stderr } = await program.ended;
    assert.deepEqual([stdout, stderr], ["true before, true after\n", ""]);
  });

  const outcome = join(folder, "outcome.json");
  const program = [join(built, "programs", "piped-children.js"), method, outcome, String(children)];
  const check = (stdout: string, printed: string): void => {
    const child = ["Socket\nby name\nkept\n", "true true true\n", "heard"];
    assert.deepEqual(JSON.parse(readFileSync(outcome, "utf8")), Array(children).fill(child));
    assert.equal(stdout.replaceAll("\r", ""), printed);
  };
  const atTerminal = (args: readonly string[]): string => {
    const command = [process.execPath, ...args].map((word) => `'${word}'`).join(" ");
    return String(spawnSync("script", ["-qec", command, "/dev/null"], { stdio: ["ignore", "pipe", "inherit"] }).stdout);
  };

  for (const preload of method === "forkserver" ? [[], [join(built, "modules", "named-streams.js")]] : [[]]) {
    const loaded = preload.length === 0 ? "" : ", with a preloaded module that uses its own";
    // By the owner, and by a server that loads it for its children.
    const printed = "loaded\n".repeat(1 + preload.length);

    test(`an owner whose stdout is a file has children with pipes of their own${loaded}`, () => {
      const file = openSync(join(folder, "stdout"), "w+");
      const args = [...program, ...preload];
      const { stderr } = spawnSync(process.execPath, args, { stdio: ["ignore", file, "pipe"], encoding: "utf8" });
      closeSync(file);
      assert.equal(stderr, "");
      check(readFileSync(join(folder, "stdout"), "utf8"), printed);
    });

    test(`an owner at a terminal has children with pipes of their own${loaded}`, { skip: !hasTerminals }, () => {
      check(atTerminal([...program, ...preload]), printed);
    });
  }

  // Of those that are spawned each loads it, too.
  const skip = !hasTerminals || method === "spawn";
  test("a module of --import that writes to a terminal leaves children their pipes", { skip }, () => {
    const hook = join(folder, "hook.mjs");
    writeFileSync(hook, `console.error("hook");`);
    check(atTerminal(["--import", hook, ...program]), "hook\nloaded\nhook\n");
  });
});
