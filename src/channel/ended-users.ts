/**
 * Queues that this process holds and need not use itself: their users may have ended before they saw that they are idle.
 *
 * Runs in: every process, for the queues that it holds, when a process that it has started has ended.
 * Guarantees: none is touched that is in use (`idle-queues.ts`).
 * Why not in the process that ends: it may be killed; and others may be about to use what it would give back.
 */
import { view } from "../memory/arena.ts";
import { handleOf, keptObjects } from "../memory/holdings.ts";
import { onChildEnd } from "../memory/participants.ts";
import { tidyWhenIdle } from "./idle-queues.ts";
import { isUntidyQueue, QueueMemory } from "./queue-memory.ts";
import { Queue } from "./queue.ts";

onChildEnd(() => {
  for (const object of keptObjects()) {
    if (!(object instanceof Queue)) continue;
    const range = view(handleOf(object)!);
    if (isUntidyQueue(range)) tidyWhenIdle(object, new QueueMemory(range));
  }
});
