/** Who holds what, under every order of steps and with a death at each: see `holders-model.ts` for what that covers. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { testEveryRun, testFaultsAreFound, type Fault } from "../support/explored.ts";
import { explore, type Scenario } from "./holders-model.ts";

const calm = { deaths: 0, preemptions: 2 };
const mortal = { deaths: 1, preemptions: 1 };

/** All runs of these. */
const small: Record<string, Scenario> = {
  "two hold a range and let go": { programs: [[], ["hold"], ["hold"]], ...calm },
  "one hands on what another holds": { programs: [[], ["move"], ["hold"]], ...calm },
  "the first one lets go while another holds": { programs: [["let go"], ["hold"]], ...calm },
  "two hold a range, of which one dies at any step": { programs: [[], ["hold"], ["hold", "bury"]], ...mortal },
  "one hands on what another holds, and one dies at any step": {
    programs: [[], ["move"], ["hold", "bury"]],
    ...mortal,
  },
  "the first one lets go, and one dies at any step": {
    programs: [
      ["let go", "bury"],
      ["list", "bury"],
    ],
    ...mortal,
  },
};

testEveryRun(small, explore);

/** Milliseconds for each, which is a part of their runs. All were gone through to the end once, in 5 to 20 s each. */
const limitMs = 1000;
const buriedByMortals: Scenario = {
  programs: [[], ["list"], ["bury"], ["hold", "bury"]],
  deaths: 2,
  preemptions: 0,
};
const large: Record<string, Scenario> = {
  "two put a range on a list and let go": { programs: [[], ["list"], ["list"]], ...calm },
  "two put a range on lists, of which one dies at any step": { programs: [[], ["list"], ["list", "bury"]], ...mortal },
  "one dies at any step, and who buries it, too": buriedByMortals,
};

for (const [what, scenario] of Object.entries(large)) {
  test(`many runs: ${what}`, (t) => {
    const { states, ends, deaths } = explore(scenario, [], limitMs);
    t.diagnostic(`${states} states, ${ends} ends, ${deaths} deaths`);
    assert.ok(ends > 0);
  });
}

const oneDies = small["two hold a range, of which one dies at any step"]!;
const mutations: Record<string, Fault<Scenario>> = {
  "a change that nobody completes after a death": {
    mutation: [/if \(noted === 0\)\n\s+return;/, "return;"],
    scenario: oneDies,
    finds: /the counts are|it never ends/,
  },
  "a count that is completed without a word to its owner": {
    mutation: [/change \| counted\)/, "change)"],
    scenario: oneDies,
    finds: /the counts are/,
  },
  "a name that is written before its holder is counted": {
    mutation: [/const begun = /, "Atomics.store(named, at, kind === raising ? handle : 0); const begun = "],
    scenario: oneDies,
    finds: /the counts are|given back while|nobody's/,
  },
  "what is handed on, and goes on being held": {
    mutation: [/writeName\(index, from, 0\)/, ""],
    scenario: small["one hands on what another holds, and one dies at any step"]!,
    finds: /the counts are|given back while|nobody's/,
  },
  "a grave-digger's changes that are not looked at": {
    mutation: [/from < 0 \? endedDiggers\(-from, index\) : \[\]/, "[]"],
    scenario: buriedByMortals,
    finds: /not emptied|the counts are|given back while/,
  },
};

testFaultsAreFound(mutations, explore);
