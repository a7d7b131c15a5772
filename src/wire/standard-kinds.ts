/**
 * Every kind of object that needs nothing of the floors above: to be imported before anything is encoded or decoded.
 *
 * Runs in: every process.
 */
import "./object-kinds.ts";
import "./function-kind.ts";
