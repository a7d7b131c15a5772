/**
 * Names in /dev/shm that a family of processes has made: whose they are can be read from the name itself.
 *
 *   nmp-<pid of the family's root>-<its start time in clock ticks>-<its pid namespace>-<anything>
 *
 * A segment that the user has named has a note beside it: a symbolic link that leads nowhere, whose name tells the family
 * and the segment's inode, and whose text is the name that was chosen.
 *
 *   nmp-…-named-<inode> -> <chosen name>
 *
 * Runs in: every process. The fork server does the same in C: `native/family_names.c`.
 * Why the start time: a pid alone may be another process's by now, and its names must not be cleared.
 * Why the namespace: containers may share /dev/shm, and a pid of another namespace says nothing here.
 * Why the inode: a chosen name may be another's segment by now. Why a link: it costs no memory and holds none.
 */
import { accessSync, constants, lstatSync, readdirSync, readlinkSync, symlinkSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { isRunning, markOf, type ProcessMark } from "./process-facts.ts";

export const namesFolder = "/dev/shm";
const pattern = /^nmp-(\d+)-(\d+)-(\d+)-./;
const notePattern = /-named-(\d+)$/;

let ownNamespace: string | undefined;

/** How the names of the family begin whose root is this process. */
export function familyNamePrefix(root: number | ProcessMark): string {
  const { pid, startTime } = typeof root === "number" ? markOf(root) : root;
  return `nmp-${pid}-${startTime ?? 0}-${namespaceOfPids()}-`;
}

/** The user cannot choose such a name: it would be cleared with those of the family that it seems to be of. */
export function looksLikeFamilys(name: string): boolean {
  return pattern.test(name);
}

/** So that the segment of that name ends with the family, too. */
export function noteChosenName(prefix: string, chosen: string, inode: number): void {
  symlinkSync(chosen, join(namesFolder, `${prefix}named-${inode}`));
}

export function forgetChosenName(prefix: string, inode: number): void {
  unlinkIfThere(`${prefix}named-${inode}`);
}

/** @returns the names that could be removed */
export function clearNamesOf(prefix: string): string[] {
  return allNames().filter((name) => name.startsWith(prefix) && clear(name));
}

/** The root of the family that has made the name; undefined when that cannot be told. */
export function rootOfName(name: string): ProcessMark | undefined {
  const [, pid, startTime, namespace] = pattern.exec(name) ?? [];
  if (pid === undefined || namespace !== namespaceOfPids()) return undefined;
  return { pid: Number(pid), startTime: Number(startTime) };
}

/** The names whose family's root has ended. */
export function abandonedNames(): string[] {
  return allNames().filter((name) => {
    const root = rootOfName(name);
    return root !== undefined && !isRunning(root);
  });
}

/** @returns the names that could be removed; another user's cannot. */
export function clearAbandonedNames(): string[] {
  return abandonedNames().filter((name) => clear(name));
}

function clear(name: string): boolean {
  try {
    clearChosen(name);
    return unlinkIfThere(name); // False: another was quicker.
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EPERM" || code === "EACCES") return false;
    throw error;
  }
}

/** If the name is a note: the segment that it tells of, unless its name is another's by now, or another user's. */
function clearChosen(note: string): void {
  const [, inode] = notePattern.exec(note) ?? [];
  if (inode === undefined) return;
  const ofNote = lstatSync(join(namesFolder, note), { throwIfNoEntry: false });
  if (ofNote?.isSymbolicLink() !== true) return;
  const chosen = readlinkSync(join(namesFolder, note));
  if (chosen.includes("/")) return;
  const ofSegment = lstatSync(join(namesFolder, chosen), { throwIfNoEntry: false });
  if (ofSegment?.ino === Number(inode) && ofSegment.uid === ofNote.uid) unlinkIfThere(chosen);
}

function unlinkIfThere(name: string): boolean {
  try {
    unlinkSync(join(namesFolder, name));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}

function allNames(): string[] {
  try {
    return readdirSync(namesFolder);
  } catch (error) {
    // No shared memory on this machine, or not for this user, who then has no names there.
    if (["ENOENT", "EACCES"].includes((error as NodeJS.ErrnoException).code ?? "")) return [];
    throw error;
  }
}

/** The error's code where this process cannot make a segment there; undefined where it can. */
export function whyNoNames(): string | undefined {
  try {
    accessSync(namesFolder, constants.R_OK | constants.W_OK | constants.X_OK);
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
}

function namespaceOfPids(): string {
  if (ownNamespace === undefined) {
    try {
      ownNamespace = /\d+/.exec(readlinkSync("/proc/self/ns/pid"))?.[0] ?? "0";
    } catch {
      ownNamespace = "0"; // No /proc: then nobody can tell.
    }
  }
  return ownNamespace;
}
