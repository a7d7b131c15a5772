/** The table of participants: entries are used again, as few as are needed, and whoever searches finds all who are there. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { addonOrUndefined } from "#src/host/addon.js";
import { markOf } from "#src/host/process-facts.js";
import { family } from "#src/memory/family.js";
import { header, participant as field, participantEntry } from "#src/memory/layout.js";
import { indexOf, leave, ownId, participants, pidOf } from "#src/memory/participants.js";

const skip = addonOrUndefined() === undefined;

function enterAgain(): number {
  leave();
  return ownId();
}

test("participants", { skip }, async (t) => {
  after(leave);

  await t.test("many, one after the other, use few entries, each under an id of its own", () => {
    const ids = new Set(Array.from({ length: 1000 }, enterAgain));
    assert.equal(ids.size, 1000);
    assert.ok(Atomics.load(family().words, header.highestParticipant) < 256);
  });

  await t.test("the last hundred that have gone can still be told by their pid", () => {
    const gone = ownId();
    for (let n = 0; n < 100; n++) enterAgain();
    assert.equal(pidOf(gone), process.pid);
    for (let n = 0; n < 300; n++) enterAgain();
    assert.equal(pidOf(gone), undefined);
  });

  await t.test("where those are all somebody's, more are used, and all are found", () => {
    const { words } = family();
    leave();
    const { pid, startTime } = markOf(process.pid);
    const taken: number[] = [];
    for (let index = 1; index < 256; index++) {
      const entry = participantEntry(index);
      words[entry + field.pid] = pid;
      words[entry + field.startLow] = startTime === undefined ? 0 : (startTime % 2 ** 32) | 0;
      words[entry + field.startHigh] = startTime === undefined ? -1 : Math.floor(startTime / 2 ** 32);
      Atomics.store(words, entry + field.state, 1);
      taken.push(index);
    }
    const own = indexOf(ownId());
    assert.ok(own >= 256, String(own));
    assert.deepEqual([...participants()], [...taken, own]);
    for (const index of taken) Atomics.store(words, participantEntry(index) + field.state, 0);
  });
});
