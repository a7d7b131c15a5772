/**
 * What a child is told before its job: who it is and what it takes over from its owner. Plain JSON, since it must be
 * readable before any of the user's modules is imported.
 *
 * Runs in: both: the owner writes it, the child applies it.
 */
import type { ProcessMark } from "../host/process-facts.ts";
import { ownMark } from "../host/process-facts.ts";
import { wireId } from "../wire/identity.ts";
import { setIdentity } from "./identity.ts";
import { loggerSettings, setLoggerSettings, type LoggerSettings } from "./logger.ts";
import { chosenStartMethod, setStartMethod } from "./start-methods.ts";
import type { StartMethod } from "./launcher.ts";
import { currentProcess } from "./current-process.ts";

export interface Preparation {
  readonly name: string;
  readonly path: readonly number[];
  readonly daemon: boolean;
  readonly owner: ProcessMark & { readonly name: string };
  /** The owner's wire id: functions and classes that come from it go home as their tag. */
  readonly home: string;
  readonly argv: readonly string[];
  readonly startMethod: StartMethod | undefined;
  readonly logger: LoggerSettings;
}

/** As things are in this process at this moment. */
export function prepare(child: Pick<Preparation, "name" | "path" | "daemon">): Uint8Array {
  const preparation: Preparation = {
    name: child.name,
    path: child.path,
    daemon: child.daemon,
    owner: { ...ownMark(), name: currentProcess().name },
    home: wireId(),
    argv: process.argv,
    startMethod: chosenStartMethod(),
    logger: loggerSettings(),
  };
  return Buffer.from(JSON.stringify(preparation));
}

/** Makes this process the child that it is told to be. */
export function applyPreparation(payload: Uint8Array): Preparation {
  const preparation = JSON.parse(Buffer.from(payload).toString()) as Preparation;
  setIdentity({ path: preparation.path, owner: preparation.owner });
  process.argv.splice(0, process.argv.length, ...preparation.argv);
  setLoggerSettings(preparation.logger);
  if (preparation.startMethod !== undefined) setStartMethod(preparation.startMethod, { force: true });
  return preparation;
}
