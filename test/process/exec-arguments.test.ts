/** Which of Node's options a child inherits. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { inheritedExecArgv, withoutInspector } from "#src/process/exec-arguments.js";
import { forkServerFlags } from "#src/process/fork-server-flags.js";

const cases: [string[], string[]][] = [
  [
    ["--max-old-space-size=100", "--import", "tsx"],
    ["--max-old-space-size=100", "--import", "tsx"],
  ],
  [["-e", "-1 + 1", "--no-warnings"], ["--no-warnings"]],
  [["--input-type=module", "--eval", "code"], []],
  [["--input-type", "module", "--eval=code"], []],
  [["-p", "1"], []],
  [["--inspect", "--inspect-brk=9230", "--inspect-port", "0", "--expose-gc"], ["--expose-gc"]],
  [
    ["--test", "--test-name-pattern", "x", "--test-only", "--conditions", "y"],
    ["--conditions", "y"],
  ],
  [
    ["--watch", "--watch-path", "./src", "-r", "./setup.js"],
    ["-r", "./setup.js"],
  ],
  [["--env-file=.env", "--env-file", ".env.local", "--enable-source-maps"], ["--enable-source-maps"]],
];

test("a child inherits what is not the main program's own", () => {
  for (const [given, kept] of cases) assert.deepEqual(inheritedExecArgv(given), kept);
});

test("NODE_OPTIONS loses the inspector and nothing else", () => {
  const kept = (options: string): string | undefined =>
    withoutInspector({ NODE_OPTIONS: options, A: "1" })["NODE_OPTIONS"];
  assert.equal(kept("--inspect=0 --max-old-space-size=50"), "--max-old-space-size=50");
  assert.equal(kept("--no-warnings --inspect-brk"), "--no-warnings");
  assert.equal(kept("--inspect-port 9999 --no-warnings --inspect-wait=127.0.0.1:1"), "--no-warnings");
  assert.equal(kept('--require "./a --inspecting.js"'), '--require "./a --inspecting.js"');
  assert.equal(kept("--no-warnings"), "--no-warnings");
  const env = { A: "1" };
  assert.equal(withoutInspector(env), env);
});

test("a fork server has as many threads of Node's on every machine, and only options that its Node knows", () => {
  for (const version of ["20.19.0", "22.13.0", "22.14.0", "23.6.0", "24.0.0", "26.0.0"]) {
    const flags = forkServerFlags(["--expose-gc", "--v8-pool-size=8"], version, undefined);
    // The last one counts. 0 would mean as many as there are processors, and those threads would forbid to fork.
    assert.equal(flags.filter((flag) => flag.startsWith("--v8-pool-size")).at(-1), "--v8-pool-size=1");
    assert.equal(flags.includes("--disable-sigusr1"), ["22.14.0", "24.0.0", "26.0.0"].includes(version), version);
  }
});

test("V8's memory reducer is off in a fork server that loads modules before its own", () => {
  const reducer = (execArgv: string[], nodeOptions?: string): boolean =>
    !forkServerFlags(execArgv, "24.0.0", nodeOptions).includes("--no-memory-reducer");
  assert.ok(reducer([]));
  assert.ok(reducer(["--expose-gc"], "--no-warnings"));
  assert.ok(!reducer(["-r", "./setup.js"]));
  assert.ok(!reducer(["--import=./setup.js"]));
  assert.ok(!reducer([], "--no-warnings --require ./setup.js"));
});
