/** The owner's end of a control channel: all comes, whole and in order, whoever is slow, and an end is told once. */
import assert from "node:assert/strict";
import { closeSync } from "node:fs";
import { test } from "node:test";
import { addonOrUndefined } from "#src/host/addon.js";
import { WatchedPort } from "#src/process/control-port.js";
import { leaveNothingBehind } from "../support/leaks.ts";

const addon = addonOrUndefined()!;

interface Heard {
  readonly chunks: Buffer[];
  readonly ended: Promise<void>;
  ends(): number;
}

function listen(port: WatchedPort): Heard {
  const chunks: Buffer[] = [];
  let ends = 0;
  const ended = new Promise<void>((resolve) => {
    port.listen(
      (bytes) => chunks.push(Buffer.from(bytes)),
      () => {
        ends++;
        resolve();
      },
    );
  });
  return { chunks, ended, ends: () => ends };
}

/** Many times what a socket has room for. */
const large = Buffer.alloc(
  3_000_000,
  Uint8Array.from({ length: 251 }, (_, n) => n),
);

test("a watched port", { skip: addonOrUndefined() === undefined }, async (t) => {
  leaveNothingBehind();

  await t.test("sends what there is no room for as soon as there is, in order, in any number of parts", async () => {
    const [near, far] = addon.socketPair("stream");
    const [sender, receiver] = [new WatchedPort(addon, near), new WatchedPort(addon, far)];
    listen(sender);
    const heard = listen(receiver);
    const parts = Array.from({ length: 40 }, (_, n) =>
      large.subarray(n * 1000, n === 39 ? large.length : n * 1000 + 1000),
    );
    sender.send([...parts.slice(0, 25), new Uint8Array(0)]);
    sender.send(parts.slice(25));
    sender.send([Buffer.from("the last")]);
    while (heard.chunks.reduce((sum, chunk) => sum + chunk.length, 0) < large.length + 8) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.ok(Buffer.concat(heard.chunks).equals(Buffer.concat([large, Buffer.from("the last")])));
    sender.close();
    await heard.ended;
    receiver.close();
  });

  await t.test("what has come before the other end was closed is told, then the end, once", async () => {
    const [near, far] = addon.socketPair("stream");
    const port = new WatchedPort(addon, near);
    const heard = listen(port);
    addon.sendNow(far, [Buffer.from("last words")]);
    closeSync(far);
    await heard.ended;
    assert.equal(Buffer.concat(heard.chunks).toString(), "last words");
    port.send([Buffer.from("to nobody")]);
    port.close();
    port.close();
    assert.equal(heard.ends(), 1);
  });

  await t.test(
    "an end that left something unread, or while something waits to be sent, is an end like any other",
    async () => {
      const [near, far] = addon.socketPair("stream");
      const port = new WatchedPort(addon, near);
      const heard = listen(port);
      port.send([large]);
      closeSync(far);
      await heard.ended;
      port.send([large]);
      port.close();
      assert.equal(heard.ends(), 1);
    },
  );

  await t.test("closed by whoever is told its bytes, it tells no more", async () => {
    const [near, far] = addon.socketPair("stream");
    const port = new WatchedPort(addon, near);
    let told = 0;
    const ended = new Promise<void>((resolve) => {
      port.listen(() => {
        told++;
        port.close();
      }, resolve);
    });
    addon.sendNow(far, [large.subarray(0, 100_000)]);
    await ended;
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(told, 1);
    closeSync(far);
  });
});
