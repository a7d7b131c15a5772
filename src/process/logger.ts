/**
 * The library's log, as Python's `multiprocessing.get_logger()`: silent until somebody asks for it.
 *
 * Runs in: every process; a child starts with its owner's level and target.
 */
import { writeSync } from "node:fs";
import { invalidArgument } from "../base/errors.ts";
import { shown } from "../base/options.ts";
import { currentProcess } from "./current-process.ts";

/** Python's names and numbers of levels. */
const levels = { NOTSET: 0, SUBDEBUG: 5, DEBUG: 10, INFO: 20, SUBWARNING: 25, WARNING: 30, ERROR: 40, CRITICAL: 50 };

/** "debug" and "DEBUG" are the same; a number is one of Python's. */
export type LogLevel = keyof typeof levels | Lowercase<keyof typeof levels> | number;

export interface LoggerSettings {
  readonly level: number;
  readonly toStderr: boolean;
}

let settings: LoggerSettings = { level: levels.NOTSET, toStderr: false };

/** What of the library's doings is told, and where. */
export class Logger {
  /** The threshold, as a number of Python's. */
  get level(): number {
    return settings.level;
  }

  /** @throws {MultiprocessingError} ERR_MP_INVALID_ARGUMENT when there is no such level. */
  setLevel(level: LogLevel): void {
    settings = { ...settings, level: levelNumber(level) };
  }

  /** Whether a message of that level would be written. */
  isEnabledFor(level: LogLevel): boolean {
    return settings.toStderr && levelNumber(level) >= settings.level;
  }

  /** Writes `[INFO/Process-1] message` to stderr when the level is reached. */
  log(level: LogLevel, message: string): void {
    const number = levelNumber(level);
    if (!settings.toStderr || number < settings.level) return;
    const name = Object.entries(levels).find(([, value]) => value === number)?.[0] ?? `Level ${number}`;
    writeToStderr(`[${name}/${currentProcess().name}] ${message}\n`);
  }

  /** As `log("DEBUG", message)`. */
  debug(message: string): void {
    this.log("DEBUG", message);
  }

  /** As `log("INFO", message)`. */
  info(message: string): void {
    this.log("INFO", message);
  }

  /** As `log("WARNING", message)`. */
  warning(message: string): void {
    this.log("WARNING", message);
  }

  /** As `log("ERROR", message)`. */
  error(message: string): void {
    this.log("ERROR", message);
  }
}

const logger = new Logger();

/** The library's logger. Nothing is written before `logToStderr()`. */
export function getLogger(): Logger {
  return logger;
}

/**
 * Writes the log to stderr from now on, here and in the children started from now on.
 *
 * @param level the threshold. @default the one it has
 * @throws {MultiprocessingError} ERR_MP_INVALID_ARGUMENT when there is no such level.
 */
export function logToStderr(level?: LogLevel): Logger {
  settings = { level: level === undefined ? settings.level : levelNumber(level), toStderr: true };
  return logger;
}

export function loggerSettings(): LoggerSettings {
  return settings;
}

export function setLoggerSettings(to: LoggerSettings): void {
  settings = to;
}

function levelNumber(level: LogLevel): number {
  if (typeof level === "number" && Number.isFinite(level)) return level;
  const number = (levels as Record<string, number>)[String(level).toUpperCase()];
  if (number === undefined) {
    throw invalidArgument(
      `There is no log level ${shown(level)}; the levels are ${Object.keys(levels).join(", ")}, or a number`,
    );
  }
  return number;
}

function writeToStderr(text: string): void {
  try {
    writeSync(2, text);
  } catch {
    // stderr is closed, or full and not read: a log must not end the program that it tells of.
  }
}
