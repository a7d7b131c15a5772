#!/usr/bin/env node
/**
 * The command `mp`.
 *
 * Runs in: a process of its own, started from a shell.
 */
import { examine, render } from "../cli/doctor.ts";

const usage = `usage: mp doctor    what this machine can do, and what to install; clears names that no living process owns`;

const [command, ...rest] = process.argv.slice(2);
if (command === "doctor" && rest.length === 0) {
  console.log(render(examine()));
} else if (command === undefined || command === "--help" || command === "-h" || command === "help") {
  console.log(usage);
} else {
  console.error(`mp: no command "${[command, ...rest].join(" ")}"\n${usage}`);
  process.exitCode = 2;
}
