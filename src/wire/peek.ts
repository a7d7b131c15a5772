/**
 * A way into the variables of a closure: set one from outside, or read one that [[Scopes]] do not show, without running
 * the function that sees it.
 *
 * Runs in: the process that sends.
 * Why: [[Scopes]] are copies, and cannot say whether two functions see one variable or two that are equal. Setting it
 * through one of them and looking through the other can.
 * Source: a conditional breakpoint at the function's call, whose condition makes a setter in the function's scope and
 * then terminates the call (measured on Node 20 to 26). The debugger is on for the moment only: while it is, every
 * await is ten times slower. A decoy goes first: where a debugger is paused, the body would run.
 */
import { listening, post, withRemote } from "./inspection.ts";
import type { SourceForm } from "./source-forms.ts";
import { isNode, type AnyNode } from "./syntax.ts";

type Setter = (value: unknown) => void;

const shelfName = "node-multiprocessing.peek";
const longestPeekMs = 2000;

interface Shelf {
  run: () => unknown;
  take: (found: unknown) => void;
}

const setters = new WeakMap<object, Map<string, Setter>>();

/** Undefined when it cannot be had without running code of the user's. */
export function setterOf(subject: object, form: SourceForm, name: string): Setter | undefined {
  const known = setters.get(subject)?.get(name);
  if (known !== undefined) return known;
  if (!stopsAtItsStart(form)) return undefined;
  const value = name === "v" ? "w" : "v";
  const found = peek(subject as () => unknown, `${value}=>{${name}=${value}}`) as Setter | undefined;
  if (found === undefined) return undefined;
  const ofSubject = setters.get(subject) ?? new Map<string, Setter>();
  setters.set(subject, ofSubject.set(name, found));
  return found;
}

const hidden = new WeakMap<object, Map<string, readonly unknown[]>>();

/**
 * The value of a name that the function sees and [[Scopes]] do not show, which never changes: the own name of a function
 * or class expression around it. Empty where it sees no such name; undefined when that cannot be found out without
 * running code of the user's.
 */
export function hiddenName(subject: object, form: SourceForm, name: string): readonly unknown[] | undefined {
  const known = hidden.get(subject)?.get(name);
  if (known !== undefined) return known;
  if (!stopsAtItsStart(form)) return undefined;
  const found = peek(subject as () => unknown, `typeof ${name}==="undefined"?[]:[${name}]`);
  if (!Array.isArray(found)) return undefined;
  const ofSubject = hidden.get(subject) ?? new Map<string, readonly unknown[]>();
  hidden.set(subject, ofSubject.set(name, found));
  return found;
}

/** Whether the variable is in its dead zone; undefined when that cannot be found out without running code of the user's. */
export function throwsWhenRead(subject: object, form: SourceForm, name: string): boolean | undefined {
  if (!stopsAtItsStart(form)) return undefined;
  const found = peek(subject as () => unknown, `(()=>{try{${name};return[false]}catch{return[true]}})()`);
  return Array.isArray(found) ? (found[0] as boolean) : undefined;
}

/** Code that runs before the first place where the debugger stops: defaults, destructuring, a class at the beginning. */
function stopsAtItsStart({ form, node }: SourceForm): boolean {
  if (form === "class") return false;
  const actual = (form === "method" ? node["value"] : node) as AnyNode;
  if (actual["generator"] === true) return false;
  const plain = (actual["params"] as AnyNode[]).every(
    (each) =>
      each.type === "Identifier" ||
      (each.type === "RestElement" && (each["argument"] as AnyNode).type === "Identifier"),
  );
  const body = actual["body"] as AnyNode;
  const first = body.type === "BlockStatement" ? (body["body"] as AnyNode[])[0] : undefined;
  return plain && !(isNode(first) && first.type === "ClassDeclaration");
}

function peek(subject: () => unknown, expression: string): unknown {
  const shelf = process.getBuiltinModule("node:inspector") as unknown as Record<symbol, Shelf | undefined>;
  const key = Symbol.for(shelfName);
  return listening(
    "Debugger.paused",
    () => {},
    () => {
      post("Debugger.enable");
      try {
        let ran = false;
        const decoy = (): void => {
          ran = true;
        };
        callStopped(shelf, key, decoy, "void 0");
        return ran ? undefined : callStopped(shelf, key, subject, expression);
      } finally {
        delete shelf[key];
        post("Debugger.disable");
      }
    },
  );
}

/** What the expression is in the function's scope; the call ends before its body begins. */
function callStopped(
  shelf: Record<symbol, Shelf | undefined>,
  key: symbol,
  subject: () => unknown,
  expression: string,
): unknown {
  let taken: unknown;
  let stopped = false;
  shelf[key] = {
    run: () => subject(),
    take: (found) => {
      taken = found;
      stopped = true;
      post("Runtime.terminateExecution");
    },
  };
  const path = `process.getBuiltinModule("node:inspector")[Symbol.for("${shelfName}")]`;
  // Evaluated in the function's scope, which may have a `process` or `Symbol` of its own; where it threw, the body would run.
  const here = `(()=>{}).constructor(${JSON.stringify(`return ${path}`)})()`;
  return withRemote(subject, (objectId) => {
    const { breakpointId } = post<{ breakpointId: string }>("Debugger.setBreakpointOnFunctionCall", {
      objectId,
      condition: `(${here}.take((()=>{try{return ${expression}}catch{}})()),false)`,
    });
    try {
      // Runtime.evaluate takes the termination upon itself, and answers that it was terminated.
      post("Runtime.evaluate", { expression: `${path}.run()`, silent: true, timeout: longestPeekMs });
    } catch (error) {
      if (!stopped) throw error;
    } finally {
      post("Debugger.removeBreakpoint", { breakpointId });
    }
    return taken;
  });
}
