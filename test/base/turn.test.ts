/** Awaiting what is ready at once, again and again, lets timers and input have their turn. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import {
  Barrier,
  Condition,
  currentTask,
  Event,
  JoinableQueue,
  Lock,
  Pipe,
  Pool,
  Process,
  Queue,
  RLock,
  Semaphore,
  SharedValue,
  SimpleQueue,
  wait,
  type Connection,
} from "#src/index.js";
import { turnIsDue } from "#src/base/turn.js";
import type { WaitOptions } from "#src/base/options.js";
import { leaveNothingBehind } from "../support/leaks.ts";

leaveNothingBehind();

const process = new Process({ target: () => {} });
/** On a busy machine the tasks of a loop that was left take their time: a new worker would look like something left. */
const pool = new Pool(1, { cancelGraceMs: 10_000 });
let here: Connection;
let there: Connection;
before(async () => {
  await process.start();
  await process.join();
  [here, there] = Pipe();
  await here.send("always there");
});
after(async () => {
  here.close();
  there.close();
  pool.close();
  await pool.join();
});

const lock = new Lock();
const reentrant = new RLock();
const condition = new Condition();
const semaphore = new Semaphore(1);
const event = new Event();
event.set();
const barrier = new Barrier(1);
const value = new SharedValue("int32", 0);
const queue = new Queue<number>();
const simple = new SimpleQueue<number>();
const joinable = new JoinableQueue();

const ready: Record<string, () => Promise<unknown>> = {
  "Lock.acquire": async () => (await lock.acquire()).release(),
  "RLock.acquire": async () => (await reentrant.acquire()).release(),
  "Semaphore.acquire": async () => (await semaphore.acquire()).release(),
  "Condition.waitFor": () => condition.withLock(() => condition.waitFor(() => true)),
  "Event.wait": () => event.wait(),
  "Barrier.wait": () => barrier.wait(),
  "SharedValue.update": () => value.update((n) => n + 1),
  "Queue.put and get": () => queue.put(1).then(() => queue.get()),
  "SimpleQueue.put and get": () => simple.put(1).then(() => simple.get()),
  "JoinableQueue.join": () => joinable.join(),
  "Queue.get, of an empty one, with a limit of 0": () => queue.get({ timeoutMs: 0 }).catch(() => {}),
  "Connection.poll": () => there.poll({ timeoutMs: 1000 }),
  "wait()": () => wait([there]),
  "Process.join": () => process.join(),
  "Pool.map, of nothing": () => pool.map((n: number) => n, []),
};

for (const [name, call] of Object.entries(ready)) {
  test(name, async () => {
    let fired = false;
    setTimeout(() => (fired = true), 1);
    const deadline = Date.now() + 10_000;
    while (!fired && Date.now() < deadline) await call();
    assert.ok(fired);
  });
}

test("Pool.imap, of results that have come", async () => {
  const count = 200_000;
  let fired = false;
  let read = 0;
  const items = Array.from({ length: count }, (_, n) => n);
  for await (const n of pool.imap((item: number) => item, items, { buffer: count, chunkSize: count })) {
    assert.equal(n, read++);
    if (read === 1) setTimeout(() => (fired = true), 1);
    if (fired) break;
  }
  assert.ok(read < count, "no timer had its turn until all were read");
});

/** None of these is ever there; the limit ends the test should an abort be missed. */
const never: Record<string, (limits: WaitOptions) => Promise<unknown>> = {
  "Lock.acquire": (limits) => heldLock.acquire(limits),
  "Semaphore.acquire": (limits) => noPermit.acquire(limits),
  "Event.wait": (limits) => unset.wait(limits),
  "Barrier.wait": (limits) => ofTwo.wait(limits),
  "Queue.get": (limits) => empty.get(limits),
  "JoinableQueue.join": (limits) => unfinished.join(limits),
  "Connection.recv": (limits) => here.recv(limits),
  "Connection.poll": (limits) => here.poll(limits),
  "wait()": (limits) => wait([here], limits),
  "Pool.join": (limits) => pool.join(limits),
};
const heldLock = new Lock();
const noPermit = new Semaphore(0);
const unset = new Event();
const ofTwo = new Barrier(2);
const empty = new Queue<number>();
const unfinished = new JoinableQueue<number>();

test("an abort that comes while a wait gives others their turn ends the wait", async (t) => {
  await heldLock.acquire();
  await unfinished.put(1);
  const endless = pool.submit(() => new Promise((resolve) => currentTask()!.signal.addEventListener("abort", resolve)));
  pool.close();
  for (const [name, call] of Object.entries(never)) {
    await t.test(name, async () => {
      turnIsDue();
      const until = performance.now() + 20;
      while (performance.now() < until);
      assert.ok(turnIsDue());
      const stop = new AbortController();
      const waiting = call({ signal: stop.signal, timeoutMs: 5000 });
      const reason = new Error("enough");
      stop.abort(reason);
      await assert.rejects(waiting, reason);
    });
  }
  heldLock.release();
  endless.cancel();
  await assert.rejects(endless);
});
