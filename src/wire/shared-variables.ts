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

type Candidate = Omit<Seen, "scope">;

function scopeOf(mine: Candidate, seen: readonly Seen[], unions: Union[], encoder: Encoder): object {
  const alike = seen.filter(
    ({ anatomy, name, value }) =>
      anatomy.file === mine.anatomy.file && name === mine.name && Object.is(value, mine.value),
  );
  const assigning = alike.filter(({ assigns }) => assigns);
  for (const { scope } of sharing(mine, assigning, encoder)) return scope;
  if (!mine.assigns) return {}; // Whether it is that of others who only read nobody will notice, as yet.
  const scopes = new Set([...sharing(mine, alike, encoder)].map(({ scope }) => scope));
  const [into = {}, ...rest] = scopes;
  unions.push(...rest.map((scope) => ({ name: mine.name, scope, into })));
  return into;
}

/** Those of the others whose variable is the same one. Many are set before one is looked at: that is what takes long. */
function* sharing(mine: Candidate, others: readonly Seen[], encoder: Encoder): Generator<Seen> {
  const setters = others.map(({ subject, form, name }) => setterOf(subject, form, name));
  let left = [...others.keys()].filter((at) => setters[at] !== undefined);
  while (left.length > 0) {
    const found = markSeenBy(
      mine,
      left.map((at) => setters[at]!),
    );
    if (found < 0) break;
    yield others[left[found]!]!;
    left = left.filter((_, at) => at !== found);
  }
  for (const [at, other] of others.entries()) {
    if (setters[at] === undefined && isSeenBy(other, mine, encoder)) yield other;
  }
}

/** The other way round, where there is no way into the other's variable. */
function isSeenBy(other: Candidate, mine: Candidate, encoder: Encoder): boolean {
  const set = setterOf(mine.subject, mine.form, mine.name);
  if (set !== undefined) return markSeenBy(other, [set]) === 0;
  return encoder.refuse({
    subject: `the variable "${mine.name}" used by ${describePlace(mine.subject, mine.anatomy)}`,
    why: "whether it is the variable of the same name that another function changes cannot be found out",
    remedy: "keep what changes in an object that both use",
  });
}

/** Which of the setters sets the variable that the function sees; of several the last; -1: none. */
function markSeenBy({ subject, name, value }: Candidate, setters: readonly ((value: unknown) => void)[]): number {
  const marks: unknown[] = setters.map(() => ({}));
  const setAll = (valueAt: (at: number) => unknown): void => {
    for (const [at, set] of setters.entries()) {
      try {
        set(valueAt(at));
      } catch {
        // A constant: not a variable that anything assigns.
      }
    }
  };
  setAll((at) => marks[at]);
  try {
    const scope = inspectFunction(subject)?.scopes.find(
      ({ variables, description }) => description !== "Global" && Object.hasOwn(variables, name),
    );
    return marks.indexOf(scope?.variables[name]);
  } finally {
    setAll(() => value);
  }
}
