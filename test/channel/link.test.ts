/** Links: bytes between a pool and its worker. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Link } from "#src/channel/link.js";
import { Pipe, type Connection } from "#src/index.js";
import { leaveNothingBehind } from "../support/leaks.ts";
import { code } from "../support/memory.ts";
import { forEachStartMethod } from "../support/methods.ts";

const bounded = { timeout: 60_000 };

/** Sends back what it gets. */
async function serve(end: Connection): Promise<void> {
  const { Link } = await import("#src/channel/link.js");
  const link = new Link(end);
  await new Promise<void>((resolve) => {
    link.onMessages(
      (bytes) => {
        if (!link.trySend(bytes)) void link.send(bytes);
      },
      () => resolve(),
    );
  });
}

forEachStartMethod(({ Process }) => {
  leaveNothingBehind();

  test("messages of all sizes come back whole and in order, and the end is told once", bounded, async () => {
    const [a, b] = Pipe();
    const child = new Process({ target: serve, args: [b] });
    await child.start();
    const link = new Link(a);
    const sizes = Array.from({ length: 3000 }, (_, i) => (i % 500 === 0 ? 200_000 + i : (i * 37) % 3000));
    let next = 0;
    let ends = 0;
    const all = new Promise<void>((resolve) => {
      link.onMessages(
        (bytes) => {
          assert.equal(bytes.length, sizes[next]);
          assert.ok(bytes.every((byte) => byte === next % 251));
          if (++next === sizes.length) resolve();
        },
        () => ends++,
      );
    });
    for (const [i, size] of sizes.entries()) void link.send(new Uint8Array(size).fill(i % 251));
    await all;
    child.kill();
    await child.join();
    await assert.rejects(link.send(new Uint8Array(1)), code("ERR_MP_BROKEN_PIPE"));
    assert.throws(() => link.trySend(new Uint8Array(1)), code("ERR_MP_BROKEN_PIPE"));
    while (ends === 0) await new Promise((resolve) => setImmediate(resolve));
    link.close();
    link.close();
    assert.equal(ends, 1);
  });

  test(
    "a message is answered whenever it comes: while the other end looks again, as it falls asleep, long after",
    bounded,
    async () => {
      const [a, b] = Pipe();
      const child = new Process({ target: serve, args: [b] });
      await child.start();
      const link = new Link(a);
      let answered = (): void => {};
      link.onMessages(
        () => answered(),
        () => {},
      );
      for (let n = 0; n < 2000; n++) {
        // From none to 0.4 ms, in steps of a microsecond and less; a receiver looks for 0.2 ms before it sleeps.
        for (const until = performance.now() + ((n * 37) % 1000) / 2500; performance.now() < until;);
        const answer = new Promise<void>((resolve) => (answered = resolve));
        assert.equal(link.trySend(new Uint8Array(8)), true);
        await answer;
      }
      child.kill();
      await child.join();
      link.close();
    },
  );

  test("a link that is not referenced does not keep the program alive", bounded, async () => {
    const target = async (): Promise<void> => {
      const { Link } = await import("#src/channel/link.js");
      const { Pipe } = await import("#src/index.js");
      for (const early of [true, false]) {
        const link = new Link(Pipe()[0]);
        if (early) link.unref();
        link.onMessages(
          () => {},
          () => {},
        );
        if (!early) link.unref();
        link.ref();
        link.unref();
      }
    };
    const child = new Process({ target });
    await child.start();
    await child.join();
    assert.equal(child.exitCode, 0);
  });
});
