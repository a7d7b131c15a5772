/**
 * `mp doctor`: what this machine can do, which start method is chosen and why, what to install; and the clearing away
 * of names that no living family owns.
 *
 * Runs in: the process of the `mp` command.
 */
import { availableParallelism, release } from "node:os";
import { addonFile, addonOrUndefined, remedyForNoAddon, whyNoAddon } from "../host/addon.ts";
import { cpuCount } from "../host/cpu-count.ts";
import { clearAbandonedNames, whyNoNames } from "../host/family-names.ts";
import { getStartMethod, startMethodReport } from "../process/start-methods.ts";

export interface Finding {
  readonly what: string;
  readonly state: string;
  /** What to do about it, where something is missing. */
  readonly remedy?: string;
}

export function examine(): Finding[] {
  return [machine(), addon(), ...methods(), processors(), names()];
}

export function render(findings: readonly Finding[]): string {
  const width = Math.max(...findings.map(({ what }) => what.length));
  return findings
    .map(({ what, state, remedy }) => {
      const line = `${what.padEnd(width)}  ${state}`;
      return remedy === undefined ? line : `${line}\n${" ".repeat(width)}  do this:  ${remedy}`;
    })
    .join("\n");
}

function machine(): Finding {
  return {
    what: "machine",
    state: `Node ${process.version} on ${process.platform} ${process.arch}, kernel ${release()}`,
  };
}

function addon(): Finding {
  const loaded = addonOrUndefined();
  if (loaded === undefined) {
    return {
      what: "native addon",
      state: `missing: ${whyNoAddon()}`,
      remedy: remedyForNoAddon(),
    };
  }
  const able = Object.entries(loaded.capabilities()).map(([name, can]) => `${name}: ${can ? "yes" : "no"}`);
  return { what: "native addon", state: `${addonFile()} (${able.join(", ")})` };
}

function methods(): Finding[] {
  const chosen = getStartMethod();
  return startMethodReport().map(({ method, why }) => {
    const state = why === undefined ? "can be used" : `cannot be used: ${why}`;
    return { what: `start method ${method}`, state: method === chosen ? `${state}; chosen by default` : state };
  });
}

function processors(): Finding {
  return {
    what: "processors",
    state: `${cpuCount()} for this process, of ${availableParallelism()} that it may run on`,
  };
}

function names(): Finding {
  const why = whyNoNames();
  if (why !== undefined) {
    return {
      what: "names in /dev/shm",
      state: `cannot be made (${why}): no SharedMemory, no ShareableList; all else works`,
      remedy: "mount a tmpfs at /dev/shm that this user may read and write (docker run --shm-size, --tmpfs /dev/shm)",
    };
  }
  const cleared = clearAbandonedNames();
  const state = cleared.length === 0 ? "none abandoned" : `cleared ${cleared.length} abandoned: ${cleared.join(", ")}`;
  return { what: "names in /dev/shm", state };
}
