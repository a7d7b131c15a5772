/** The word of a barrier. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { isBefore, nextGeneration, parseState, phase, stateWord, wasBroken } from "#src/sync/barrier-state.js";

test("the word of a barrier comes apart as it was put together", () => {
  for (const state of [
    { arrived: 0, phase: phase.filling, history: 0, generation: 1 },
    { arrived: 2 ** 20 - 1, phase: phase.broken, history: 0xffff, generation: 2 ** 26 - 1 },
    { arrived: 5, phase: phase.acting, history: 0xa5c3, generation: 2 ** 25 + 3 },
  ]) {
    assert.deepEqual(parseState(stateWord(state)), state);
  }
});

test("it tells generations that are over from later ones, round the end of the numbers", () => {
  const last = 2 ** 26 - 1;
  for (const [generation, present, before] of [
    [0, 1, true],
    [0, 2 ** 25 + 5, true],
    [1, 1, false],
    [1, 2, true],
    [2, 1, false],
    [last, 1, true],
    [1, last, false],
  ] as const) {
    assert.equal(isBefore(generation, present), before, `${generation} before ${present}`);
  }
});

test("it remembers how sixteen generations ended", () => {
  let state = { arrived: 0, phase: phase.filling, history: 0, generation: 2 ** 26 - 5 } as ReturnType<
    typeof parseState
  >;
  const ended: [number, boolean][] = [];
  for (let i = 0; i < 40; i++) {
    const isBroken = i % 3 === 0;
    ended.push([state.generation, isBroken]);
    state = parseState(stateWord(nextGeneration(state, isBroken)));
  }
  for (const [generation, isBroken] of ended.slice(-16)) assert.equal(wasBroken(state, generation), isBroken);
  assert.equal(wasBroken(state, state.generation), false);
});
