/**
 * Blocking waits and signals: one that has a handler in JavaScript ends the wait, and leaves the object as it was.
 *
 * The signal is SIGALRM: SIGUSR1 is the debugger's, and from Node 24 on `run()` of node:test gives SIGUSR2 a handler.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { Session } from "node:inspector/promises";
import { spawn } from "node:child_process";
import { describe, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import {
  Barrier,
  BoundedSemaphore,
  Condition,
  Event,
  getAllStartMethods,
  getContext,
  Lock,
  Pipe,
  Queue,
  RLock,
  Semaphore,
  SharedValue,
  setForkserverPreload,
  type Connection,
  type Guard,
} from "#src/index.js";
import { pendingWaits } from "#src/sync/wait-places.js";
import { forkServersOf } from "../support/fork-servers.ts";
import { leaveNothingBehind } from "../support/leaks.ts";
import { forEachStartMethod } from "../support/methods.ts";
import { joinSharedWords, makeSharedWords, reaches } from "../support/shared-words.ts";

const interrupted = { code: "ERR_MP_INTERRUPTED" };
const brief = { timeoutMs: 20 };
const bounded = { timeoutMs: 10_000 };
const rounds = 40;

/** Whatever can block, each in a state in which it does. */
interface Blocked {
  readonly lock: Lock;
  readonly rlock: RLock;
  readonly semaphore: Semaphore;
  readonly bounded: BoundedSemaphore;
  readonly condition: Condition;
  readonly event: Event;
  readonly barrier: Barrier;
  readonly empty: Queue<number>;
  readonly full: Queue<number>;
}

function blocked(): Blocked {
  const full = new Queue<number>({ maxSize: 1 });
  full.putSync(0);
  return {
    lock: new Lock(),
    rlock: new RLock(),
    semaphore: new Semaphore(0),
    bounded: new BoundedSemaphore(1),
    condition: new Condition(),
    event: new Event(),
    barrier: new Barrier(2),
    empty: new Queue(),
    full,
  };
}

/** Holds in one process what blocks another. */
function holdAll({ lock, rlock, bounded: semaphore }: Blocked): Guard[] {
  return [lock, rlock, semaphore].map((each) => each.acquireSync());
}

type Wait = (limits?: { timeoutMs: number }) => unknown;

function waitsOf(objects: Blocked, end: Connection<number>): Record<string, Wait> {
  return {
    "Lock.acquireSync()": (limits) => objects.lock.acquireSync(limits),
    "RLock.acquireSync()": (limits) => objects.rlock.acquireSync(limits),
    "Semaphore.acquireSync()": (limits) => objects.semaphore.acquireSync(limits),
    "BoundedSemaphore.acquireSync()": (limits) => objects.bounded.acquireSync(limits),
    "Event.waitSync()": (limits) => objects.event.waitSync(limits),
    "Barrier.waitSync()": (limits) => objects.barrier.waitSync(limits),
    "Queue.getSync()": (limits) => objects.empty.getSync(limits),
    "Queue.putSync()": (limits) => objects.full.putSync(1, limits),
    "Connection.recvSync()": (limits) => end.recvSync(limits),
    "Condition.waitSync()": (limits) => {
      using guard = objects.condition.acquireSync(limits);
      try {
        return objects.condition.waitSync(limits);
      } finally {
        assert.ok(objects.condition.locked);
        guard.release();
      }
    },
  };
}

/** Nothing is taken, nobody is counted in, and each wakes whoever comes next. */
function assertUntouched(objects: Blocked): void {
  for (const each of [objects.lock, objects.rlock, objects.semaphore, objects.bounded, objects.event]) {
    assert.equal(each.statistics().waitingProcesses, 0, String(each));
  }
  assert.deepEqual(objects.condition.statistics(), { locked: false, waiting: 0 });
  assert.deepEqual(objects.barrier.statistics(), { parties: 2, waiting: 0, broken: false });
  assert.equal(objects.empty.size, 0);
  assert.equal(objects.full.size, 1);
}

/** Turns of the event loop, of which a signal's handler needs one or two. */
async function becomes(isSo: () => boolean): Promise<void> {
  const deadline = Date.now() + 5000;
  while (!isSo() && Date.now() < deadline) await turn();
}

/** Of one process: its own signals, which come before `process.kill` returns. */
describe("a signal that has a handler", () => {
  leaveNothingBehind();

  test("and came before a blocking wait, ends that at once; afterwards its handler runs, and the wait is possible", async () => {
    let handled = 0;
    const handler = (): void => void handled++;
    process.on("SIGALRM", handler);
    try {
      const [end, other] = Pipe<number>();
      const event = new Event();
      const semaphore = new Semaphore(0);
      const queue = new Queue<number>();
      for (const wait of [
        () => event.waitSync(bounded),
        () => semaphore.acquireSync(bounded),
        () => queue.getSync(bounded),
        () => end.recvSync(bounded),
      ]) {
        const before = handled;
        process.kill(process.pid, "SIGALRM");
        assert.throws(wait, interrupted);
        assert.throws(wait, interrupted, "its handler has not run yet");
        assert.equal(handled, before);
        await becomes(() => handled > before);
        assert.equal(handled, before + 1);
        semaphore.release();
        semaphore.acquireSync(bounded);
      }
      assert.equal(event.waitSync(brief), false);
      assert.equal(pendingWaits(), 0);
      for (const each of [end, other]) each.close();
    } finally {
      process.off("SIGALRM", handler);
    }
  });

  test("does not end what need not wait", () => {
    const handler = (): void => {};
    process.on("SIGALRM", handler);
    try {
      process.kill(process.pid, "SIGALRM");
      const lock = new Lock();
      lock.acquireSync(bounded).release();
      assert.throws(() => new Semaphore(0).acquireSync({ timeoutMs: 0 }), { code: "ERR_MP_TIMEOUT" });
    } finally {
      process.off("SIGALRM", handler);
    }
  });

  for (const way of ["on", "once"] as const) {
    test(`process.${way}(): a handler, and what follows it, may block; another signal ends that`, async () => {
      const event = new Event();
      const outcomes: unknown[] = [];
      const attempt = (): void => {
        try {
          outcomes.push(event.waitSync(brief));
        } catch (error) {
          outcomes.push((error as { code: string }).code);
        }
      };
      process[way]("SIGALRM", async () => {
        attempt();
        await undefined;
        attempt();
        process.kill(process.pid, "SIGHUP");
        attempt();
      });
      const other = (): void => void outcomes.push("SIGHUP");
      process.on("SIGHUP", other);
      try {
        process.kill(process.pid, "SIGALRM");
        await becomes(() => outcomes.length === 4);
        assert.deepEqual(outcomes, [false, false, "ERR_MP_INTERRUPTED", "SIGHUP"]);
      } finally {
        process.removeAllListeners("SIGALRM");
        process.off("SIGHUP", other);
      }
    });
  }

  test("is told from the end of a child process, and from a profiler's signals", async () => {
    const handler = (): void => {};
    process.on("SIGALRM", handler);
    const profiler = new Session();
    profiler.connect();
    try {
      await profiler.post("Profiler.enable");
      await profiler.post("Profiler.setSamplingInterval", { interval: 200 });
      await profiler.post("Profiler.start");
      const ended = once(spawn("true", { stdio: "ignore" }), "exit");
      const started = performance.now();
      assert.equal(new Event().waitSync({ timeoutMs: 300 }), false);
      assert.ok(performance.now() - started >= 295);
      await ended;
      await profiler.post("Profiler.stop");
    } finally {
      profiler.disconnect();
      process.off("SIGALRM", handler);
    }
  });
});

forEachStartMethod((context) => {
  leaveNothingBehind();

  test("whatever blocks is ended by a signal at any instant, is left as it was, and the handler runs", async () => {
    const objects = blocked();
    const [theirs, ours] = Pipe<number>();
    const shared = makeSharedWords();
    const guards = holdAll(objects);
    const target = async (handle: number, end: Connection<number>): Promise<string[]> => {
      const words = joinSharedWords(handle);
      const problems: string[] = [];
      let handled = 0;
      process.on("SIGALRM", () => void handled++);
      for (const [what, wait] of Object.entries(waitsOf(objects, end))) {
        for (let round = 0; round < rounds; round++) {
          const before = handled;
          Atomics.add(words, 0, 1);
          try {
            wait(bounded);
            problems.push(`${what} returned in round ${round}`);
          } catch (error) {
            const { code } = error as { code?: string };
            if (code !== "ERR_MP_INTERRUPTED") problems.push(`${what} in round ${round}: ${String(error)}`);
          }
          if (handled !== before) problems.push(`${what}: the handler ran while it blocked`);
          await becomes(() => handled > before);
          if (handled !== before + 1) problems.push(`${what}: the handler ran ${handled - before} times`);
        }
      }
      return problems;
    };
    const child = await new context.Process({ target, args: [shared.handle, theirs] }).start();
    const count = Object.keys(waitsOf(objects, ours)).length * rounds;
    for (let round = 1; round <= count; round++) {
      while (Atomics.load(shared.words, 0) < round && child.isAlive()) await turn();
      // From long before it sleeps to long after.
      const until = performance.now() + Math.random() ** 3 * 3;
      while (performance.now() < until);
      process.kill(child.pid!, "SIGALRM");
    }
    assert.deepEqual(await child.result, []);
    await child.join();
    assertUntouched(objects);
    for (const guard of guards) guard.release();
    for (const each of [objects.lock, objects.rlock, objects.bounded]) {
      const guard = each.acquireSync(bounded);
      assert.equal(guard.abandoned, false);
      guard.release();
    }
    ours.close();
    shared.letGo();
  });

  test("a wait that is ended while it is handed what it waits for has it, or has not touched it", async () => {
    const permits = new Semaphore(0);
    const queue = new Queue<number>();
    const taken = new SharedValue("int32", 0);
    const ended = new SharedValue("int32", 0);
    const shared = makeSharedWords();
    const target = async (handle: number): Promise<void> => {
      const words = joinSharedWords(handle);
      process.on("SIGALRM", () => {});
      for (let round = 0; Atomics.load(words, 1) === 0; round++) {
        Atomics.add(words, 0, 1);
        try {
          if (round % 2 === 0) permits.acquireSync(bounded);
          else queue.getSync(bounded);
          taken.add(1);
        } catch (error) {
          if ((error as { code?: string }).code !== "ERR_MP_INTERRUPTED") throw error;
          ended.add(1);
          await turn();
        }
      }
    };
    const child = await new context.Process({ target, args: [shared.handle] }).start();
    const each = 200;
    await reaches(shared.words, 0, 1);
    for (let round = 1; round <= each; round++) {
      const before = Atomics.load(shared.words, 0);
      permits.release();
      queue.putSync(round);
      const until = performance.now() + Math.random() * 0.3;
      while (performance.now() < until);
      process.kill(child.pid!, "SIGALRM");
      await reaches(shared.words, 0, before + 1);
    }
    // What is left is there for it, or for others: nothing is lost.
    Atomics.store(shared.words, 1, 1);
    permits.release();
    queue.putSync(0);
    await child.result;
    await child.join();
    assert.equal(taken.value + permits.value + queue.size, 2 * each + 2);
    assert.ok(ended.value > 0);
    shared.letGo();
  });

  test("a signal without a handler ends the process, as it does any program", async () => {
    const event = new Event();
    const shared = makeSharedWords();
    const target = (handle: number): void => {
      Atomics.store(joinSharedWords(handle), 0, 1);
      event.waitSync();
    };
    const child = await new context.Process({ target, args: [shared.handle] }).start();
    await reaches(shared.words, 0, 1);
    process.kill(child.pid!, "SIGALRM");
    assert.equal(await child.join(bounded), true);
    assert.equal(child.signalCode, "SIGALRM");
    shared.letGo();
  });
});

if (getAllStartMethods().includes("forkserver")) {
  describe("a handler that a preloaded module has set", () => {
    leaveNothingBehind();

    test("is every child's own: what the server got is not theirs", async () => {
      setForkserverPreload([new URL("../modules/handles-a-signal.js", import.meta.url)]);
      const { Process } = getContext("forkserver");
      const before = new Set(forkServersOf(process.pid));
      await (await new Process({ target: () => {} }).start()).join();
      const servers = forkServersOf(process.pid).filter((pid) => !before.has(pid));
      for (const pid of servers.length > 0 ? servers : before) process.kill(pid, "SIGALRM");
      const event = new Event();
      for (let n = 0; n < 3; n++) {
        const child = new Process({
          target: () => {
            const first = event.waitSync({ timeoutMs: 20 });
            process.kill(process.pid, "SIGALRM");
            try {
              event.waitSync({ timeoutMs: 5000 });
              return "not ended";
            } catch (error) {
              return `${first}, ${(error as { code: string }).code}`;
            }
          },
        });
        await child.start();
        assert.equal(await child.result, "false, ERR_MP_INTERRUPTED");
        await child.join();
      }
      setForkserverPreload([]);
    });
  });
}
