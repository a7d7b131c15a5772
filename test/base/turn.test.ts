/** Awaiting what is ready at once, again and again, lets timers and input have their turn. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import {
  Barrier,
  Condition,
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
import { leaveNothingBehind } from "../support/leaks.ts";

leaveNothingBehind();

const process = new Process({ target: () => {} });
const pool = new Pool(1);
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
