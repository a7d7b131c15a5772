/** The pool's decisions, each a pure function of what is known: properties, not examples. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { chunkSize, chunksAhead, chunksTogether, smoothedMs } from "#src/pool/chunk-size.js";
import { Histogram } from "#src/pool/histogram.js";
import { InOrder } from "#src/pool/in-order.js";
import { StreamSink } from "#src/pool/map-sinks.js";
import { PriorityQueue } from "#src/pool/priority-queue.js";
import { restartDelayMs, retryDelayMs } from "#src/pool/restart-policy.js";

test("the queue gives the highest priority first, and within one the first come", () => {
  fc.assert(
    fc.property(fc.array(fc.option(fc.integer({ min: -2, max: 2 })), { maxLength: 200 }), (steps) => {
      const queue = new PriorityQueue<{ n: number; priority: number }>();
      const model: { n: number; priority: number }[] = [];
      steps.forEach((priority, n) => {
        if (priority === null) {
          model.sort((a, b) => b.priority - a.priority || a.n - b.n);
          assert.equal(queue.peek(), model[0]);
          assert.equal(queue.shift(), model.shift());
        } else {
          const item = { n, priority };
          queue.push(item, priority);
          model.push(item);
        }
        assert.equal(queue.size, model.length);
      });
      model.sort((a, b) => b.priority - a.priority || a.n - b.n);
      assert.deepEqual([...queue], model);
    }),
  );
});

test("what is put back comes before all of its priority, whatever was taken before", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 3000 }), fc.integer({ min: 0, max: 3000 }), (many, taken) => {
      const queue = new PriorityQueue<number>();
      for (let n = 0; n < many; n++) queue.push(n, 0);
      for (let n = 0; n < taken; n++) queue.shift();
      queue.unshift(-1, 0);
      queue.push(-2, 1);
      assert.equal(queue.shift(), -2);
      assert.equal(queue.shift(), -1);
      assert.equal(queue.shift(), taken < many ? taken : undefined);
    }),
  );
});

const taskMs = fc.double({ min: 0, max: 1e5, noNaN: true });
const count = fc.integer({ min: 1, max: 1e6 });

test("a chunk has at least one task, no more than there are, none that is long has company, and its time is bounded", () => {
  fc.assert(
    fc.property(
      taskMs,
      fc.option(count, { nil: undefined }),
      fc.integer({ min: 1, max: 64 }),
      count,
      (ms, remaining, workers, largest) => {
        const size = chunkSize({ taskMs: ms, remaining, workers, largest });
        assert.ok(Number.isInteger(size) && size >= 1 && size <= largest);
        if (remaining !== undefined) assert.ok(size <= remaining);
        if (ms > 10) assert.equal(size, 1);
        assert.ok(size === 1 || size * ms <= 10.001);
        // The end is spread: where a share is worth the way, no worker gets more than its share.
        if (remaining !== undefined && size * ms > 0.5 + ms) assert.ok(size <= Math.ceil(remaining / (workers * 2)));
        assert.equal(chunkSize({ taskMs: undefined, remaining, workers, largest }), 1);
      },
    ),
  );
});

test("chunks of a fixed size go together while they are short and there are many; none grows past its time or share", () => {
  fc.assert(
    fc.property(
      count,
      taskMs,
      count,
      fc.integer({ min: 1, max: 64 }),
      count,
      (size, ms, remaining, workers, largest) => {
        const together = chunksTogether(size, { taskMs: ms, remaining, workers, largest });
        assert.ok(Number.isInteger(together) && together >= 1);
        if (together === 1) return;
        assert.ok(together * size <= largest && together * size * ms <= 0.501);
        assert.ok((together - 1) * size * workers * 2 < remaining);
      },
    ),
  );
  const known = { taskMs: 0.001, remaining: 10_000, workers: 2, largest: 4096 };
  assert.equal(chunksTogether(1, known), 500);
  assert.equal(chunksTogether(1, { ...known, taskMs: undefined }), 1);
});

test("only short tasks are handed out ahead, and no more than half a millisecond of them beside the next chunk", () => {
  assert.equal(chunksAhead(undefined, 1), 1);
  fc.assert(
    fc.property(taskMs, count, (ms, size) => {
      const ahead = chunksAhead(ms, size);
      assert.ok(Number.isInteger(ahead) && ahead >= 1 && ahead <= 64);
      if (ms >= 1) assert.equal(ahead, 1);
      else assert.ok(ahead === 2 || (ahead - 1) * ms * size <= 0.5);
    }),
  );
});

test("a smoothed time lies between the old one and the new, and follows a lasting change", () => {
  fc.assert(
    fc.property(taskMs, taskMs, (before, each) => {
      const after = smoothedMs(before, each * 4, 4);
      assert.ok(after >= Math.min(before, each) - 1e-9 && after <= Math.max(before, each) + 1e-9);
    }),
  );
  let ms = smoothedMs(undefined, 1000, 1);
  assert.equal(ms, 1000);
  for (let n = 0; n < 20; n++) ms = smoothedMs(ms, 1, 1);
  assert.ok(ms < 1.01);
});

test("results come out in order, each once, whatever the order in which they come", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 60 }).chain((n) => fc.shuffledSubarray([...Array(n).keys()], { minLength: n })),
      (arrivals) => {
        const order = new InOrder<string>();
        const out: string[] = [];
        for (const index of arrivals) {
          order.put(index, `r${index}`);
          while (order.isReady) out.push(order.take());
        }
        assert.deepEqual(
          out,
          [...arrivals.keys()].map((index) => `r${index}`),
        );
        assert.equal(order.size, 0);
        assert.equal(order.next, arrivals.length);
      },
    ),
  );
});

test("a restart and a retry are delayed, more each time, and never for more than a second", () => {
  assert.equal(restartDelayMs(0), 0);
  assert.equal(restartDelayMs(3), 0);
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 10_000 }), (n) => {
      for (const delay of [restartDelayMs, retryDelayMs]) {
        assert.ok(delay(n) >= 0 && delay(n) <= 1000);
        assert.ok(delay(n + 1) >= delay(n));
      }
    }),
  );
  assert.equal(restartDelayMs(1000), 1000);
});

test("what one held up worker has of a stream leaves room to the others, however chunks shrink afterwards", () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 1000 }), { minLength: 3, maxLength: 30 });
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 8 }), sizes, (workers, chunks) => {
      let chunk = 1;
      const stream = { ordered: false, buffer: undefined, onRoom: () => {}, onReturn: () => {} };
      const sink = new StreamSink({ ...stream, chunk: () => chunk, workers: () => workers });
      let read = 0;
      for (const [n, size] of chunks.entries()) {
        chunk = Math.min(size, sink.largestChunk(workers));
        const room = sink.room(read);
        assert.ok(room > 0, `no room when ${read} items are read and the chunk is ${chunk}`);
        const items = Array.from({ length: Math.min(chunk, room) }, () => n);
        read += items.length;
        if (n < sink.mostAhead) continue; // The one that is held up never answers.
        sink.values(read - items.length, items);
        for (const _ of items) void sink.next();
      }
    }),
  );
});

test("percentiles are right to within an eighth", () => {
  assert.equal(new Histogram().percentile(0.5), undefined);
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0.002, max: 1e8, noNaN: true }), { minLength: 1, maxLength: 100 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (durations, share) => {
        const histogram = new Histogram();
        for (const ms of durations) histogram.add(ms);
        const sorted = durations.toSorted((a, b) => a - b);
        const exact = sorted[Math.max(1, Math.ceil(sorted.length * share)) - 1]!;
        const told = histogram.percentile(share)!;
        assert.ok(told >= exact * 0.999 && told <= exact * 1.125, `${told} for ${exact}`);
        assert.equal(histogram.count, durations.length);
      },
    ),
  );
});
