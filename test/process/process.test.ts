/** The contract of a Process: what it runs, what it is called, what it delivers, how it ends. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  activeChildren,
  currentProcess,
  getpid,
  getppid,
  parentProcess,
  ProcessExitedError,
  Process,
} from "#src/index.js";
import { leaveNothingBehind } from "../support/leaks.ts";
import { forEachStartMethod } from "../support/methods.ts";

class Refused extends RangeError {
  readonly limit: number;
  constructor(message: string, limit: number, cause?: unknown) {
    super(message, { cause });
    this.limit = limit;
  }
}

forEachStartMethod((context) => {
  leaveNothingBehind();

  test("a function runs in another process with its arguments and its options object", async () => {
    function add(a: number, b: number, { times }: { times: number }): [number, number] {
      return [(a + b) * times, process.pid];
    }
    const adder = new context.Process({ target: add, args: [1, 2], kwargs: { times: 10 } });
    assert.equal(await adder.start(), adder);
    const [sum, pid] = (await adder.result) as [number, number];
    assert.equal(sum, 30);
    assert.equal(pid, adder.pid);
    assert.notEqual(pid, process.pid);
    assert.equal(await adder.join(), true);
    assert.equal(adder.exitCode, 0);
    assert.equal(adder.signalCode, null);
    assert.equal(adder.isAlive(), false);
  });

  test("a closure takes what it captures along, as it is when start() is called", async () => {
    let count = 1;
    const words = new Map([["a", 1]]);
    const process_ = new context.Process({ target: () => [count, words] });
    count = 2;
    const started = process_.start();
    count = 3;
    words.set("b", 2);
    await started;
    assert.deepEqual(await process_.result, [2, new Map([["a", 1]])]);
    await process_.join();
  });

  test("what an async target resolves to is its result, which settles before join resolves", async () => {
    const order: string[] = [];
    const slow = new context.Process({
      target: async () => {
        await new Promise((resolve) => setTimeout(resolve, 30));
        return "done";
      },
    });
    await slow.start();
    await Promise.all([
      slow.join().then(() => order.push("join")),
      slow.result.then((value) => order.push(String(value))),
    ]);
    assert.deepEqual(order, ["done", "join"]);
  });

  test("names, pids and parents are as Python has them", async () => {
    const who = (): unknown => ({
      name: currentProcess().name,
      text: String(currentProcess()),
      pid: [getpid(), process.pid, currentProcess().pid],
      ppid: getppid(),
      parent: [parentProcess()?.name, parentProcess()?.pid, parentProcess()?.isAlive()],
    });
    const named = new context.Process({ target: who, name: "myprocess1" });
    const unnamed = new context.Process({ target: who });
    assert.match(unnamed.name, /^Process-\d+$/);
    assert.equal(String(named), `<Process name='myprocess1' parent=${process.pid} initial>`);
    await Promise.all([named.start(), unnamed.start()]);
    const started = `<Process name='myprocess1' pid=${named.pid} parent=${process.pid} started>`;
    assert.equal(String(named), started);
    assert.deepEqual(await named.result, {
      name: "myprocess1",
      text: started,
      pid: [named.pid, named.pid, named.pid],
      ppid: process.pid,
      parent: ["MainProcess", process.pid, true],
    });
    assert.equal(((await unnamed.result) as { name: string }).name, unnamed.name);
    await Promise.all([named.join(), unnamed.join()]);
    assert.equal(
      String(named),
      `<Process name='myprocess1' pid=${named.pid} parent=${process.pid} stopped exitcode=0>`,
    );
    assert.equal(currentProcess().name, "MainProcess");
    assert.equal(parentProcess(), null);
    assert.equal(getppid(), process.ppid);
  });

  test("the children of a child are numbered under it", async () => {
    const parent = new context.Process({
      target: async () => {
        const child = new Process({ target: () => [currentProcess().name, parentProcess()!.name, getppid()] });
        await child.start();
        const told = await child.result;
        await child.join();
        return [told, process.pid];
      },
    });
    await parent.start();
    const [told, pid] = (await parent.result) as [unknown[], number];
    assert.deepEqual(told, [`${parent.name}:1`, parent.name, pid]);
    await parent.join();
  });

  test("each Process counts, named or not", () => {
    const first = new context.Process({});
    void new context.Process({ name: "other" });
    const third = new context.Process({});
    const number = (name: string): number => Number(name.replace("Process-", ""));
    assert.equal(number(third.name), number(first.name) + 2);
  });

  test("the target's own error arrives with its class, its fields, its cause and both stacks", async () => {
    function refuse(): never {
      throw new Refused("too much", 7, new TypeError("inner"));
    }
    const process_ = new context.Process({ target: refuse, stdio: "ignore" });
    await process_.start();
    const error = await process_.result.then(
      () => assert.fail("it resolved"),
      (reason: unknown) => reason,
    );
    assert.ok(error instanceof Refused);
    assert.ok(error instanceof RangeError);
    assert.equal(error.limit, 7);
    assert.equal(error.message, "too much");
    assert.ok(error.cause instanceof TypeError);
    assert.match(error.stack!, /at refuse .*process\.test\.(js|ts):\d+/);
    assert.match(error.stack!, /--- in process "Process-\d+" \(pid \d+\)/);
    await process_.join();
    assert.equal(process_.exitCode, 1);
  });

  test("anything can be thrown, not only errors", async () => {
    const process_ = new context.Process({ target: () => Promise.reject("a word"), stdio: "ignore" });
    await process_.start();
    await assert.rejects(process_.result, (reason) => reason === "a word");
    await process_.join();
    assert.equal(process_.exitCode, 1);
  });

  test("an uncaught error outside of the target ends the process, and is its result", async () => {
    const process_ = new context.Process({
      target: () => {
        setTimeout(() => {
          throw new SyntaxError("late");
        }, 1);
        return new Promise(() => {});
      },
      stdio: "ignore",
    });
    await process_.start();
    await assert.rejects(process_.result, SyntaxError);
    await process_.join();
    assert.equal(process_.exitCode, 1);
  });

  test("a child goes on after its target has settled, while something keeps its event loop alive", async () => {
    const process_ = new context.Process({
      target: () => {
        setTimeout(() => process.exit(5), 50);
        return "early";
      },
    });
    await process_.start();
    assert.equal(await process_.result, "early");
    assert.equal(process_.exitCode, null);
    await process_.join();
    assert.equal(process_.exitCode, 5);
  });

  test("a process that kills itself has Python's exit code, and a result that says so", async () => {
    const process_ = new context.Process({
      target: () => {
        process.kill(process.pid, "SIGKILL");
        for (;;);
      },
    });
    await process_.start();
    await assert.rejects(process_.result, (error: unknown) => {
      assert.ok(error instanceof ProcessExitedError);
      assert.equal(error.code, "ERR_MP_PROCESS_EXITED");
      assert.deepEqual([error.pid, error.exitCode, error.signalCode], [process_.pid, -9, "SIGKILL"]);
      return true;
    });
    await process_.join();
    assert.deepEqual([process_.exitCode, process_.signalCode], [-9, "SIGKILL"]);
  });

  test("interrupt, terminate and kill send their signals", async () => {
    for (const [call, signal, code] of [
      ["interrupt", "SIGINT", -2],
      ["terminate", "SIGTERM", -15],
      ["kill", "SIGKILL", -9],
    ] as const) {
      const process_ = new context.Process({
        target: () => {
          for (;;);
        },
      });
      await process_.start();
      process_[call]();
      assert.equal(await process_.join(), true);
      assert.deepEqual([process_.exitCode, process_.signalCode], [code, signal]);
      process_[call](); // Nothing once it has ended.
    }
  });

  test("a target whose promise can never settle ends with exit code 13, not with a hang", async () => {
    const process_ = new context.Process({ target: () => new Promise(() => {}) });
    await process_.start();
    await assert.rejects(process_.result, { code: "ERR_MP_PROCESS_EXITED", exitCode: 13 });
    await process_.join();
  });

  test("join answers false when its time limit passes first, and rejects with the reason of an abort", async () => {
    const process_ = new context.Process({ target: () => new Promise((resolve) => setTimeout(resolve, 60_000)) });
    await process_.start();
    assert.equal(await process_.join({ timeoutMs: 10 }), false);
    assert.equal(await process_.join({ timeoutMs: 0 }), false);
    assert.equal(await process_.join({ timeoutMs: -1 }), false);
    const reason = { why: "enough" };
    await assert.rejects(process_.join({ signal: AbortSignal.abort(reason) }), (error) => error === reason);
    const controller = new AbortController();
    const joined = process_.join({ signal: controller.signal });
    controller.abort(reason);
    await assert.rejects(joined, (error) => error === reason);
    assert.equal(process_.isAlive(), true);
    process_.kill();
    assert.equal(await process_.join({ timeoutMs: 60_000 }), true);
    assert.equal(await process_.join({ timeoutMs: 0 }), true);
  });

  test("join awaits a start that is under way", async () => {
    const process_ = new context.Process({ target: () => 1 });
    void process_.start();
    assert.equal(await process_.join(), true);
    assert.equal(process_.exitCode, 0);
  });

  test("activeChildren lists the processes that run", async () => {
    assert.deepEqual(activeChildren(), []);
    const process_ = new context.Process({ target: () => new Promise((resolve) => setTimeout(resolve, 60_000)) });
    await process_.start();
    assert.deepEqual(activeChildren(), [process_]);
    process_.kill();
    await process_.join();
    assert.deepEqual(activeChildren(), []);
  });

  test("await using terminates, joins and closes", async () => {
    let kept: Process;
    {
      await using process_ = new context.Process({
        target: () => new Promise((resolve) => setTimeout(resolve, 60_000)),
      });
      await process_.start();
      kept = process_ as Process;
    }
    assert.throws(() => kept.exitCode, { code: "ERR_MP_CLOSED" });
    assert.match(String(kept), /^<Process name=.* parent=\d+ closed>$/);
  });

  test("the sentinel can be read once it has started", async () => {
    const process_ = new context.Process({ target: () => 1 });
    assert.throws(() => process_.sentinel, { code: "ERR_MP_INVALID_STATE" });
    await process_.start();
    assert.equal(process_.sentinel, process_.sentinel);
    await process_.join();
    assert.match(String(process_.sentinel), /ready/);
  });
});
