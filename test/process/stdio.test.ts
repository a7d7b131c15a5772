/** The three streams of a child: the owner's, none, or pipes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { text } from "node:stream/consumers";
import { leaveNothingBehind } from "../support/leaks.ts";
import { forEachStartMethod } from "../support/methods.ts";

forEachStartMethod((context) => {
  leaveNothingBehind();

  test('"pipe" gives stdin, stdout and stderr', async () => {
    const process_ = new context.Process({
      target: async () => {
        let heard = "";
        for await (const chunk of process.stdin.setEncoding("utf8")) heard += chunk as string;
        console.log(heard.toUpperCase());
        console.error("on stderr");
        return heard.length;
      },
      stdio: "pipe",
    });
    assert.deepEqual([process_.stdin, process_.stdout, process_.stderr], [null, null, null]);
    await process_.start();
    process_.stdin!.end("hello");
    const [out, err, length] = await Promise.all([text(process_.stdout!), text(process_.stderr!), process_.result]);
    assert.deepEqual([out, err, length], ["HELLO\n", "on stderr\n", 5]);
    await process_.join();
  });

  test("the stack of an uncaught error goes to the child's stderr", async () => {
    const process_ = new context.Process({
      target: function explode() {
        throw new RangeError("seen on stderr");
      },
      stdio: "pipe",
    });
    await process_.start();
    const [err] = await Promise.all([text(process_.stderr!), text(process_.stdout!), process_.join()]);
    assert.match(err, /RangeError: seen on stderr\n\s+at explode/);
    assert.match(err, /stdio\.test\.(js|ts):\d+/);
    await process_.result.catch(() => {});
  });

  test('"ignore" gives streams that lead nowhere', async () => {
    const process_ = new context.Process({
      target: async () => {
        console.log("nobody hears this");
        let heard = 0;
        for await (const chunk of process.stdin) heard += (chunk as Buffer).length;
        return heard;
      },
      stdio: "ignore",
    });
    await process_.start();
    assert.equal(await process_.result, 0);
    await process_.join();
    assert.equal(process_.stdout, null);
  });
});
