/**
 * Every kind of object of synchronisation: to be imported before anything is decoded.
 *
 * Runs in: every process.
 */
import "./barrier.ts";
import "./bounded-semaphore.ts";
import "./condition.ts";
import "./event.ts";
import "./lock.ts";
import "./rlock.ts";
import "./semaphore.ts";
import "./shareable-list.ts";
import "./shared-memory.ts";
import "./shared-array.ts";
import "./shared-value.ts";
