/** Several users of one queue under every order of steps, and with a death at each: see `queue-model.ts` for what that covers. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { testEveryRun, testFaultsAreFound, type Fault } from "../support/explored.ts";
import { explore, type Scenario } from "./queue-model.ts";

const bounded = { maxSize: 1, joinable: false };
const unbounded = { maxSize: 0, joinable: false };
const calm = { deaths: 0, preemptions: 1 };
const mortal = { deaths: 1, preemptions: 0 };

/** All runs of these. */
const small: Record<string, Scenario> = {
  "one producer and one consumer": { ...bounded, ...calm, programs: ["put", "get"] },
  "two producers, two preemptions": { ...unbounded, programs: ["put", "put"], deaths: 0, preemptions: 2 },
  "a producer and a consumer, of which one dies at any step": { ...bounded, ...mortal, programs: ["put", "get"] },
  "a producer and a consumer that says what is done, of which one dies at any step": {
    ...bounded,
    ...mortal,
    joinable: true,
    programs: ["put", "get"],
  },
  "a queue whose memory is given back meanwhile": { ...bounded, ...calm, programs: ["put", "get", "tidy"] },
  "a producer, a consumer and one who gives back memory, of which one dies at any step": {
    ...bounded,
    ...mortal,
    programs: ["put", "get", "tidy"],
  },
  "a queue that is closed meanwhile": { ...unbounded, ...calm, programs: ["put", "get", "close"] },
};

testEveryRun(small, explore);

/**
 * Milliseconds for each of the eight, which is a part of their runs. Gone through to the end once, which takes minutes:
 * JoinableQueue of 1 and without bound with one death, Queue of 1 with one preemption.
 */
const limitMs = 500;

for (const joinable of [false, true]) {
  for (const maxSize of [0, 1]) {
    for (const bounds of [calm, mortal]) {
      const kind = `${joinable ? "JoinableQueue" : "Queue"} ${maxSize === 0 ? "without bound" : `of ${maxSize}`}`;
      const deaths = bounds === calm ? "one preemption" : "of which one dies at any step";
      test(`many runs: two producers and two consumers of a ${kind}, ${deaths}`, (t) => {
        const found = explore({ ...bounds, maxSize, joinable, programs: ["put", "put", "get", "get"] }, [], limitMs);
        t.diagnostic(`${found.states} states, ${found.ends} ends, ${found.deaths} deaths, ${found.lost} items lost`);
        assert.ok(found.ends > 0);
      });
    }
  }
}

const mutations: Record<string, Fault<Scenario>> = {
  "a put that wakes nobody": {
    mutation: [/\n\s+wake\(this\.getSpot\);\n\s+return "put";/, '\nreturn "put";'],
    scenario: { ...unbounded, ...calm, programs: ["put", "get"] },
    finds: /a wake-up was lost/,
  },
  "a lock that is taken without comparing": {
    mutation: [
      /if \(Atomics\.compareExchange\(words, at, 0, own\) === 0\)/,
      "if (Atomics.load(words, at) === 0 && Atomics.store(words, at, own) > 0)",
    ],
    scenario: small["two producers, two preemptions"]!,
    finds: /lost|taken twice|torn/,
  },
  "a lock whose holder nobody looks after": {
    mutation: [/nap % 4 === 1 && /, "false && "],
    scenario: { ...unbounded, ...mortal, programs: ["put", "put", "get, get"] },
    finds: /a wake-up was lost|are lost|answers as an empty one/,
  },
  "memory that is given back though it is to be read": {
    mutation: [/free = Math\.max\(free, end\);/, ""],
    scenario: { ...unbounded, ...calm, programs: ["put, put", "get", "tidy"] },
    finds: /torn/,
  },
  "a state that is overwritten where it holds": {
    mutation: [/return side \+ 1 \+ \(count & 1\) \* stateWords;/, "return side + 1;"],
    scenario: { ...unbounded, programs: ["put", "put", "get, get"], deaths: 1, preemptions: 1 },
    finds: /torn|lost|taken twice|order/,
  },
  "a table that forgets the last taker": {
    mutation: [/this\.#copyLast\(\);/, ""],
    scenario: { ...mortal, maxSize: 0, joinable: true, programs: ["put, put", "get", "get"] },
    finds: /all is done, and the table says/,
  },
};

testFaultsAreFound(mutations, explore);
