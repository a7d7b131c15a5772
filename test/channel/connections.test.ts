/** Ends of pipes in several processes: how they move, and what a death makes of them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Pipe, type Connection } from "#src/index.js";
import { leaveNothingBehind } from "../support/leaks.ts";
import { code, comesBackTo, mib, usedBytes } from "../support/memory.ts";
import { forEachStartMethod } from "../support/methods.ts";

async function echo(end: Connection): Promise<void> {
  for await (const message of end) await end.send(message);
}

const bounded = { timeout: 60_000 };

forEachStartMethod(({ Process }) => {
  leaveNothingBehind();

  test("an end that is passed in args moves to the child", bounded, async () => {
    const [a, b] = Pipe();
    const child = new Process({ target: echo, args: [b] });
    await child.start();
    await assert.rejects(b.recv(), code("ERR_MP_CLOSED"));
    for (const value of [1, { two: 2 }, new Uint8Array(100_000).fill(3)]) {
      await a.send(value);
      assert.deepEqual(await a.recv(), value);
    }
    a.close();
    await child.join();
    assert.equal(child.exitCode, 0);
  });

  test("an end that a closure captures moves with it", bounded, async () => {
    const [a, b] = Pipe();
    const held = { ends: [b] };
    const child = new Process({ target: async () => held.ends[0]!.send("from the child") });
    await child.start();
    assert.equal(await a.recv(), "from the child");
    await child.join();
    a.close();
  });

  test("an end in a result moves to the owner, and outlives the process that made it", bounded, async () => {
    const child = new Process({
      target: async () => {
        const [near, far] = Pipe<string>();
        await near.send("before the end");
        return { near, far };
      },
    });
    await child.start();
    const { near, far } = await child.result;
    await child.join();
    assert.equal(await far.recv({ timeoutMs: 20_000 }), "before the end");
    await far.send("after it");
    assert.equal(await near.recv({ timeoutMs: 20_000 }), "after it");
    near.close();
    await assert.rejects(far.recv({ timeoutMs: 20_000 }), code("ERR_MP_END_OF_CHANNEL"));
    far.close();
  });

  test("a start that fails has moved nothing", bounded, async () => {
    const [a, b] = Pipe();
    const target = async (end: Connection, more: unknown): Promise<void> => end.send(more);
    const child = new Process({ target, args: [b, Promise.resolve()] });
    await assert.rejects(child.start(), code("ERR_MP_UNSERIALIZABLE"));
    await b.send("still here");
    assert.equal(await a.recv(), "still here");
    a.close();
    b.close();
  });

  test("the synchronous forms", bounded, async () => {
    const [a, b] = Pipe<number>();
    const target = (end: Connection<number>): void => {
      for (let i = 0; i < 1000; i++) end.sendSync(end.recvSync({ timeoutMs: 20_000 }) + 1);
    };
    const child = new Process({ target, args: [b] });
    await child.start();
    for (let i = 0; i < 1000; i++) {
      a.sendSync(i);
      assert.equal(a.recvSync({ timeoutMs: 20_000 }), i + 1);
    }
    assert.throws(() => a.recvSync(), code("ERR_MP_END_OF_CHANNEL"));
    await child.join();
    a.close();
  });

  test("recv() ends when the holder of the other end is killed, and what it sent arrives", bounded, async () => {
    const [a, b] = Pipe();
    const target = async (end: Connection): Promise<void> => {
      await end.send("last words");
      await end.send(new Uint8Array(10_000_000));
      process.kill(process.pid, "SIGKILL");
    };
    const child = new Process({ target, args: [b] });
    await child.start();
    assert.equal(await a.recv(), "last words");
    assert.equal(((await a.recv()) as Uint8Array).length, 10_000_000);
    await assert.rejects(a.recv(), code("ERR_MP_END_OF_CHANNEL"));
    await assert.rejects(a.send(1), code("ERR_MP_BROKEN_PIPE"));
    await child.join();
    a.close();
  });

  test("nobody waits for a child that was killed before or after it took its end", bounded, async () => {
    for (let round = 0; round < 10; round++) {
      const [a, b] = Pipe();
      const child = new Process({ target: async (end: Connection) => end.send(1), args: [b] });
      await child.start();
      if (round > 0) await new Promise((resolve) => setTimeout(resolve, round));
      child.kill();
      const got: unknown[] = [];
      for await (const value of a) got.push(value);
      assert.ok(got.length <= 1);
      await child.join();
      a.close();
    }
  });

  test(
    "an end that is given to two processes at once goes to the first; the second start is refused",
    bounded,
    async () => {
      const [a, b] = Pipe();
      const children = [0, 1].map(() => new Process({ target: echo, args: [b] }));
      const [first, second] = await Promise.allSettled(children.map((each) => each.start()));
      assert.equal(first!.status, "fulfilled");
      code("ERR_MP_UNSERIALIZABLE")((second as PromiseRejectedResult).reason);
      b.close(); // It has moved: this takes nothing from its holder.
      await a.send("echo");
      assert.equal(await a.recv(), "echo");
      a.close();
      await children[0]!.join();
    },
  );

  test("siblings are connected", bounded, async () => {
    const [a, b] = Pipe<string>();
    const say = new Process({ target: async (end: Connection<string>) => end.send("to my sibling"), args: [a] });
    const hear = new Process({ target: async (end: Connection<string>) => end.recv(), args: [b] });
    await say.start();
    await hear.start();
    assert.equal(await hear.result, "to my sibling");
    await Promise.all([say.join(), hear.join()]);
  });

  test("an end reaches a grandchild through its parent", bounded, async () => {
    const [c, d] = Pipe<Connection<string>>();
    const [e, f] = Pipe<string>();
    const parent = new Process({
      target: async (way: Connection<Connection<string>>) => {
        const { Process } = await import("#src/index.js");
        const child = new Process({
          target: async (it: Connection<string>) => it.send("from far below"),
          args: [await way.recv()],
        });
        await child.start();
        await child.join();
      },
      args: [d],
    });
    await parent.start();
    await c.send(f);
    assert.equal(await e.recv(), "from far below");
    await assert.rejects(e.recv(), code("ERR_MP_END_OF_CHANNEL"));
    await parent.join();
    c.close();
    e.close();
  });

  test("a sender that is killed while it sends 64 MiB tears nothing, and its memory comes back", bounded, async () => {
    const usedBefore = usedBytes();
    // A function of its own: what a suspended function has in its frame is not collected.
    const round = async (): Promise<void> => {
      const [a, b] = Pipe<Uint8Array>();
      const target = async (end: Connection<Uint8Array>): Promise<void> => {
        for (let i = 1; ; i++) await end.send(new Uint8Array(64 * 2 ** 20).fill(i));
      };
      const child = new Process({ target, args: [b] });
      await child.start();
      const first = await a.recv();
      assert.ok(first.length === 64 * mib && first[0] === 1 && first.at(-1) === 1);
      child.kill();
      let count = 1;
      for await (const message of a) {
        count++;
        assert.equal(message.length, 64 * mib);
        assert.ok(message[0] === count && message.at(-1) === count);
      }
      await child.join();
      a.close();
    };
    for (let i = 0; i < 4; i++) await round();
    await comesBackTo(usedBefore, 16 * mib);
  });
});
