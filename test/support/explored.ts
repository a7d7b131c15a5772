/** What the tests of models have in common: all runs of small scenarios, and that an explorer finds what is wrong. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Searched } from "./search.ts";
import type { Mutation } from "./stepped.ts";

export interface Explored extends Searched {
  /** In all runs together. */
  readonly deaths: number;
}

/** Goes through all runs of a scenario, up to a time; throws with the run that breaks a rule. */
export type Explore<Scenario> = (scenario: Scenario, mutations?: readonly Mutation[], limitMs?: number) => Explored;

/** Nothing that a scenario can come to breaks a rule. */
export function testEveryRun<Scenario extends { readonly deaths: number }>(
  scenarios: Readonly<Record<string, Scenario>>,
  explore: Explore<Scenario>,
): void {
  for (const [what, scenario] of Object.entries(scenarios)) {
    test(`every run: ${what}`, (t) => {
      const { states, ends, deaths, complete } = explore(scenario);
      t.diagnostic(`${states} states, ${ends} ends, ${deaths} deaths`);
      assert.ok(complete && ends > 3);
      assert.equal(deaths > 0, scenario.deaths > 0);
    });
  }
}

/** Something that is wrong, where it shows, and how. */
export interface Fault<Scenario> {
  readonly mutation: Mutation;
  readonly scenario: Scenario;
  readonly finds: RegExp;
}

/** The explorer would notice. */
export function testFaultsAreFound<Scenario>(
  faults: Readonly<Record<string, Fault<Scenario>>>,
  explore: Explore<Scenario>,
): void {
  for (const [what, { mutation, scenario, finds }] of Object.entries(faults)) {
    test(`the explorer finds what is wrong with ${what}`, () => {
      assert.throws(() => explore(scenario, [mutation], 20_000), finds);
    });
  }
}
