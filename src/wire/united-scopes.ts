/**
 * Scope objects of a message that turn out to stand for one variable.
 *
 * Runs in: the process that receives.
 * Why: of two functions that only read a variable nobody asks whether it is one; a third, written after them, may assign
 * it. Then both have been given a scope object of their own.
 */

const united = new WeakMap<object, object>();

/** From now on the variable of that name in `scope` is the one in `into`. */
export function uniteScopes(scope: object, into: object, name: string): void {
  united.set(scope, into);
  Object.defineProperty(scope, name, {
    get: () => Reflect.get(into, name) as unknown,
    set: (value: unknown) => {
      Reflect.set(into, name, value);
    },
  });
}

/** The object that has the variable: equal for functions that share it. */
export function unitedScope(scope: object): object {
  return united.get(scope) ?? scope;
}
