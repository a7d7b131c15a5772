/**
 * What was an import in a function that came here by value: so that a function written inside that one, whose variables
 * V8 shows as any others, sends it on as an import again.
 *
 * Runs in: the process that receives, and sends on.
 */
import type { ImportBinding } from "./module-tables.ts";

interface Copied {
  readonly binding: ImportBinding;
  readonly namespace: Readonly<Record<string, unknown>>;
}

/** By file and local name. */
const copied = new Map<string, Copied>();

export function noteBinding(
  file: string,
  name: string,
  binding: ImportBinding,
  namespace: Readonly<Record<string, unknown>>,
): void {
  copied.set(`${file}\n${name}`, { binding, namespace });
}

/** A primitive may be another variable's by chance, and is as good as a copy: only objects and functions are looked for. */
export function copiedBinding(file: string, name: string, value: unknown): ImportBinding | undefined {
  if ((typeof value !== "object" || value === null) && typeof value !== "function") return undefined;
  const known = copied.get(`${file}\n${name}`);
  if (known === undefined) return undefined;
  const { binding, namespace } = known;
  return (binding.imported === "*" ? namespace : namespace[binding.imported]) === value ? binding : undefined;
}
