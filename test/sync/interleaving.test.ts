/** Locks and all that waits like them under every order of steps: see `model/explorer.ts` for what that covers. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { explore, type Mutation, type Scenario } from "./model/explorer.ts";
import {
  allHeard,
  consumer,
  giver,
  holder,
  itemsAreTaken,
  listener,
  party,
  passTogether,
  permitsAreTaken,
  prepareBarrier,
  prepareBounded,
  prepareCondition,
  prepareSemaphore,
  producer,
  resetter,
  setter,
  taker,
  twoHolders,
} from "./model/programs.ts";

const blocking = "blocking";
const inLoop = "asynchronous";

/** Whether time matters: permits and locks are freed while nobody has waited for long, else handed over. */
type Timed = Omit<Scenario, "tickMs">;

const lock = {
  "two processes": {
    programs: [holder("Lock", blocking, 2), holder("Lock", blocking)],
    deaths: 0,
    giveUps: 0,
    preemptions: 2,
  },
  "one that gives up, or is interrupted": {
    programs: [holder("Lock", blocking), holder("Lock", blocking)],
    deaths: 0,
    giveUps: 1,
    preemptions: 1,
  },
  "one that dies at any step": {
    programs: [holder("Lock", blocking), holder("Lock", blocking)],
    deaths: 1,
    giveUps: 0,
    preemptions: 1,
  },
  "one that comes by and is quicker than who was woken, one dies": {
    programs: [holder("Lock", blocking, 2), holder("Lock", blocking)],
    deaths: 1,
    giveUps: 0,
    preemptions: 1,
  },
  "both die at any step": {
    programs: [holder("Lock", blocking), holder("Lock", blocking)],
    deaths: 2,
    giveUps: 0,
    preemptions: 0,
  },
  "three processes, of which one dies": {
    programs: [holder("Lock", blocking), holder("Lock", inLoop), holder("Lock", blocking)],
    deaths: 1,
    giveUps: 0,
    preemptions: 0,
  },
  "an asynchronous and a blocking one, of which one dies": {
    programs: [holder("Lock", inLoop), holder("Lock", blocking)],
    deaths: 1,
    giveUps: 0,
    preemptions: 1,
  },
  "an asynchronous one that gives up": {
    programs: [holder("Lock", inLoop), holder("Lock", blocking, 2)],
    deaths: 0,
    giveUps: 1,
    preemptions: 1,
  },
  "two flows of one process, of which one gives up": {
    programs: [twoHolders("Lock"), holder("Lock", blocking)],
    deaths: 0,
    giveUps: 1,
    preemptions: 1,
  },
  "one that looks by itself too early": {
    programs: [holder("Lock", blocking), holder("Lock", blocking)],
    deaths: 0,
    giveUps: 0,
    looks: 1,
    preemptions: 1,
  },
} satisfies Record<string, Timed>;

const signal = {
  uses: ["semaphore"],
  prepare: prepareSemaphore(0),
  programs: [taker(blocking), taker(inLoop), giver],
  room: 2,
  wrongAtEnd: permitsAreTaken,
  preemptions: 0,
};
const bounded = { uses: ["semaphore", "bounded-semaphore"], prepare: prepareBounded(1) };
const crowd = {
  ...bounded,
  prepare: prepareBounded(2),
  room: 2,
  programs: [
    holder("BoundedSemaphore", blocking),
    holder("BoundedSemaphore", inLoop),
    holder("BoundedSemaphore", blocking),
  ],
};
const semaphores = {
  "Semaphore as a signal, a wait is given up": { ...signal, deaths: 0, giveUps: 1 },
  "Semaphore as a signal, one dies": { ...signal, mortal: 1, deaths: 1, giveUps: 0 },
  "Semaphore as a lock": {
    uses: ["semaphore"],
    prepare: prepareSemaphore(1),
    programs: [holder("Semaphore", blocking, 2), holder("Semaphore", inLoop)],
    wrongAtEnd: permitsAreTaken,
    deaths: 0,
    giveUps: 1,
    preemptions: 1,
  },
  "BoundedSemaphore, a wait is given up": {
    ...bounded,
    programs: [holder("BoundedSemaphore", blocking), holder("BoundedSemaphore", inLoop)],
    deaths: 0,
    giveUps: 1,
    preemptions: 1,
  },
  "BoundedSemaphore, one dies": {
    ...bounded,
    programs: [holder("BoundedSemaphore", blocking), holder("BoundedSemaphore", inLoop)],
    deaths: 1,
    giveUps: 0,
    preemptions: 1,
  },
  "BoundedSemaphore, had again": {
    ...bounded,
    programs: [holder("BoundedSemaphore", blocking, 2), holder("BoundedSemaphore", inLoop, 2)],
    deaths: 0,
    giveUps: 0,
    preemptions: 2,
  },
  "BoundedSemaphore, had again, one dies": {
    ...bounded,
    programs: [holder("BoundedSemaphore", blocking, 2), holder("BoundedSemaphore", blocking)],
    deaths: 1,
    giveUps: 0,
    preemptions: 1,
  },
  "BoundedSemaphore of two permits, one of three dies": { ...crowd, deaths: 1, giveUps: 0, preemptions: 0 },
} satisfies Record<string, Timed>;

const condition = {
  uses: ["rlock", "notifications", "condition"],
  prepare: prepareCondition,
  wrongAtEnd: itemsAreTaken,
  deaths: 0,
  giveUps: 0,
};
const event = { uses: ["event"], programs: [listener(blocking), listener(inLoop), setter(false)] };
const barrier = {
  uses: ["barrier-state", "barrier"],
  prepare: prepareBarrier(2),
  wrongAtEnd: passTogether(2),
  programs: [party(blocking), party(inLoop)],
  deaths: 0,
  giveUps: 0,
};
/** Nothing here is handed over. */
const others = {
  "Condition, a blocking wait is given up": {
    ...condition,
    programs: [consumer(blocking), producer()],
    giveUps: 1,
    preemptions: 0,
  },
  "Condition, a blocking wait": { ...condition, programs: [consumer(blocking), producer()], preemptions: 1 },
  "Condition, an asynchronous wait is given up": {
    ...condition,
    programs: [consumer(inLoop), producer()],
    giveUps: 1,
    preemptions: 0,
  },
  "Condition, one of those who are notified dies": {
    ...condition,
    programs: [consumer(blocking), consumer(inLoop), producer()],
    mortal: 1,
    deaths: 1,
    preemptions: 0,
  },
  "Event, one dies": { ...event, wrongAtEnd: allHeard, mortal: 1, deaths: 1, giveUps: 0, preemptions: 0 },
  "Event, cleared at once": {
    ...event,
    programs: [listener(blocking), listener(inLoop), setter(true)],
    wrongAtEnd: allHeard,
    deaths: 0,
    giveUps: 0,
    preemptions: 1,
  },
  "Barrier, twice": { ...barrier, programs: [party(blocking, 2), party(inLoop, 2)], preemptions: 1 },
  "Barrier, a wait is given up": { ...barrier, giveUps: 1, preemptions: 0 },
  "Barrier, one dies": { ...barrier, deaths: 1, preemptions: 0 },
  "Barrier, more than are needed, and one dies": {
    ...barrier,
    programs: [party(blocking), party(inLoop), party(blocking)],
    mortal: 1,
    deaths: 1,
    preemptions: 0,
  },
  "Barrier, reset": {
    ...barrier,
    programs: [party(blocking), party(inLoop), resetter("reset")],
    wrongAtEnd: passTogether(2, true),
    preemptions: 1,
  },
  "Barrier, aborted": {
    ...barrier,
    programs: [party(blocking), party(inLoop), resetter("abort")],
    wrongAtEnd: passTogether(2, true),
    preemptions: 0,
  },
} satisfies Record<string, Timed>;

function check(scenarios: Record<string, Timed>, tickMs: number): void {
  for (const [what, scenario] of Object.entries(scenarios)) {
    test(what, (t) => {
      const { states, ends, deaths } = explore({ ...scenario, tickMs });
      t.diagnostic(`${states} states, ${ends} ends, ${deaths} deaths`);
      assert.ok(ends > 5);
      assert.equal(deaths > 0, scenario.deaths > 0);
    });
  }
}

describe("Lock, freed", () => check(lock, 0));
describe("Lock, handed over to those who have waited for long", () => check(lock, 10));
describe("Semaphores, freed", () => check(semaphores, 0));
describe("Semaphores, handed over to those who have waited for long", () => check(semaphores, 10));
describe("What is not handed over", () => check(others, 0));

const mutations: Record<string, { mutation: Mutation; scenario: Timed }> = {
  "a release that does not look again for who began to wait": {
    mutation: [/wakeAfterSwap\(words, this\.#spot\);/, ""],
    scenario: lock["two processes"],
  },
  "a permit that is given back without a look for who began to wait": {
    mutation: [/wakeAfterSwap\(words, this\.spot\);/, ""],
    scenario: semaphores["BoundedSemaphore, had again"],
  },
  "an owner's word that is taken without comparing": {
    mutation: [
      /Atomics\.compareExchange\(this\.#words, this\.#at, 0, ownId\(\)\) === 0/,
      "Atomics.load(this.#words, this.#at) === 0 && Atomics.store(this.#words, this.#at, ownId()) > 0",
    ],
    scenario: lock["two processes"],
  },
  "a waiter that does not announce itself again": {
    mutation: [
      /if \(Atomics\.exchange\(words, record \+ waitRecord\.state, waiting\) !== waiting\)\s+announce\(spot\);/,
      "",
    ],
    scenario: lock["two processes"],
  },
  "a wait that is given up, and keeps what was kept for it": {
    mutation: [/this\.decline\(\);/, ""],
    scenario: lock["an asynchronous one that gives up"],
  },
  "a wait for a Condition that others cannot find before it sleeps": {
    mutation: [/Atomics\.store\(words, place\.record \+ waitRecord\.spot, spot\);/, ""],
    scenario: others["Condition, a blocking wait"],
  },
  "notifications of the dead that go to nobody": {
    mutation: [/notifyOne\(spot\);\s+finishNotified\(record\);/, "finishNotified(record);"],
    scenario: others["Condition, one of those who are notified dies"],
  },
  "a Barrier that does not look for the dead": {
    mutation: [/if \(thorough && this\.#breakIfDead\(state\.generation\)\)\s+continue;/, ""],
    scenario: others["Barrier, one dies"],
  },
  "a Barrier whose slots are taken by those who are late": {
    mutation: [/!isBefore\(generationOfSlot\(seen\), generation\)/, "generationOfSlot(seen) === generation"],
    scenario: others["Barrier, reset"],
  },
  "an Event that wakes one": {
    mutation: [/wake\(this\.#spot, Infinity\);/, "wake(this.#spot);"],
    scenario: others["Event, one dies"],
  },
};

describe("The explorer finds what is wrong with", () => {
  for (const [what, { mutation, scenario }] of Object.entries(mutations)) {
    test(what, () => {
      const bySelf = [0, 10].map((tickMs) => {
        try {
          explore({ ...scenario, tickMs }, mutation);
          return "nothing";
        } catch (error) {
          return (error as Error).message.split(", after ")[0]!;
        }
      });
      assert.match(bySelf.join("; "), /in vain|are inside|and \d wait|with the dead|who slept|one index/);
    });
  }
});
