/**
 * Queues that have memory in use beyond what they keep: once they have been idle for a while, it goes back to the system.
 *
 * Runs in: every process, for the queues that it uses; whoever is first does it for all.
 * Guarantees: a queue that is in use is left alone; one that this process has lost is not touched.
 * Why not at once: a queue that was full a moment ago is mostly full again soon, and to touch new pages costs both sides
 * several times what copying does.
 */
import type { QueueMemory } from "./queue-memory.ts";

/** Milliseconds without a put or a take, about. Arbitrary. */
const idleMs = 1000;

interface Watched {
  /** As long as it is there, its range is. */
  readonly queue: WeakRef<object>;
  readonly memory: QueueMemory;
  activity: number;
  isDone: boolean;
}

let watched: Watched[] = [];
const known = new WeakSet<object>();
let lookedAt = 0;
let timer: NodeJS.Timeout | undefined;

/** To be called after a put or a take, where the memory is untidy. */
export function tidyWhenIdle(queue: object, memory: QueueMemory): void {
  if (known.has(queue)) return;
  known.add(queue);
  watched.push({ queue: new WeakRef(queue), memory, activity: memory.activity, isDone: false });
  lookedAt = performance.now();
  schedule();
}

/** For a thread that blocks, whose timers stand still. */
export function lookAtIdleQueues(): void {
  if (watched.length > 0 && performance.now() - lookedAt >= idleMs) look();
}

function schedule(): void {
  timer ??= setTimeout(() => {
    timer = undefined;
    look();
    if (watched.length > 0) schedule();
  }, idleMs);
  timer.unref();
}

function look(): void {
  lookedAt = performance.now();
  watched = watched.filter((each) => {
    const queue = each.queue.deref();
    if (queue === undefined) return false;
    const { memory } = each;
    const { activity } = memory;
    if (activity !== each.activity) {
      each.activity = activity;
      each.isDone = false;
    } else if (!each.isDone) {
      each.isDone = memory.tidy(); // What is left is to be read: after that there is more to do.
    }
    if (memory.isUntidy) return true;
    known.delete(queue);
    return false;
  });
}
