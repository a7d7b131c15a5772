/** Pipes within one process: what Python's _TestConnection and _TestPoll ask, and order, limits, ends on their way. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Pipe, Queue, type Connection } from "#src/index.js";
import { holdingCount } from "#src/memory/holdings.js";
import { code, comesBackTo, mib, usedBytes } from "../support/memory.ts";
import { leaveNothingBehind } from "../support/leaks.ts";

const bounded = { timeout: 60_000 };

describe("Pipe", () => {
  leaveNothingBehind();

  test("what is sent at one end is received at the other, in order", async () => {
    const [a, b] = Pipe();
    const values = [1, "two", { three: [3n, new Date(3), undefined] }, new Uint8Array(5), -0, null, ""];
    for (const value of values) await a.send(value);
    for (const value of values) assert.deepEqual(await b.recv(), value);
    await b.send(1);
    assert.equal(await a.recv(), 1);
    a.close();
    b.close();
  });

  test("messages of any size from nothing to 64 MiB arrive whole", async () => {
    const [a, b] = Pipe();
    for (const size of [0, 1, 7, 8, 9, 4095, 65_535, 65_536, 65_537, 98_303, 98_304, 102_400, 300_000, mib, 64 * mib]) {
      const bytes = new Uint8Array(size).fill(size % 251);
      await a.sendBytes(bytes);
      assert.equal(Buffer.compare(await b.recvBytes(), bytes), 0);
      await a.send({ bytes });
      assert.equal(Buffer.compare(((await b.recv()) as { bytes: Uint8Array }).bytes, bytes), 0);
    }
    a.close();
    b.close();
  });

  test("a full pipe makes senders wait, and they go on in the order of coming", async () => {
    const [a, b] = Pipe<number>();
    const sent: Promise<void>[] = [];
    for (let i = 0; i < 100_000; i++) sent.push(a.send(i));
    for (let i = 0; i < 100_000; i++) assert.equal(await b.recv(), i);
    await Promise.all(sent);
    a.close();
    b.close();
  });

  test("a send that timed out or was aborted has sent nothing", async () => {
    const [a, b] = Pipe<Uint8Array>();
    const filling = new Uint8Array(60_000);
    const stop = new AbortController();
    let count = 0;
    const timesOut = async (): Promise<void> => {
      for (;;) {
        await a.send(filling, { timeoutMs: 5 });
        count++;
      }
    };
    await assert.rejects(timesOut(), code("ERR_MP_TIMEOUT"));
    const aborted = a.send(filling, { signal: stop.signal });
    const next = a.send(new Uint8Array(1));
    stop.abort(new Error("enough"));
    await assert.rejects(aborted, /enough/);
    for (let i = 0; i < count; i++) assert.equal((await b.recv()).length, 60_000);
    await next;
    assert.equal((await b.recv()).length, 1);
    a.close();
    b.close();
  });

  test("receivers are answered in the order of asking; one that gave up took nothing", async () => {
    const [a, b] = Pipe<number>();
    const first = b.recv();
    const second = b.recv({ timeoutMs: 5 });
    const third = b.recv();
    await assert.rejects(second, code("ERR_MP_TIMEOUT"));
    await a.send(1);
    await a.send(2);
    await a.send(3);
    assert.deepEqual([await first, await third, await b.recv()], [1, 2, 3]);
    a.close();
    b.close();
  });

  test("poll() tells whether there is something, waits as long as it may, and takes nothing", async () => {
    const [a, b] = Pipe<number>();
    assert.equal(await b.poll(), false);
    assert.equal(await b.poll({ timeoutMs: 5 }), false);
    const later = b.poll({ timeoutMs: Infinity });
    await a.send(1);
    assert.equal(await later, true);
    assert.equal(await b.poll(), true);
    assert.equal(await b.recv(), 1);
    assert.equal(await b.poll(), false);
    a.close();
    assert.equal(await b.poll(), true); // The end is an answer, too.
    b.close();
  });

  test("poll() sees bytes of no length, and each message by itself", async () => {
    const [a, b] = Pipe();
    const sizes = [0, 3, 0, 5000, 70_000];
    for (const size of sizes) await a.sendBytes(new Uint8Array(size).fill(size));
    for (const size of sizes) {
      for (let n = 0; n < 3; n++) assert.equal(await b.poll(), true);
      const bytes = await b.recvBytes();
      assert.ok(bytes.length === size && bytes.every((byte) => byte === (size & 0xff)));
    }
    assert.equal(await b.poll(), false);
    // What was received is the receiver's own, whatever comes next.
    await a.sendBytes(new Uint8Array(5000).fill(1));
    const first = await b.recvBytes();
    await a.sendBytes(new Uint8Array(5000).fill(2));
    const second = await b.recvBytes();
    assert.ok(first.every((byte) => byte === 1) && second.every((byte) => byte === 2));
    await a.send(undefined);
    assert.equal(b.recvSync(), undefined);
    await a.send(Number.NaN);
    assert.ok(Number.isNaN(await b.recv()));
    a.close();
    b.close();
  });

  test("a limit is not over before its time, nor long after", async () => {
    const [a, b] = Pipe<number>();
    for (const wait of [() => b.recv({ timeoutMs: 100 }), async () => b.recvSync({ timeoutMs: 100 })]) {
      const start = performance.now();
      await assert.rejects(wait, code("ERR_MP_TIMEOUT"));
      const tookMs = performance.now() - start;
      assert.ok(tookMs > 95 && tookMs < 2000, `${tookMs} ms`);
    }
    a.close();
    b.close();
  });

  test("once an end is closed the other receives what was sent, and then the end", async () => {
    const [a, b] = Pipe<number>();
    await a.send(1);
    await a.send(2);
    a.close();
    a.close();
    assert.equal(a.closed, true);
    const got: number[] = [];
    for await (const value of b) got.push(value);
    assert.deepEqual(got, [1, 2]);
    await assert.rejects(b.recv(), code("ERR_MP_END_OF_CHANNEL"));
    assert.throws(() => b.recvSync(), code("ERR_MP_END_OF_CHANNEL"));
    await assert.rejects(b.send(1), code("ERR_MP_BROKEN_PIPE"));
    assert.throws(() => b.sendSync(1), code("ERR_MP_BROKEN_PIPE"));
    await assert.rejects(a.send(1), code("ERR_MP_CLOSED"));
    await assert.rejects(a.recv(), code("ERR_MP_CLOSED"));
    b.close();
  });

  test("a receiver that waits is told when its own end is closed, and when the other one is", async () => {
    const [a, b] = Pipe();
    const own = assert.rejects(b.recv(), code("ERR_MP_CLOSED"));
    b.close();
    await own;
    await assert.rejects(a.recv(), code("ERR_MP_END_OF_CHANNEL"));
    a.close();
    const [c, d] = Pipe();
    const other = assert.rejects(d.recv(), code("ERR_MP_END_OF_CHANNEL"));
    c.close();
    await other;
    d.close();
  });

  test("a pipe that is not duplex goes one way", async () => {
    const [receiver, sender] = Pipe({ duplex: false });
    assert.deepEqual([receiver.readable, receiver.writable], [true, false]);
    assert.deepEqual([sender.readable, sender.writable], [false, true]);
    await assert.rejects(receiver.send(1), code("ERR_MP_INVALID_STATE"));
    await assert.rejects(sender.recv(), code("ERR_MP_INVALID_STATE"));
    await sender.send(1);
    assert.equal(receiver.recvSync(), 1);
    receiver.close();
    sender.close();
  });

  test("what cannot be sent rejects at once, and the pipe goes on", async () => {
    const [a, b] = Pipe();
    await assert.rejects(a.send(Promise.resolve()), code("ERR_MP_UNSERIALIZABLE"));
    assert.throws(() => a.sendSync(Promise.resolve()), code("ERR_MP_UNSERIALIZABLE"));
    await a.send(1);
    assert.equal(await b.recv(), 1);
    a.close();
    b.close();
  });

  test("bytes that are no value reject the one receive", async () => {
    const [a, b] = Pipe();
    await a.sendBytes(new Uint8Array([255, 1, 2]));
    await a.send("next");
    await assert.rejects(b.recv(), code("ERR_MP_MALFORMED_MESSAGE"));
    assert.equal(await b.recv(), "next");
    a.close();
    b.close();
  });

  test("an end that is sent through another pipe moves there", async () => {
    const [a, b] = Pipe<Connection<string>>();
    const [c, d] = Pipe<string>();
    await a.send(d);
    await assert.rejects(d.recv(), code("ERR_MP_CLOSED"));
    d.close();
    await c.send("before it is received");
    const received = await b.recv();
    assert.equal(await received.recv(), "before it is received");
    c.close();
    await assert.rejects(received.recv(), code("ERR_MP_END_OF_CHANNEL"));
    received.close();
    a.close();
    b.close();
  });

  test("an end on its way to nobody has gone; one whose message was refused has not moved", async () => {
    const [a, b] = Pipe<Connection>();
    const [c, d] = Pipe();
    await a.send(d);
    const end = assert.rejects(c.recv(), code("ERR_MP_END_OF_CHANNEL"));
    b.close();
    await end;
    c.close();
    a.close();
    const [e, f] = Pipe<Connection>();
    const [g, h] = Pipe();
    f.close();
    await assert.rejects(e.send(h), code("ERR_MP_BROKEN_PIPE"));
    await h.send("it has not moved");
    assert.equal(await g.recv(), "it has not moved");
    for (const open of [e, g, h]) open.close();
  });

  test("an end that is sent through itself reaches the other's holder; unread, it has gone", async () => {
    const [a, b] = Pipe<unknown>();
    await a.send([a, "and more"]);
    await assert.rejects(a.send(1), code("ERR_MP_CLOSED"));
    const [got] = (await b.recv()) as [Connection];
    await got.send("there");
    assert.equal(await b.recv(), "there");
    await b.send("and back");
    assert.equal(await got.recv(), "and back");
    got.close();
    await assert.rejects(b.recv(), code("ERR_MP_END_OF_CHANNEL"));
    b.close();
    const before = usedBytes();
    for (let n = 0; n < 100; n++) {
      const [c, d] = Pipe<unknown>();
      await c.send([c, new Uint8Array(50_000)]);
      d.close();
    }
    await comesBackTo(before, mib / 2);
  });

  test("the other end of a pipe is not sent through it: nobody could receive it", async () => {
    const [a, b] = Pipe<unknown>();
    const [c, d] = Pipe<unknown>();
    await assert.rejects(a.send({ deep: [b] }), code("ERR_MP_INVALID_STATE"));
    assert.throws(() => a.sendSync(b), code("ERR_MP_INVALID_STATE"));
    await b.send("it has not moved");
    assert.equal(await a.recv(), "it has not moved");
    await c.send(b);
    const got = (await d.recv()) as Connection;
    await a.send("through another it does");
    assert.equal(await got.recv(), "through another it does");
    for (const end of [a, got, c, d]) end.close();
  });

  test("an end that goes another way while its message waits goes there alone; one that is closed, nowhere", async () => {
    for (const other of ["pipe", "queue", "close"] as const) {
      const [a, b] = Pipe<unknown>();
      const [c, d] = Pipe<unknown>();
      const filling = new Uint8Array(60_000);
      let count = 0;
      for (
        ;
        await a.send(filling, { timeoutMs: 0 }).then(
          () => true,
          () => false,
        );
      )
        count++;
      const waiting = assert.rejects(a.send([d, filling]), code("ERR_MP_CLOSED"));
      const queue = new Queue<unknown>({ maxSize: 1 });
      const [e, f] = Pipe<unknown>();
      if (other === "pipe") await e.send(d);
      else if (other === "queue") await queue.put(d);
      else d.close();
      for (; count > 0; count--) await b.recv();
      await waiting;
      await a.send("nothing came of it");
      assert.equal(await b.recv(), "nothing came of it");
      if (other !== "close") {
        const got = (await (other === "pipe" ? f.recv() : queue.get())) as Connection;
        await got.send("here alone");
        assert.equal(await c.recv(), "here alone");
        got.close();
      }
      await assert.rejects(c.recv(), code("ERR_MP_END_OF_CHANNEL"));
      for (const end of [a, b, c, e, f]) end.close();
      queue.close();
    }
  });

  test("an end that a getter sends elsewhere, while the message with it is made, goes there alone", async () => {
    const [a, b] = Pipe<unknown>();
    const [c, d] = Pipe<unknown>();
    const trap = {
      d,
      get sends(): number {
        b.sendSync(d);
        return 1;
      },
    };
    await assert.rejects(a.send(trap), code("ERR_MP_CLOSED"));
    const got = (await a.recv()) as Connection;
    await got.send("here alone");
    assert.equal(await c.recv(), "here alone");
    assert.equal(await b.poll(), false);
    for (const end of [a, b, c, got]) end.close();
  });

  test("a hundred pipes leave no memory and no holding behind", async () => {
    const before = holdingCount();
    const usedBefore = usedBytes();
    for (let round = 0; round < 100; round++) {
      const [a, b] = Pipe();
      await a.send(new Uint8Array(200_000));
      await a.send("never received");
      a.close();
      b.close();
    }
    await comesBackTo(usedBefore, mib / 8);
    // Fewer, when what earlier tests have lost is collected meanwhile.
    assert.ok(holdingCount() <= before, `${holdingCount()} holdings, ${before} before`);
  });

  test(
    "large buffers in a message are each its own, and stay as they were sent whatever is sent later",
    bounded,
    async () => {
      const [a, b] = Pipe();
      const size = 300_000;
      const got: { first: Float64Array; second: Buffer; third: ArrayBuffer }[] = [];
      for (let round = 0; round < 20; round++) {
        const first = new Float64Array(size / 8).fill(round);
        const second = Buffer.alloc(size, round + 1);
        const third = new Uint8Array(size).fill(round + 2).buffer;
        await a.send({ first, second, third });
        first.fill(-1);
        second.fill(255);
        got.push((await b.recv()) as (typeof got)[number]);
      }
      for (const [round, { first, second, third }] of got.entries()) {
        assert.equal(first.buffer.byteLength, size);
        assert.ok(first.every((value) => value === round));
        assert.equal(second.length, size);
        assert.ok(second.every((byte) => byte === round + 1));
        assert.ok(new Uint8Array(third).every((byte) => byte === round + 2));
      }
      got[0]!.second.fill(77);
      assert.ok(got[1]!.second.every((byte) => byte === 2));
      a.close();
      b.close();
    },
  );

  test("a buffer that was given on keeps its bytes when the object that was received is gone", bounded, async () => {
    const [a, b] = Pipe<ArrayBuffer>();
    const size = 2 * mib;
    await a.send(new Uint8Array(size).fill(7).buffer);
    let received: (ArrayBuffer & { transfer?(): ArrayBuffer }) | undefined = await b.recv();
    if (received.transfer === undefined) return; // Node 20 has none.
    const moved = received.transfer();
    received = undefined;
    for (let i = 0; i < 50; i++) {
      await a.send(new Uint8Array(size).fill(8).buffer);
      await b.recv();
    }
    assert.ok(new Uint8Array(moved).every((byte) => byte === 7));
    a.close();
    b.close();
  });
});
