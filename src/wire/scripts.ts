/**
 * Which file a script is: V8 numbers scripts, and never uses a number again.
 *
 * Runs in: the process that sends.
 * Source: `util.getCallSites` (22+) names the scripts on the stack; the profiler's list costs milliseconds and leaves
 * nothing behind; the debugger's is complete, but makes each async call slower for the rest of the process (measured:
 * 20 to 50 %), so it comes last.
 */
import * as util from "node:util";
import { pathToFileURL } from "node:url";
import { listening, post } from "./inspection.ts";

const urls = new Map<string, string>();

interface CallSite {
  readonly scriptId?: string;
  readonly scriptName?: string;
}

const getCallSites = (util as unknown as { getCallSites?: (frames: number) => CallSite[] }).getCallSites;
const frames = 100;

/** The URL or name of a script; "" for one that has none. */
export function scriptUrl(scriptId: string): string {
  for (const learn of [() => {}, fromStack, fromProfiler, fromDebugger]) {
    learn();
    const url = urls.get(scriptId);
    if (url !== undefined) return url;
  }
  urls.set(scriptId, "");
  return "";
}

function note(scriptId: string | undefined, name: string | undefined): void {
  if (scriptId === undefined || name === undefined) return;
  urls.set(scriptId, name.startsWith("/") ? pathToFileURL(name).href : name);
}

function fromStack(): void {
  for (const { scriptId, scriptName } of getCallSites?.(frames) ?? []) note(scriptId, scriptName);
}

function fromProfiler(): void {
  post("Profiler.enable");
  const { result } = post<{ result: { scriptId: string; url: string }[] }>("Profiler.getBestEffortCoverage");
  post("Profiler.disable");
  for (const { scriptId, url } of result) note(scriptId, url);
}

function fromDebugger(): void {
  const onScript = ({ scriptId, url, embedderName }: { scriptId: string; url: string; embedderName?: string }): void =>
    note(scriptId, embedderName || url);
  listening("Debugger.scriptParsed", onScript as never, () => {
    post("Debugger.enable");
    post("Debugger.disable");
  });
}
