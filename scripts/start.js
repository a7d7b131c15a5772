/** `npm start`: the tutorial's first program, then a real job over the files of node_modules. */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { build } from "./build.js";

await build();
const root = fileURLToPath(new URL("..", import.meta.url));

function show(title, program) {
  console.log(`--- ${title}\n`);
  const { status } = spawnSync(process.execPath, [`build/examples/${program}.js`], { cwd: root, stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
  console.log("");
}

show("Two processes at once (examples/tutorial/1-two-at-once.ts)", "tutorial/1-two-at-once");
show("Words of node_modules, by one process and by all cores (examples/word-statistics.ts)", "word-statistics");
