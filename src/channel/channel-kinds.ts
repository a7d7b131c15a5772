/**
 * All kinds of objects of this floor that cross, for a process that may receive one before it has made any; and what becomes
 * of queues whose users end.
 *
 * Runs in: every process.
 */
import "./connection-kind.ts";
import "./ended-users.ts";
import "./joinable-queue.ts";
import "./simple-queue.ts";
