/** A queue's protocol with a real death at every atomic step: of putting, of taking with all that an item holds, of taskDone(). */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { getContext, JoinableQueue, Pipe, Queue, type Connection } from "#src/index.js";
import { QueueMemory } from "#src/channel/queue-memory.js";
import { holders, view } from "#src/memory/arena.js";
import { handleOf } from "#src/memory/holdings.js";
import { leaveNothingBehind } from "../support/leaks.ts";
import { code, comesBackTo, mib, usedBytes } from "../support/memory.ts";

type Item = { end: Connection<string>; body: Uint8Array } | number;

const bodyBytes = 100_000;
/** Nobody may wait longer for the dead. */
const limits = { timeoutMs: 3000 };

/** From now on this process is killed before its nth atomic change of memory. */
export function dieBefore(step: number): void {
  let left = step;
  const all = Atomics as unknown as Record<string, (...args: unknown[]) => unknown>;
  for (const name of ["store", "add", "exchange", "compareExchange"]) {
    const original = all[name]!;
    all[name] = (...args) => {
      if (left-- <= 0) process.kill(process.pid, "SIGKILL");
      return Reflect.apply(original, Atomics, args);
    };
  }
}

async function takes(queue: JoinableQueue<Item>, step: number): Promise<void> {
  dieBefore(step);
  const found = queue.tryGet()!.value as Exclude<Item, number>;
  found.end.close();
  queue.taskDone();
  process.kill(process.pid, "SIGTERM"); // It got to the end.
}

async function puts(queue: JoinableQueue<Item>, end: Connection<string>, step: number): Promise<void> {
  const body = new Uint8Array(bodyBytes).fill(7);
  dieBefore(step);
  queue.putSync({ end, body });
  process.kill(process.pid, "SIGTERM");
}

/** Fills it far beyond what it keeps, empties it but for the last items, and dies while it gives back what is free. */
async function tidies(queue: Queue<Uint8Array>, step: number): Promise<void> {
  for (let n = 0; n < tidyItems; n++) queue.putSync(new Uint8Array(50_000).fill(n));
  for (let n = 0; n < tidyItems - leftItems; n++) queue.getSync();
  const memory = memoryOf(queue);
  dieBefore(step);
  memory.tidy();
  process.kill(process.pid, "SIGTERM");
}

function memoryOf(queue: Queue<Uint8Array>): QueueMemory {
  return new QueueMemory(view(handleOf(queue)!));
}

const tidyItems = 150;
const leftItems = 5;

describe("queue", () => {
  leaveNothingBehind();
  const { Process } = getContext("forkserver");

  test("a consumer that dies at any step takes an item with its end, or leaves it", { timeout: 120_000 }, async () => {
    const used = usedBytes();
    const outcomes = { left: 0, lost: 0, done: 0 };
    let extra = 0;
    let step = 0;
    for (let finished = false; !finished; step++) {
      const [here, there] = Pipe<string>();
      const queue = new JoinableQueue<Item>();
      await queue.put({ end: there, body: new Uint8Array(bodyBytes).fill(7) });
      await queue.put(2);
      const child = new Process({ target: takes, args: [queue, step] });
      await child.start();
      await child.join();
      finished = child.signalCode === "SIGTERM";
      const what = `after ${step} steps`;
      let taken = 0;
      if (queue.size === 2) {
        outcomes.left++;
        const item = queue.tryGet()!.value as Exclude<Item, number>;
        assert.ok(item.body.length === bodyBytes && item.body.every((byte) => byte === 7), what);
        await item.end.send("here");
        assert.equal(await here.recv(limits), "here", what);
        item.end.close();
        taken++;
      } else {
        // Before anybody comes by at the queue.
        await assert.rejects(here.recv(limits), code("ERR_MP_END_OF_CHANNEL"), what);
      }
      assert.equal(queue.tryGet()?.value, 2, what);
      for (taken++; taken > 0; taken--) queue.taskDone();
      const lost = await queue.join(limits);
      if (lost === 1) outcomes.lost++;
      else if (queue.statistics().size === 0 && lost === 0) outcomes.done++;
      assert.ok(lost <= 1, what);
      extra += holders(handleOf(queue)!) - 1;
      here.close();
    }
    assert.ok(outcomes.left > 3 && outcomes.lost > 3 && outcomes.done > 0, JSON.stringify(outcomes));
    // Between two instructions of a death one holder too many may be left.
    assert.ok(extra <= 4, `${extra} holders too many in ${step} deaths`);
    await comesBackTo(used, mib);
  });

  test("a producer that dies at any step has put an item with its end, or nothing", { timeout: 120_000 }, async () => {
    const used = usedBytes();
    let put = 0;
    let step = 0;
    for (let finished = false; !finished; step++) {
      const [here, there] = Pipe<string>();
      const queue = new JoinableQueue<Item>();
      const child = new Process({ target: puts, args: [queue, there, step] });
      await child.start();
      await child.join();
      finished = child.signalCode === "SIGTERM";
      const what = `after ${step} steps`;
      await queue.put(2, limits);
      if (queue.size === 2) {
        put++;
        const item = queue.tryGet()!.value as Exclude<Item, number>;
        assert.ok(item.body.length === bodyBytes && item.body.every((byte) => byte === 7), what);
        await item.end.send("here");
        assert.equal(await here.recv(limits), "here", what);
        item.end.close();
      } else {
        await assert.rejects(here.recv(limits), code("ERR_MP_END_OF_CHANNEL"), what);
      }
      assert.equal(queue.tryGet()?.value, 2, what);
      here.close();
    }
    assert.ok(put > 3 && step - put > 3, `${put} of ${step}`);
    await comesBackTo(used, mib);
  });

  test(
    "whoever dies at any step of giving back has given back what is free, or not; all goes on",
    { timeout: 120_000 },
    async () => {
      const used = usedBytes();
      let steps = 0;
      for (let finished = false; !finished; steps++) {
        const queue = new Queue<Uint8Array>();
        const child = await new Process({ target: tidies, args: [queue, steps] }).start();
        await child.join();
        finished = child.signalCode === "SIGTERM";
        const what = `after ${steps} steps`;
        // Nobody stands at either end for longer than it takes to find the death.
        queue.putSync(new Uint8Array(50_000).fill(tidyItems), limits);
        for (let n = tidyItems - leftItems; n <= tidyItems; n++) {
          const item = queue.getSync(limits);
          assert.ok(item.length === 50_000 && item.every((byte) => byte === n), what);
        }
        assert.equal(queue.tryGet(), undefined, what);
        memoryOf(queue).tidy();
        assert.equal(memoryOf(queue).isUntidy, false, what);
        queue.close();
      }
      assert.ok(steps > 12, `${steps} steps`);
      // The last one may still be in this frame, with what a queue keeps.
      await comesBackTo(used, 5 * mib);
    },
  );
});
