/**
 * Every kind of object of synchronisation: to be imported before anything is decoded.
 *
 * Runs in: every process.
 */
import "./lock.ts";
import "./shareable-list.ts";
import "./shared-memory.ts";
