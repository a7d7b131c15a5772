/**
 * The program of a fork server: loads what its children are to share, then forks on request.
 *
 * Runs in: the fork server, as its main module; what follows `serve()` runs in each forked child.
 * Descriptor 3 is the connection to its owner, with which it ends; 4 is the family's memory; 5 is a pipe with which it is
 * killed, stopped or not. It runs no event loop while it serves: `serve()`
 * stays in native code, so that nothing of the user's can slow it down or change between two forks.
 */
// Before all else: see there.
import { settleHeap } from "../process/server-heap.ts";
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
import { rehearse } from "../process/rehearsal.ts";
import { unsafePlatform, unsafeThreads } from "../process/fork-safety.ts";
import { warmModules } from "../process/warm-modules.ts";
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
void preload().then((ready) => {
  addon.sendDescriptors(serverConnectionDescriptor, Buffer.from(JSON.stringify(ready)), []);
  if (ready.problem !== undefined || ready.unsafe !== undefined) process.exit(0);
  // In a turn of its own, so that nothing is left to do in the children.
  setImmediate(() => {
    addon.serve(serverConnectionDescriptor, serverLifelineDescriptor);
    becomeChild(addon, settings.preload.length > 0);
  });
});

async function preload(): Promise<ServerReady> {
  const alive = setInterval(() => {}, 2 ** 30); // Whatever the modules wait for keeps alive, or not.
  const restoreRandom = keepRandomUnused();
  // Each child will need it: see `reseed()`.
  if (settings.preload.length > 0) process.getBuiltinModule("node:crypto");
  for (const module of settings.preload) {
    try {
      await importFrom(resolvingFile(settings), module);
    } catch (error) {
      const { stack } = error as Error;
      return { problem: `it cannot load "${module}": ${stack ?? String(error)}` };
    }
  }
  await warmModules(settings.inUse);
  isMainThread(); // Each child will ask, and has what answers from here.
  await rehearse(addon);
  restoreRandom();
  const unsafe = (await unsafeThreads()) ?? unsafePlatform(addon);
  clearInterval(alive);
  settleHeap();
  return unsafe === undefined ? {} : { unsafe };
}
