/**
 * Children with pipes, of an owner that has something else as stdout; what came of each goes to a file.
 * `piped-children.js <start method> <file> <children> [module to preload]`
 */
import { writeFileSync } from "node:fs";
import { text } from "node:stream/consumers";
import { getContext, setForkserverPreload, type StartMethod } from "#src/index.js";
import { useStreams } from "../modules/named-streams.js";

const [method, file, children, preload] = process.argv.slice(2);
if (preload !== undefined) setForkserverPreload([preload]);
const all: unknown[] = [];
for (let n = 0; n < Number(children); n++) {
  const child = new (getContext(method as StartMethod).Process)({ target: useStreams, stdio: "pipe" });
  await child.start();
  child.stdin!.end("heard");
  const [out, err, heard] = await Promise.all([text(child.stdout!), text(child.stderr!), child.result]);
  await child.join();
  all.push([out.replace("loaded\n", ""), err, heard]);
}
writeFileSync(file!, JSON.stringify(all));
