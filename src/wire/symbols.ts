/**
 * Symbols that mean the same in every process.
 *
 * Runs in: every process.
 */
const wellKnown = new Map<symbol, string>();
const byName = new Map<string, symbol>();
for (const name of Object.getOwnPropertyNames(Symbol)) {
  const value: unknown = Reflect.get(Symbol, name);
  if (typeof value === "symbol" && Symbol.keyFor(value) === undefined) {
    wellKnown.set(value, name);
    byName.set(name, value);
  }
}

/** `registered`: of `Symbol.for(name)`; else the name of a property of Symbol. Undefined: it means something here only. */
export function portableSymbol(symbol: symbol): { readonly registered: boolean; readonly name: string } | undefined {
  const registered = Symbol.keyFor(symbol);
  if (registered !== undefined) return { registered: true, name: registered };
  const name = wellKnown.get(symbol);
  return name === undefined ? undefined : { registered: false, name };
}

export function wellKnownSymbol(name: string): symbol | undefined {
  return byName.get(name);
}
