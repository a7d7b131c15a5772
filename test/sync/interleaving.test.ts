/** The wait queue and the owner's word under every order of steps: see `interleaving.ts` for what that covers. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { acquireAndRelease, explore, type Mutation, type Steps, type Walker } from "./interleaving.ts";

function* twice(walker: Walker): Steps<void> {
  yield* acquireAndRelease(walker);
  yield* acquireAndRelease(walker);
}

const once = acquireAndRelease;
/** More preemptions find nothing more, and take minutes: two processes with 5, three with a death and a wait given up. */
const scenarios = {
  "two processes": { programs: [twice, once], deaths: 0, giveUps: 0, preemptions: 3 },
  "two processes, of which one gives up": { programs: [twice, once], deaths: 0, giveUps: 1, preemptions: 2 },
  "two processes, of which one dies at any step": { programs: [once, once], deaths: 1, giveUps: 0, preemptions: 3 },
  "two processes, of which both die at any step": { programs: [once, once], deaths: 2, giveUps: 0, preemptions: 1 },
  "two processes, a death and a wait given up": { programs: [once, once], deaths: 1, giveUps: 1, preemptions: 1 },
  "three processes": { programs: [once, once, once], deaths: 0, giveUps: 0, preemptions: 1 },
  "three processes, of which one dies at any step": {
    programs: [once, once, once],
    deaths: 1,
    giveUps: 0,
    preemptions: 0,
  },
};

// In time 0 nobody waits for more than a millisecond: locks are freed. In time 10 everybody does: they are handed over.
for (const tickMs of [0, 10]) {
  for (const [what, scenario] of Object.entries(scenarios)) {
    test(`${tickMs === 0 ? "freed" : "handed over"}: ${what}`, (t) => {
      const { states, ends, deaths } = explore({ ...scenario, tickMs });
      t.diagnostic(`${states} states, ${ends} ends, ${deaths} deaths`);
      assert.ok(ends > 10);
      assert.equal(deaths > 0, scenario.deaths > 0);
    });
  }
}

const mutations: Record<string, { mutation: Mutation; scenario: keyof typeof scenarios; tickMs: number }> = {
  "a release that does not look again for who began to wait": {
    mutation: [/if \(Atomics\.load\(words, this\.#spot\) !== 0\)\s+wake\(this\.#spot\);/, ""],
    scenario: "two processes",
    tickMs: 0,
  },
  "an owner's word that is taken without comparing": {
    mutation: [
      /Atomics\.compareExchange\(this\.#words, this\.#at, 0, ownId\(\)\) === 0/,
      "Atomics.load(this.#words, this.#at) === 0 && Atomics.store(this.#words, this.#at, ownId()) > 0",
    ],
    scenario: "two processes",
    tickMs: 0,
  },
  "a waiter that does not announce itself again": {
    mutation: [
      /if \(Atomics\.exchange\(words, record \+ waitRecord\.state, waiting\) !== waiting\)\s+announce\(spot\);/,
      "",
    ],
    scenario: "two processes",
    tickMs: 0,
  },
};

for (const [what, { mutation, scenario, tickMs }] of Object.entries(mutations)) {
  test(`the explorer finds what is wrong with ${what}`, () => {
    assert.throws(() => explore({ ...scenarios[scenario], tickMs }, mutation), /wake-up was lost|two processes hold/);
  });
}
