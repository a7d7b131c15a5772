/** Opens all the descriptors that it may, and prints whether its parent runs, and whether the process that is given does. */
import { openSync } from "node:fs";
import { isRunning, markOf } from "#src/host/process-facts.js";

const parent = markOf(process.ppid);
try {
  for (;;) openSync("/dev/null", "r");
} catch (error) {
  const { code } = error as NodeJS.ErrnoException;
  console.log(code, isRunning(parent), isRunning({ pid: Number(process.argv[2]), startTime: 1 }));
}
