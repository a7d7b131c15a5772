/**
 * Variables that are declared and have no value yet, where V8 shows them as undefined.
 *
 * Runs in: the process that sends.
 * Why: from Node 22 on, reading such a variable from the inspector throws; on Node 20 it looks like one that is undefined,
 * and would be sent as that, silently wrong.
 */
import type { Anatomy } from "./capture.ts";
import { moduleTables } from "./module-tables.ts";
import { throwsWhenRead } from "./peek.ts";

const looksUndefined = Number(process.versions.node.split(".")[0]) < 22;

/** Functions by which a variable was seen to have one: it has one for ever. */
const alive = new WeakMap<object, Set<string>>();

/** Of a variable that shows as undefined. */
export function hasNoValueYet(subject: object, { copy, form, file }: Anatomy, name: string): boolean {
  if (!looksUndefined || copy !== undefined || alive.get(subject)?.has(name) === true) return false;
  if (!mayBeDeclaredLater(name, file)) return false;
  if (throwsWhenRead(subject, form, name) === true) return true;
  const names = alive.get(subject) ?? new Set<string>();
  alive.set(subject, names.add(name));
  return false;
}

/** `var`, parameters and functions have no dead zone. By its looks, since a mistake only costs a millisecond. */
function mayBeDeclaredLater(name: string, file: string): boolean {
  const text = moduleTables(file)?.text;
  const word = name.replace(/\$/g, "\\$&");
  return text === undefined || new RegExp(`\\b(?:let|const|class)\\s[^;]*?(?<![\\w$.])${word}(?![\\w$])`).test(text);
}
