/** The programs of `examples/` say what the tutorial says that they say. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { startNode, type Ended } from "../support/programs.ts";
import { projectRoot } from "../support/project.ts";

async function run(name: string, ...args: string[]): Promise<Ended & { readonly lines: string[] }> {
  const program = startNode([join(projectRoot, "build", "examples", `${name}.js`), ...args], { cwd: projectRoot });
  const ended = await program.ended;
  assert.equal(ended.stderr, "");
  assert.equal(ended.code, 0);
  return { ...ended, lines: ended.stdout.trimEnd().split("\n") };
}

test("README's example runs a function in another process", async () => {
  const { lines } = await run("first");
  assert.match(lines[0]!, /^hello from process \d+: 5 steps, 200 ms apart$/);
  assert.deepEqual(lines.slice(1), ["done"]);
});

test("tutorial 1: two processes dance and sing at once, five lines each, interleaved", async () => {
  const { lines } = await run("tutorial/1-two-at-once");
  const dancing = lines.filter((line) => line.startsWith("dancing"));
  assert.deepEqual(dancing, ["dancing 1", "dancing 2", "dancing 3", "dancing 4", "dancing 5"]);
  assert.equal(lines.filter((line) => line.startsWith("singing")).length, 5);
  // At once: the second begins before the first has ended.
  assert.ok(lines.findIndex((line) => line.startsWith("singing")) < lines.lastIndexOf("dancing 5"));
  assert.ok(lines.indexOf("dancing 1") < lines.lastIndexOf("singing 5"));
});

test("tutorial 2: each process has its pid and its name", async () => {
  const { lines } = await run("tutorial/2-pids");
  const pids = new Set(lines.map((line) => /pid (\d+)/.exec(line)![1]));
  assert.equal(pids.size, 3);
  assert.match(lines[0]!, /^main: pid \d+, <MainProcess name='MainProcess' pid=\d+ started>$/);
  const main = /pid (\d+)/.exec(lines[0]!)![1]!;
  const dance = lines.find((line) => line.startsWith("dance"))!;
  assert.match(dance, new RegExp(`<Process name='myprocess1' pid=\\d+ parent=${main} started>`));
  assert.match(
    lines.find((line) => line.startsWith("sing"))!,
    /Process-2$/,
  );
});

test("tutorial 3: the parent is main; who kills itself ends with -9, its sibling goes on", async () => {
  const { lines } = await run("tutorial/3-parents-and-kill");
  const main = /pid (\d+)/.exec(lines[0]!)![1]!;
  assert.deepEqual(
    lines.filter((line) => line.startsWith("dancing")),
    [`dancing 1: parent ${main}`],
  );
  assert.equal(lines.filter((line) => line.startsWith("singing") && line.endsWith(`parent ${main}`)).length, 5);
  assert.equal(lines.at(-1), "dance ended with -9, sing with 0");
});

for (const name of ["tutorial/4-args", "tutorial/5-kwargs"]) {
  test(`${name}: each counts as far as it was told, and completes`, async () => {
    const { lines } = await run(name);
    const of = (what: string): string[] => lines.filter((line) => line.startsWith(what));
    assert.deepEqual(of("dancing"), ["dancing 1 of 3", "dancing 2 of 3", "dancing 3 of 3", "dancing completed"]);
    assert.deepEqual(of("singing"), ["singing 1 of 2", "singing 2 of 2", "singing completed"]);
  });
}

test("tutorial 6: terminate() ends a process that would dance for ever", async () => {
  const { lines } = await run("tutorial/6-terminate");
  assert.equal(lines[0], "dancing");
  assert.deepEqual(lines.slice(-2, -1), ["alive: false, exit code -15, signal SIGTERM"]);
  assert.match(lines.at(-1)!, /^<Process name='dancer' pid=\d+ parent=\d+ stopped exitcode=-SIGTERM>$/);
});

test("word statistics: one process and many count the same, and say how fast", async () => {
  // The program compares the two itself, word by word, and fails where they differ.
  const { stdout } = await run("word-statistics", "src");
  assert.match(stdout, /words in \d+ files of src/);
  assert.match(stdout, /processes +ms +files\/s +ratio\n +1 +\d+ +\d+ +1\.00\n/);
});

test("shared memory: two processes fill one array and count together", async () => {
  const { lines } = await run("shared-memory");
  assert.deepEqual(lines, ["1000000 squares, the last is 999998000001", "the slower process said how long it took"]);
});

test("pool: an image pipeline with sharp in the workers", async () => {
  const { lines } = await run("pool/thumbnails");
  assert.match(lines[0]!, /^12 pictures, \d+ bytes, as thumbnails \d+ bytes$/);
});

test("pool: a resource that is made once in each worker", async () => {
  const { lines } = await run("pool/initialized");
  assert.deepEqual(lines, ["[ 1, 99999, undefined ]", "at most two dictionaries were made: true"]);
});

test("pool: a deadline that holds", async () => {
  const { lines } = await run("pool/deadline");
  assert.deepEqual(lines, ["TimeoutError", "TimeoutError", "in time"]);
});

test("pool: errors are collected, with their places", async () => {
  const { lines } = await run("pool/collect-errors");
  assert.deepEqual(lines.slice(0, 2), ["item 1: SyntaxError", "item 3: SyntaxError"]);
});

test("pool: a pool in a pool", async () => {
  const { lines } = await run("pool/nested");
  assert.deepEqual(lines, ["[ 14, 385, 338350 ]"]);
});

test("distributed log: the writer is killed twice and replaced, and each record is in the files once", async () => {
  // The program looks for each record itself, and fails where one is missing, out of order or there twice.
  const { lines } = await run("distributed-log");
  assert.deepEqual(lines.slice(0, 2), ["the writer ended with -9", "the writer ended with -9"]);
  const [, files = 0, again = 0] = /^16000 of 16000 records in (\d+) files; (\d+) were sent again$/.exec(lines[2]!)!;
  assert.ok(Number(files) > 5 && Number(again) > 0, lines[2]);
  assert.deepEqual(lines.slice(3), ["none is missing, none is there twice"]);
});

test("pool: workers fill a shared array in disjoint parts, and it is what one process makes of it", async () => {
  const { lines } = await run("pool/shared-array");
  assert.match(lines[0]!, /^240000 points, \d+ of them inside$/);
  assert.equal(lines[1], "as one process has it");
});
