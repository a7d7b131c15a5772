/** What goes in and comes out of a map: bounded, in order, told as it goes. */
import assert from "node:assert/strict";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Pool, ProcessPoolExecutor, type Progress, type TaskEvent } from "#src/index.js";
import { leaveNothingBehind } from "../support/leaks.ts";

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
leaveNothingBehind();

let pool: Pool;
before(async () => {
  // Tasks that are cancelled here end by themselves, however late on a busy machine: no worker is replaced for them.
  pool = new Pool(2, { cancelGraceMs: 10_000 });
  while (pool.statistics().workers.some(({ state }) => state !== "idle")) await sleep(1);
});
after(async () => {
  pool.close();
  await pool.join({ timeoutMs: 10_000 });
});

test("an infinite generator is read no further than the buffer, and told when nobody reads on", async () => {
  let read = 0;
  let returned = false;
  function* forever(): Generator<number> {
    try {
      for (;;) yield read++;
    } finally {
      returned = true;
    }
  }
  const seen: number[] = [];
  for await (const x of pool.imap((n: number) => n, forever(), { buffer: 10 })) {
    seen.push(x);
    assert.ok(read <= seen.length + 10, `${read} read, ${seen.length} taken`);
    await sleep(1);
    if (seen.length === 50) break;
  }
  assert.deepEqual(
    seen,
    Array.from({ length: 50 }, (_, n) => n),
  );
  assert.equal(returned, true);
  read = 0;
  for await (const x of pool.imapUnordered(async (n: number) => n, forever())) if (x >= 100) break;
  assert.ok(read <= 2048, `${read} items were read`);
});

test("an async iterable is read no further than the buffer either", async () => {
  let read = 0;
  let returned = false;
  async function* forever(): AsyncGenerator<number> {
    try {
      for (;;) yield read++;
    } finally {
      returned = true;
    }
  }
  let taken = 0;
  for await (const x of pool.imap((n: number) => n, forever(), { buffer: 6, chunkSize: 2 })) {
    assert.equal(x, taken++);
    await sleep(1);
    assert.ok(read <= taken + 6, `${read} read, ${taken} taken`);
    if (taken === 30) break;
  }
  while (!returned) await sleep(1);
});

test("an input that throws: map rejects with it, imap gives what came before and then rejects with it", async () => {
  class Broken extends Error {}
  function* items(): Generator<number> {
    yield 1;
    yield 2;
    throw new Broken("input");
  }
  async function* later(): AsyncGenerator<number> {
    yield* items();
  }
  for (const input of [items, later]) {
    await assert.rejects(
      pool.map((x: number) => x, input()),
      (error) => error instanceof Broken,
    );
    const seen: number[] = [];
    await assert.rejects(
      async () => {
        for await (const x of pool.imap((n: number) => n * 10, input())) seen.push(x);
      },
      (error) => error instanceof Broken,
    );
    assert.deepEqual(seen, [10, 20]);
    const unordered = pool.imapUnordered((x: number) => x * 10, input());
    const both = [(await unordered.next()).value, (await unordered.next()).value];
    assert.deepEqual(new Set(both), new Set([10, 20]));
    await assert.rejects(unordered.next(), (error) => error instanceof Broken);
    assert.deepEqual(await unordered.next(), { done: true, value: undefined });
    const executor = new ProcessPoolExecutor(1);
    const rows = executor.map((x: number, y: number) => x + y, input(), [5, 5, 5]);
    assert.deepEqual([(await rows.next()).value, (await rows.next()).value], [6, 7]);
    await assert.rejects(rows.next(), (error) => error instanceof Broken);
    await executor.shutdown();
  }
  assert.equal(await pool.submit(() => "goes on"), "goes on");
});

test("an async input that ends, or throws, when all before it is done: at once, later, with and without items", async () => {
  const channel = "node-multiprocessing:pool:task:done";
  const nextDone = async (): Promise<void> => {
    await new Promise<void>((resolve) => {
      const told = (): void => {
        unsubscribe(channel, told);
        resolve();
      };
      subscribe(channel, told);
    });
    await new Promise((resolve) => setImmediate(resolve)); // What follows from it has been seen to.
  };
  const collect = async (results: AsyncIterable<number>): Promise<number[]> => {
    const seen: number[] = [];
    for await (const x of results) seen.push(x);
    return seen;
  };
  const same = (n: number): number => n;
  const calls = [
    (input: AsyncIterable<number>) => pool.map(same, input),
    (input: AsyncIterable<number>) => collect(pool.imap(same, input)),
    (input: AsyncIterable<number>) => collect(pool.imapUnordered(same, input)),
  ];
  for (const call of calls) {
    for (const items of [[], [1]]) {
      for (const failure of [undefined, new Error("input")]) {
        for (const isLate of [false, true]) {
          const input = async function* (): AsyncGenerator<number> {
            const done = nextDone();
            yield* items;
            if (items.length === 0) void pool.submit(() => {});
            if (isLate) await done;
            if (failure !== undefined) throw failure;
          };
          if (failure === undefined) assert.deepEqual(await call(input()), items);
          else await assert.rejects(call(input()), failure);
        }
      }
    }
  }
});

test("a string, a Map and a typed array are their items", async () => {
  assert.deepEqual(await pool.map((letter: string) => letter + letter, "äb"), ["ää", "bb"]);
  assert.deepEqual(await pool.starmap((key: string, value: number) => key.repeat(value), new Map([["a", 2]])), ["aa"]);
  assert.deepEqual(await pool.map((n: number) => n * 2, new Float32Array([1.5])), [3]);
});

test("what is no list of arguments, or no iterable, is refused with its place, and nothing waits", async () => {
  const refused = { code: "ERR_MP_INVALID_ARGUMENT" };
  const rows = [[1], 2] as [number][]; // As who has no types would.
  await assert.rejects(
    pool.starmap((a: number) => a, rows),
    { ...refused, message: /item 1 is 2/ },
  );
  const executor = new ProcessPoolExecutor(1);
  for (const lists of [[], [1], [[1, 2], null]] as never[][]) {
    await assert.rejects(executor.map((a: number) => a, ...(lists as unknown as [number[]])).next(), refused);
  }
  await executor.shutdown();
});

test("imap: an error ends the loop at its place; with collect the others come first, then an AggregateError", async () => {
  const odd = (n: number): number => {
    if (n % 2 === 0) throw new Error(`even ${n}`);
    return n;
  };
  const seen: number[] = [];
  await assert.rejects(async () => {
    for await (const x of pool.imap(odd, [1, 3, 4, 5], { chunkSize: 1 })) seen.push(x);
  }, /even 4/);
  assert.ok(seen.length <= 2);
  for (const call of ["imap", "imapUnordered"] as const) {
    const all: number[] = [];
    const error = await (async () => {
      for await (const x of pool[call](odd, [1, 2, 3, 4, 5], { onError: "collect" })) all.push(x);
    })().catch((caught: unknown) => caught as AggregateError & { indexes: number[] });
    assert.deepEqual(
      all.sort((a, b) => a - b),
      [1, 3, 5],
    );
    assert.deepEqual((error as { indexes: number[] }).indexes, [1, 3]);
  }
});

test("who takes only the first results and then closes and joins the pool does not wait for ever", async () => {
  const own = new Pool(1);
  const results = own.imap(
    (n: number) => n,
    Array.from({ length: 500 }, (_, n) => n),
    { buffer: 4, chunkSize: 1 },
  );
  assert.equal((await results.next()).value, 0);
  own.close();
  await own.join({ timeoutMs: 10_000 });
  let count = 1;
  for await (const _ of results) count++;
  assert.equal(count, 500); // Nothing is lost: it was kept for whoever would still come.
});

test("join() that gives up reads an input without an end no further, and loses nothing of it", async () => {
  const own = new Pool(1);
  let read = 0;
  function* forever(): Generator<number> {
    for (;;) yield read++;
  }
  const results = own.imap((n: number) => n, forever(), { buffer: 4, chunkSize: 1 });
  assert.equal((await results.next()).value, 0);
  own.close();
  const controller = new AbortController();
  const given = [own.join({ timeoutMs: 50 }), own.join({ signal: controller.signal })];
  await assert.rejects(given[0]!, { code: "ERR_MP_TIMEOUT" });
  const atFirst = read;
  while (read === atFirst) await sleep(1); // The other one still waits, and may be the one who would make room.
  controller.abort("enough");
  await assert.rejects(given[1]!, (reason) => reason === "enough");
  const atEnd = read;
  await sleep(50); // Bound again it stands still at once: what goes on would have read thousands by then.
  assert.equal(read, atEnd);
  for (let n = 1; n <= atEnd + 10; n++) assert.equal((await results.next()).value, n);
  assert.ok(read <= atEnd + 10 + 1 + 4, `${read} read`);
  await results.return!();
  await own.join({ timeoutMs: 10_000 });
});

test("results are in order though tasks end out of order, and unordered ones come as they are done", async () => {
  const items = [60, 1, 40, 1, 20, 1];
  const inOrder: number[] = [];
  for await (const x of pool.imap(async (ms: number) => (await new Promise((r) => setTimeout(r, ms)), ms), items))
    inOrder.push(x);
  assert.deepEqual(inOrder, items);
  const asDone: number[] = [];
  for await (const x of pool.imapUnordered(
    async (ms: number) => (await new Promise((r) => setTimeout(r, ms)), ms),
    [200, 1, 1],
    { chunkSize: 1 },
  ))
    asDone.push(x);
  assert.equal(asDone.at(-1), 200);
});

test("short tasks are batched, long ones are not, and a long one among short ones does not hold up the others", async () => {
  const many = Array.from({ length: 20_000 }, (_, n) => n);
  const folder = mkdtempSync(join(tmpdir(), "mp-enough-"));
  const enough = join(folder, "enough"); // A file, since there is no Event without the addon.
  const work = async (n: number): Promise<number> => {
    const until = Date.now() + 20_000;
    if (n === 9_000) while (!existsSync(enough) && Date.now() < until) await sleep(1);
    return n;
  };
  let before = 0;
  for await (const n of pool.imapUnordered(work, many)) {
    if (n === 9_000) break;
    if (++before === 15_001) writeFileSync(enough, "");
  }
  rmSync(folder, { recursive: true });
  // What was in its chunk, or in reach of the buffer, may wait for it: not the half of the input.
  assert.ok(before > 15_000, `${before} came before the long one`);
});

test("an abort rejects a map with the signal's reason, and the pool goes on", async () => {
  const pool = new Pool(2); // Its workers are replaced.
  const controller = new AbortController();
  const mapped = pool.map(() => new Promise(() => {}), [1, 2, 3], { signal: controller.signal });
  const streamed = pool.imap(() => new Promise(() => {}), [1, 2, 3], { signal: controller.signal }).next();
  setTimeout(() => controller.abort("enough"), 30);
  await assert.rejects(mapped, (reason) => reason === "enough");
  await assert.rejects(streamed, (reason) => reason === "enough");
  await assert.rejects(
    pool.map(() => 1, [1], { signal: controller.signal }),
    (reason) => reason === "enough",
  );
  await assert.rejects(
    pool.submit(() => 1, [], { signal: controller.signal }),
    (reason) => reason === "enough",
  );
  assert.equal(await pool.submit(() => 1), 1);
  pool.close();
  await pool.join();
});

test("progress is told to a callback, the last time at the end; nothing is shown in a pipe", async () => {
  const told: Progress[] = [];
  const fail = (n: number): number => {
    if (n === 3) throw new Error("three");
    return n;
  };
  await assert.rejects(
    pool.map(fail, [1, 2, 3, 4], { onError: "collect", progress: (progress) => void told.push(progress) }),
  );
  const { done, failed, total, ended, leftMs } = told.at(-1)!;
  assert.deepEqual({ done, failed, total, ended, leftMs }, { done: 3, failed: 1, total: 4, ended: true, leftMs: 0 });
  assert.equal(told.filter((progress) => progress.ended).length, 1);
  assert.deepEqual(await pool.map((n: number) => n, [1], { progress: true }), [1]);
});

test("a progress callback that throws fails its map with that error, and nothing else", async () => {
  const pool = new Pool(2); // Its workers are replaced.
  const oops = (): never => {
    throw new RangeError("callback");
  };
  const other = pool.map((n: number) => n, [1, 2, 3]);
  await assert.rejects(
    pool.map((n: number) => n, [1, 2, 3], { progress: oops }),
    { message: "callback" },
  );
  await assert.rejects(
    pool.map(async (n: number) => new Promise((r) => setTimeout(r, n)), [150, 150, 150, 150], { progress: oops }),
    { message: "callback" },
  );
  assert.deepEqual(await other, [1, 2, 3]);
  assert.equal(await pool.submit(() => 1), 1);
  pool.close();
  await pool.join();
});

test("events tell what happens to tasks and workers, to whoever listens", async () => {
  const heard: string[] = [];
  const listeners = ["task:queued", "task:started", "task:done", "task:failed", "worker:started", "worker:ended"].map(
    (what) => {
      const listener = (event: unknown): void => void heard.push(`${what} ${(event as TaskEvent).pool}`);
      subscribe(`node-multiprocessing:pool:${what}`, listener);
      return { what, listener };
    },
  );
  const own = new Pool(1, { name: "told" });
  await own.submit(() => 1);
  await own.map((n: number) => n, [1, 2]);
  await assert.rejects(own.submit(() => Promise.reject(new Error("x"))));
  own.close();
  await own.join();
  for (const { what, listener } of listeners) unsubscribe(`node-multiprocessing:pool:${what}`, listener);
  const counts = Object.fromEntries(
    listeners.map(({ what }) => [what, heard.filter((line) => line === `${what} told`).length]),
  );
  assert.deepEqual(counts, {
    "task:queued": 4,
    "task:started": 4,
    "task:done": 3,
    "task:failed": 1,
    "worker:started": 1,
    "worker:ended": 1,
  });
});
