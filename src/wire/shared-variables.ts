/**
 * Which variables of closures are one variable, for the functions of one message.
 *
 * Runs in: the process that sends.
 * Guarantees: two functions that see one variable share it on the other side when one of them assigns it; two that see
 * different ones never do. Where that cannot be found out, the message is refused.
 */
import { describePlace, type Anatomy, type AnyFunction, type Captured, type Variable } from "./capture.ts";
import { inspectFunction } from "./inspection.ts";
import type { Encoder } from "./kinds.ts";
import { setterOf } from "./peek.ts";
import type { SourceForm } from "./source-forms.ts";

interface Seen {
  readonly anatomy: Anatomy;
  readonly name: string;
  readonly value: unknown;
  readonly subject: AnyFunction;
  readonly form: SourceForm;
  readonly assigns: boolean;
  /** Stands for the variable. */
  readonly scope: object;
}

const table = {};

/** Of functions that only read, and were written before: their variable of that name is the one of `into`. */
export interface Union {
  readonly name: string;
  readonly scope: object;
  readonly into: object;
}

/**
 * The variables, each that may change with the object that stands for it.
 *
 * @param unions gets what has turned out to be one variable
 */
export function withScopes(
  subject: AnyFunction,
  { anatomy }: Captured,
  form: SourceForm,
  variables: readonly Variable[],
  unions: Union[],
  encoder: Encoder,
): Variable[] {
  return variables.map((variable) => {
    if (variable.how !== "value" || variable.changing !== true) return variable;
    const { name, value } = variable;
    const seen = encoder.store<Seen[]>(table, () => []);
    const mine = { anatomy, name, value, subject, form, assigns: form.surroundings.assigned.has(name) };
    const scope = scopeOf(mine, seen, unions, encoder);
    seen.push({ ...mine, scope });
    return { how: "value", name, value, scope };
  });
}

function scopeOf(mine: Omit<Seen, "scope">, seen: readonly Seen[], unions: Union[], encoder: Encoder): object {
  const assigning = seen.find((other) => other.assigns && isSame(other, mine, encoder));
  if (assigning !== undefined) return assigning.scope;
  if (!mine.assigns) return {}; // Whether it is that of others who only read nobody will notice, as yet.
  const scopes = new Set(seen.filter((other) => isSame(other, mine, encoder)).map(({ scope }) => scope));
  const [into = {}, ...rest] = scopes;
  unions.push(...rest.map((scope) => ({ name: mine.name, scope, into })));
  return into;
}

function isSame(other: Seen, mine: Omit<Seen, "scope">, encoder: Encoder): boolean {
  if (other.anatomy.file !== mine.anatomy.file || other.name !== mine.name || !Object.is(other.value, mine.value))
    return false;
  for (const [through, at] of [
    [other, mine],
    [mine, other],
  ] as const) {
    const set = setterOf(through.subject, through.form, mine.name);
    if (set === undefined) continue;
    const mark = {};
    try {
      set(mark);
    } catch {
      return false; // A constant: not the variable that the other one assigns.
    }
    try {
      return sees(at.subject, mine.name, mark);
    } finally {
      set(mine.value);
    }
  }
  return encoder.refuse({
    subject: `the variable "${mine.name}" used by ${describePlace(mine.subject, mine.anatomy)}`,
    why: "whether it is the variable of the same name that another function changes cannot be found out",
    remedy: "keep what changes in an object that both use",
  });
}

function sees(subject: AnyFunction, name: string, mark: object): boolean {
  for (const { variables, description } of inspectFunction(subject)?.scopes ?? []) {
    if (description !== "Global" && Object.hasOwn(variables, name)) return variables[name] === mark;
  }
  return false;
}
