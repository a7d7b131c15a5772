/** A module that reads files while it is evaluated, as many do: itself. */
import { promises, readdirSync, statSync } from "node:fs";

const itself = new URL(import.meta.url);
const { readFile } = promises;
/** libuv's threads are there from the first asynchronous read on. */
const threads = readdirSync("/proc/self/task").length;
const bytes = await promises.readFile(itself);
const text = await promises.readFile(itself, "utf8");
const missing = await promises.readFile(new URL("no-such-file", itself)).catch((error: { code: string }) => error.code);

export function whatWasRead(): unknown[] {
  const same = Buffer.isBuffer(bytes) && bytes.toString() === text && bytes.length === statSync(itself).size;
  return [threads, same, missing, readFile === promises.readFile, readFile.name];
}
