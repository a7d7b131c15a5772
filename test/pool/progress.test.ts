/** How far a map is: shown at a terminal, told to a callback, kept out of pipes. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { Pool, type Progress } from "#src/index.js";
import { leaveNothingBehind } from "../support/leaks.ts";

leaveNothingBehind();

interface Screen {
  readonly stream: NodeJS.WriteStream;
  /** All that was written. */
  text: string;
  onText: (text: string) => void;
}

function screen(isTTY: boolean): Screen {
  const stream = Object.assign(new PassThrough({ encoding: "utf8" }), { isTTY, columns: 120 });
  const made: Screen = { stream: stream as unknown as NodeJS.WriteStream, text: "", onText: () => {} };
  stream.on("data", (text: string) => {
    made.text += text;
    made.onText(made.text);
  });
  return made;
}

test("a bar at a terminal shows what is done, the rate, the time left, and at the end the failures", async () => {
  const folder = mkdtempSync(join(tmpdir(), "mp-bar-"));
  const terminal = screen(true);
  // The first tasks end when the bar is there, the last one when it has shown how long it will take.
  terminal.onText = (text) => {
    writeFileSync(join(folder, "bar"), "");
    if (/ left/.test(text)) writeFileSync(join(folder, "left"), "");
  };
  const shrink = async (n: number): Promise<number> => {
    const mark = join(folder, n === 6 ? "left" : "bar");
    const until = Date.now() + 20_000;
    while (!existsSync(mark) && Date.now() < until) await new Promise((resolve) => setTimeout(resolve, 5));
    if (n === 3) throw new Error("three");
    return n;
  };
  const pool = new Pool(2);
  const options = { chunkSize: 1, onError: "collect", progress: { stream: terminal.stream } } as const;
  await assert.rejects(pool.map(shrink, [1, 2, 3, 4, 5, 6], options), { name: "AggregateError" });
  pool.close();
  await pool.join();
  assert.match(terminal.text, /shrink .*[1-5]\/6 +[\d.]+\/s +\d+ s left/);
  assert.match(terminal.text, /shrink .*6\/6 +[\d.]+\/s +in \d+ s +1 failed/);
  assert.ok(terminal.text.endsWith("\n"), JSON.stringify(terminal.text.slice(-80)));
  rmSync(folder, { recursive: true });
});

test("nothing is shown where it is no terminal; label, total and callback are for both", async () => {
  const pipe = screen(false);
  const told: Progress[] = [];
  const progress = { label: "own", total: 10, stream: pipe.stream, onProgress: (now: Progress) => void told.push(now) };
  const pool = new Pool(1);
  const some = function* (): Generator<number> {
    yield* [1, 2, 3];
  };
  for await (const n of pool.imap((x: number) => x, some(), { progress })) assert.ok(n > 0);
  pool.close();
  await pool.join();
  assert.equal(pipe.text, "");
  const { done, failed, total, ended } = told.at(-1)!;
  assert.deepEqual({ done, failed, total, ended }, { done: 3, failed: 0, total: 10, ended: true });
});

test("a progress callback that throws ends its stream with that error, once, and nothing else", async () => {
  const pool = new Pool(2);
  const progress = (): never => {
    throw new RangeError("callback");
  };
  const other = pool.map((n: number) => n, [1, 2, 3]);
  for (const call of ["imap", "imapUnordered"] as const) {
    const results = pool[call]((n: number) => n, [1, 2, 3], { progress });
    await assert.rejects(
      async () => {
        for await (const n of results) assert.ok(n > 0);
      },
      { name: "RangeError", message: "callback" },
    );
    assert.deepEqual(await results.next(), { done: true, value: undefined });
  }
  assert.deepEqual(await other, [1, 2, 3]);
  assert.equal(await pool.submit(() => "goes on"), "goes on");
  pool.close();
  await pool.join();
});
