/**
 * The program of a fork server: loads what its children are to share, then forks on request.
 *
 * Runs in: the fork server, as its main module; what follows `serve()` runs in each forked child.
 * Descriptor 3 is the connection to its owner, with which it ends; 4 is the family's memory; 5 is a pipe with which it is
 * killed, stopped or not. It runs no event loop while it serves: `serve()`
 * stays in native code, so that nothing of the user's can slow it down or change between two forks.
 *
 * Where nothing of the user's is loaded, the first requests are met before what only makes the next children quicker is
 * done (25 to 35 ms), and it is done step by step between further ones.
 */
// These before all else: see there.
import { restoreStreams } from "../process/server-streams.ts";
import { keepYoungSpaceSmall, resumeMarking, settleHeap } from "../process/server-heap.ts";
import { availableParallelism } from "node:os";
import { requireAddon } from "../host/addon.ts";
import { isMainThread } from "../host/main-thread.ts";
import { familyNamePrefix } from "../host/family-names.ts";
import { family, inheritFamily } from "../memory/family.ts";
// What the workers of pools run is there in each child, as the rest is: measured, it saves them 10 ms.
import "../pool/worker-program.ts";
import { becomeChild } from "../process/forked-child.ts";
import { keepRandomUnused } from "../process/forked-random.ts";
import {
  bindNow,
  serverConnectionDescriptor,
  serverFamilyDescriptor,
  serverLifelineDescriptor,
} from "../process/fork-server-start.ts";
import { resolvingFile } from "../process/fork-server-preload.ts";
import type { ServerOrders, ServerReady } from "../process/fork-server-protocol.ts";
import { rehearse, rehearseAgain } from "../process/rehearsal.ts";
import { loadsModulesFirst } from "../process/fork-server-flags.ts";
import { unsafePlatform, unsafeThreads } from "../process/fork-safety.ts";
import { warmUps } from "../process/warm-modules.ts";
import { importFrom } from "../wire/modules.ts";

const addon = requireAddon();
delete process.env[bindNow];
inheritFamily(serverFamilyDescriptor);
addon.nameFamily(familyNamePrefix(family().root));
// Programs that a preloaded module starts are not to have them.
for (const own of [serverConnectionDescriptor, serverLifelineDescriptor]) addon.setCloseOnExec(own, true);
if (!addon.armLifeline(serverLifelineDescriptor)) process.exit(0); // The owner has ended meanwhile.
const packet = addon.receiveDescriptors(serverConnectionDescriptor);
if (packet === null || packet === undefined) process.exit(0); // The owner has ended meanwhile.
const settings = JSON.parse(Buffer.from(packet.bytes).toString()) as ServerOrders;

/** What its owner has for it to do comes at once when it is told that the server is ready. Arbitrary. */
const patienceMs = 2;

/**
 * From here on a fork is worth making cheaper: it copies the tables of all pages. Twice what a server has without anything
 * preloaded. And how long that may take: 0.3 to 2 ms for a MiB, the more where the machine itself is a guest. Measured with
 * a million objects preloaded: from start to join half as long.
 */
const muchBytes = 160 * 2 ** 20;
const largePagesMs = 200;

const speedUps = [...warmUps(settings.inUse), () => rehearse(addon, restoreStreams)];
const isEarly = settings.preload.length === 0 && !loadsModulesFirst(process.execArgv, process.env["NODE_OPTIONS"]);

void getReady().then((ready) => {
  addon.sendDescriptors(serverConnectionDescriptor, Buffer.from(JSON.stringify(ready)), []);
  if (ready.problem !== undefined || ready.unsafe !== undefined) process.exit(0);
  serve(isEarly ? [...speedUps, settleHeap] : []);
});

/**
 * What is still to be done is done step by step, each as soon as nobody waits, or as many have been served as can run at
 * once: measured on two processors, of 8 processes that a program begins with the last ends earlier by it, of 16 not.
 */
function serve([step, ...left]: readonly (() => unknown)[], patience = patienceMs): void {
  const limits = step === undefined ? ([-1, -1] as const) : ([patience, availableParallelism()] as const);
  // In a turn of its own, so that nothing is left to do in the children.
  setImmediate(() => {
    if (!addon.serve(serverConnectionDescriptor, serverLifelineDescriptor, ...limits)) {
      void quietly(step!).then(async () => {
        // Only Node's own modules were loaded: their thread ends, or the server does, and a new one is asked next time.
        if ((await unsafeThreads()) !== undefined) process.exit(0);
        serve(left, 0);
      });
      return;
    }
    if (step !== undefined) resumeMarking();
    becomeChild(addon, settings.preload.length > 0, restoreStreams, () => rehearseAgain(addon));
  });
}

async function getReady(): Promise<ServerReady> {
  let problem: string | undefined;
  if (!isEarly) keepYoungSpaceSmall();
  await quietly(async () => {
    problem = await preload();
    if (problem === undefined && !isEarly) for (const step of speedUps) await step();
  });
  if (problem !== undefined) return { problem };
  isMainThread(); // Each child will ask, and has what answers from here.
  const unsafe = (await unsafeThreads()) ?? unsafePlatform(addon);
  if (unsafe !== undefined) return { unsafe };
  if (!isEarly) {
    settleHeap();
    if (process.memoryUsage.rss() > muchBytes) addon.useLargePages(largePagesMs);
  }
  return {};
}

/** Runs it kept alive, whatever it waits for, and with randomness unused by it. */
async function quietly(step: () => unknown): Promise<void> {
  const alive = setInterval(() => {}, 2 ** 30);
  const restoreRandom = keepRandomUnused();
  try {
    await step();
  } finally {
    restoreRandom();
    clearInterval(alive);
  }
}

/** @returns what stands in the way */
async function preload(): Promise<string | undefined> {
  // Each child will need it: see `reseed()`.
  if (settings.preload.length > 0) process.getBuiltinModule("node:crypto");
  for (const module of settings.preload) {
    try {
      await importFrom(resolvingFile(settings), module);
    } catch (error) {
      const { stack } = error as Error;
      return `it cannot load "${module}": ${stack ?? String(error)}`;
    }
  }
  return undefined;
}
