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

/** The variables, each that may change with the object that stands for it. */
export function withScopes(
  subject: AnyFunction,
  { anatomy }: Captured,
  form: SourceForm,
  variables: readonly Variable[],
  encoder: Encoder,
): Variable[] {
  return variables.map((variable) => {
    if (variable.how !== "value" || variable.changing !== true) return variable;
    const { name, value } = variable;
    const seen = encoder.store<Seen[]>(table, () => []);
    const mine = { anatomy, name, value, subject, form, assigns: form.surroundings.assigned.has(name) };
    const same = seen.find((other) => isSame(other, mine, encoder));
    const scope = same?.scope ?? {};
    seen.push({ ...mine, scope });
    return { how: "value", name, value, scope };
  });
}

function isSame(other: Seen, mine: Omit<Seen, "scope">, encoder: Encoder): boolean {
  if (other.anatomy.file !== mine.anatomy.file || other.name !== mine.name || !Object.is(other.value, mine.value))
    return false;
  if (!other.assigns && !mine.assigns) return false; // Nobody will notice.
  for (const [through, at] of [
    [other, mine],
    [mine, other],
  ] as const) {
    const set = setterOf(through.subject, through.form, mine.name);
    if (set === undefined) continue;
    const mark = {};
    set(mark);
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
