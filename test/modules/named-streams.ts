/** A module that takes the streams from `node:process`, where Node makes all three at once, and writes when it is loaded. */
import process, { stderr, stdin, stdout } from "node:process";

const kept = process.stdout;
console.log("loaded");

export async function useStreams(): Promise<string> {
  console.log(stdout.constructor.name);
  stdout.write("by name\n");
  kept.write("kept\n");
  console.error(stderr === process.stderr, stdout === process.stdout, stdin === process.stdin);
  let heard = "";
  for await (const chunk of stdin.setEncoding("utf8")) heard += chunk as string;
  return heard;
}
