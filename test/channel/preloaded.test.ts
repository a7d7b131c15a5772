/** Channels that a preloaded module makes in the fork server: queues are shared by all its children, ends are the server's. */
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { getAllStartMethods, getContext, setForkserverPreload } from "#src/index.js";
import { leaveNothingBehind } from "../support/leaks.ts";

const skip = !getAllStartMethods().includes("forkserver");

describe("channels of a preloaded module", { skip }, () => {
  leaveNothingBehind();
  const { Process } = getContext("forkserver");
  const file = new URL("../modules/preloaded-channels.js", import.meta.url).href;
  type Module = typeof import("../modules/preloaded-channels.ts");
  setForkserverPreload([file]);
  after(() => setForkserverPreload([]));

  const inChild = async <R>(target: (file: string) => Promise<R>): Promise<R> => {
    const child = new Process({ target, args: [file] });
    await child.start();
    const result = await child.result;
    await child.join();
    return result as R;
  };

  test("what one child puts into a queue another gets, after the death of the first", { timeout: 60_000 }, async () => {
    const put = new Process({
      target: async (from: string) => {
        const { putAndSay } = (await import(from)) as Module;
        await putAndSay("from a child that was killed");
        process.kill(process.pid, "SIGKILL");
      },
      args: [file],
    });
    await put.start();
    await put.join();
    const got = await inChild(async (from) => ((await import(from)) as Module).getAndSay());
    assert.equal(got, "from a child that was killed, 0 lost");
  });

  test("an end of a pipe stays with the server: its children are told so at once", { timeout: 60_000 }, async () => {
    const answers = await inChild(async (from) => ((await import(from)) as Module).useEnds());
    assert.deepEqual(answers, ["ERR_MP_CLOSED", "ERR_MP_CLOSED"]);
    assert.equal(await inChild(async (from) => ((await import(from)) as Module).closeEnds()), 0);
    assert.equal(await inChild(async (from) => ((await import(from)) as Module).ownChannels()), "own");
  });
});
