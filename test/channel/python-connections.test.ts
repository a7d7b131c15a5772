/**
 * The scenarios of CPython's own tests of connections, between processes: `_TestConnection`, `_TestPoll`,
 * `_TestPicklingConnections`, `TestWait`. Each test bears its scenario's name. Not offered, so not here: descriptors sent
 * through a pipe (test_fd_transfer and its kin), sockets in wait() (test_wait_socket), offsets of sendBytes() and buffers for
 * recvBytes() (test_sendbytes; `subarray()` does it). The same within one process and more: `pipe.test.ts`.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Event, Pipe, wait, type Connection } from "#src/index.js";
import { leaveNothingBehind } from "../support/leaks.ts";
import { code } from "../support/memory.ts";
import { forEachStartMethod } from "../support/methods.ts";

const bounded = { timeout: 60_000 };
/** Nothing may take longer on the busiest machine; nothing waits so long but a test that fails. */
const patience = { timeoutMs: 30_000 };
/** For what must time out. */
const soon = { timeoutMs: 20 };

forEachStartMethod(({ Process }) => {
  leaveNothingBehind();

  test(
    "_TestConnection.test_connection: values, bytes, 16 MiB, polls, and the end, by way of an echo",
    bounded,
    async () => {
      const [ours, theirs] = Pipe();
      const target = async (end: Connection): Promise<void> => {
        for (let bytes = await end.recvBytes(); bytes.length > 0; bytes = await end.recvBytes())
          await end.sendBytes(bytes);
        for (let value = await end.recv(); value !== "enough"; value = await end.recv()) await end.send(value);
      };
      const child = await new Process({ target, args: [theirs] }).start();
      assert.deepEqual([ours.readable, ours.writable, ours.closed], [true, true, false]);
      const large = new Uint8Array(16 * 2 ** 20).fill(88);
      for (const bytes of [new TextEncoder().encode("hello world"), large, large.subarray(5, 9), new Uint8Array([0])]) {
        await ours.sendBytes(bytes);
        assert.equal(Buffer.compare(await ours.recvBytes(patience), bytes), 0);
      }
      await ours.sendBytes(new Uint8Array(0));
      for (const value of [[1, 2.25, null], { large }, "é".repeat(100_000), undefined]) {
        await ours.send(value);
        assert.deepEqual(await ours.recv(patience), value);
      }
      assert.equal(await ours.poll(), false);
      assert.equal(await ours.poll({ timeoutMs: -1 }), false);
      assert.equal(await ours.poll(soon), false);
      await ours.send(null);
      assert.equal(await ours.poll(patience), true);
      assert.equal(await ours.recv(), null);
      await ours.send("enough");
      assert.equal(await ours.poll(patience), true); // The end.
      await assert.rejects(ours.recv(patience), code("ERR_MP_END_OF_CHANNEL"));
      await assert.rejects(ours.send(1), code("ERR_MP_BROKEN_PIPE"));
      await child.join();
      ours.close();
      await assert.rejects(ours.poll(), code("ERR_MP_CLOSED"));
    },
  );

  test("_TestConnection.test_duplex_false, with a process at the other end", bounded, async () => {
    const [reader, writer] = Pipe<string>({ duplex: false });
    const target = async (end: Connection<string>): Promise<(string | undefined)[]> => {
      const codes: (string | undefined)[] = [];
      for (const use of [() => end.recv(), () => end.poll(), () => end.recvBytes()]) {
        await use().catch((error: unknown) => codes.push((error as { code?: string }).code));
      }
      await end.send("one way");
      return codes;
    };
    const child = await new Process({ target, args: [writer] }).start();
    assert.equal(await reader.recv(patience), "one way");
    await assert.rejects(reader.send("back"), code("ERR_MP_INVALID_STATE"));
    assert.deepEqual(await child.result, Array(3).fill("ERR_MP_INVALID_STATE"));
    await assert.rejects(reader.recv(patience), code("ERR_MP_END_OF_CHANNEL"));
    await child.join();
    reader.close();
  });

  test(
    "_TestConnection.test_spawn_close: close() right after start() takes nothing from the child",
    bounded,
    async () => {
      const [ours, theirs] = Pipe<Uint8Array>();
      const target = async (end: Connection<Uint8Array>): Promise<void> =>
        end.send((await end.recv()).slice().reverse());
      const child = new Process({ target, args: [theirs] });
      const started = child.start();
      await started;
      theirs.close();
      await ours.send(new Uint8Array([1, 2, 3]));
      assert.deepEqual(await ours.recv(patience), new Uint8Array([3, 2, 1]));
      ours.close();
      await child.join();
    },
  );

  test(
    "_TestConnection.test_context: an end that is disposed of ends the other process's receive",
    bounded,
    async () => {
      const [ours, theirs] = Pipe<number>();
      const target = async (end: Connection<number>): Promise<number[]> => {
        const got: number[] = [];
        for await (const n of end) got.push(n);
        return got;
      };
      const child = await new Process({ target, args: [theirs] }).start();
      await ours.send(1);
      const dispose = (ours as unknown as Record<symbol, () => Promise<void>>)[Symbol.asyncDispose]!;
      await dispose.call(ours);
      assert.equal(ours.closed, true);
      assert.deepEqual(await child.result, [1]);
      await child.join();
    },
  );

  test("_TestPoll.test_empty_string, test_strings, test_boundaries, test_dont_merge", bounded, async () => {
    const [ours, theirs] = Pipe();
    const target = async (end: Connection): Promise<void> => {
      await end.recv();
      for (const text of ["", "hello", "a", "b"]) {
        await end.sendBytes(new TextEncoder().encode(text));
        await end.recv(); // Each by itself, when its receiver has looked.
      }
      for (const text of ["a", "b", "cd"]) await end.sendBytes(new TextEncoder().encode(text));
    };
    const child = await new Process({ target, args: [theirs] }).start();
    const received = async (): Promise<string> => new TextDecoder().decode(await ours.recvBytes(patience));
    assert.equal(await ours.poll(), false);
    await ours.send("go on");
    for (const text of ["", "hello", "a", "b"]) {
      assert.equal(await ours.poll(patience), true);
      assert.equal(await ours.poll(), true);
      assert.equal(await received(), text);
      assert.equal(await ours.poll(), false);
      await ours.send("go on");
    }
    await child.join();
    // All were sent before any is received, by a process that has ended.
    for (const text of ["a", "b", "cd"]) {
      for (let n = 0; n < 3; n++) assert.equal(await ours.poll(), true);
      assert.equal(await received(), text);
    }
    assert.equal(await ours.poll(), true);
    await assert.rejects(ours.recvBytes(), code("ERR_MP_END_OF_CHANNEL"));
    ours.close();
  });

  test("_TestPicklingConnections.test_access: ends of either sort, sent to a process that runs", bounded, async () => {
    const [ours, theirs] = Pipe<unknown>();
    const target = async (end: Connection): Promise<void> => {
      const writer = (await end.recv()) as Connection<string>;
      await writer.send("all is well");
      writer.close();
      const reader = (await end.recv()) as Connection<string>;
      const message = await reader.recv();
      await end.send(message.repeat(2));
    };
    const child = await new Process({ target, args: [theirs] }).start();
    const [reader, itsWriter] = Pipe<string>({ duplex: false });
    await ours.send(itsWriter);
    itsWriter.close(); // It has moved: this takes nothing away.
    assert.equal(await reader.recv(patience), "all is well");
    await assert.rejects(reader.recv(patience), code("ERR_MP_END_OF_CHANNEL"));
    reader.close();
    const [itsReader, writer] = Pipe<string>({ duplex: false });
    await ours.send(itsReader);
    itsReader.close();
    await writer.send("foobar");
    writer.close();
    assert.equal(await ours.recv(patience), "foobarfoobar");
    await child.join();
    ours.close();
  });

  test(
    "_TestPicklingConnections.test_pickling: an end goes from one child through its parent to another",
    bounded,
    async () => {
      const makes = async (end: Connection): Promise<void> => {
        const { Pipe } = await import("#src/index.js");
        const [mine, yours] = Pipe<string>();
        await end.send(yours);
        await mine.send((await mine.recv()).toUpperCase());
        await end.recv();
      };
      const uses = async (end: Connection): Promise<string> => {
        const got = (await end.recv()) as Connection<string>;
        await got.send("hello");
        return got.recv();
      };
      const [toMaker, maker] = Pipe<unknown>();
      const [toUser, user] = Pipe<unknown>();
      const children = [
        new Process({ target: makes, args: [maker] }),
        new Process({ target: uses, args: [user] }),
      ] as const;
      for (const each of children) await each.start();
      await toUser.send(await toMaker.recv(patience));
      assert.equal(await children[1].result, "HELLO");
      await toMaker.send("enough");
      for (const each of children) await each.join();
      toMaker.close();
      toUser.close();
    },
  );

  test("TestWait.test_wait: messages of four processes and the end of each", bounded, async () => {
    const target = async (end: Connection<[number, number]>, id: number): Promise<void> => {
      for (let n = 0; n < 10; n++) {
        if ((n * 7 + id) % 3 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
        await end.send([n, id]);
      }
    };
    const children = [];
    let readers: Connection<[number, number]>[] = [];
    for (let id = 0; id < 4; id++) {
      const [reader, writer] = Pipe<[number, number]>({ duplex: false });
      children.push(await new Process({ target, args: [writer, id] }).start());
      readers.push(reader);
    }
    const messages: [number, number][] = [];
    while (readers.length > 0) {
      const ready = await wait(readers, patience);
      assert.ok(ready.length > 0);
      for (const each of ready) {
        try {
          messages.push(await each.recv());
        } catch (error) {
          code("ERR_MP_END_OF_CHANNEL")(error);
          readers = readers.filter((other) => other !== each);
          each.close();
        }
      }
    }
    for (let id = 0; id < 4; id++) {
      const its = messages.filter(([, of]) => of === id).map(([n]) => n);
      assert.deepEqual(its, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    }
    for (const each of children) await each.join();
  });

  test(
    "TestWait.test_wait_timeout and test_wait_integer: pipes and a sentinel, in the order given",
    bounded,
    async () => {
      const [a, x] = Pipe<null>();
      const [b, y] = Pipe<null>();
      const mayEnd = new Event();
      const target = async (end: Event): Promise<void> => void (await end.wait());
      const child = await new Process({ target, args: [mayEnd] }).start();
      const all = [a, child.sentinel, b] as const;
      const start = performance.now();
      assert.deepEqual(await wait(all, { timeoutMs: 50 }), []);
      assert.ok(performance.now() - start >= 48);
      assert.deepEqual(await wait(all, { timeoutMs: -1 }), []);
      const waiting = wait(all, patience);
      mayEnd.set();
      assert.deepEqual(await waiting, [child.sentinel]);
      await y.send(null);
      assert.deepEqual(await wait(all, patience), [child.sentinel, b]);
      await x.send(null);
      assert.deepEqual(await wait(all, patience), [...all]);
      await child.join();
      for (const end of [a, b, x, y]) end.close();
    },
  );
});
