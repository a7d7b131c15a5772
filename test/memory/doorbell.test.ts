/** Rings, and those who die while they ring. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Pipe, Process } from "#src/index.js";
import { family } from "#src/memory/family.js";
import { participant, participantEntry } from "#src/memory/layout.js";
import { indexOf, ownId } from "#src/memory/participants.js";
import { leaveNothingBehind } from "../support/leaks.ts";

leaveNothingBehind();

test(
  "whoever is killed between noting a ring and sending it costs that ring, and none that follows",
  { timeout: 20_000 },
  async () => {
    const rung = participantEntry(indexOf(ownId())) + participant.rung;
    const ringer = new Process({
      target: async (word: number) => {
        const { family: its } = await import("#src/memory/family.js");
        Atomics.store(its().words, word, 1);
        process.kill(process.pid, "SIGKILL");
      },
      args: [rung],
    });
    await ringer.start();
    await ringer.join();
    const [near, far] = Pipe<number>();
    const received = near.recv();
    // As long as the note is there, everybody takes it that this process has been rung.
    const until = Date.now() + 10_000;
    while (Atomics.load(family().words, rung) !== 0 && Date.now() < until)
      await new Promise((resolve) => setTimeout(resolve, 1));
    assert.equal(Atomics.load(family().words, rung), 0, "the note is taken off by a look that nobody has rung for");
    await far.send(5);
    assert.equal(await received, 5);
    near.close();
    far.close();
  },
);
