/**
 * Functions and classes in messages: as the original's tag, by reference, or by value.
 *
 * Runs in: both.
 * Guarantees: what is found by reference is never copied; a copy that comes home is the original; what cannot cross is
 * refused with its place, never left out.
 * Leaves to others: where a function is (`by-reference.ts`), what it is made of (`capture.ts`), how it is made anew
 * (`rebuild.ts`), the layout by value (`by-value.ts`).
 */
import { placeInRequired, type Place } from "./by-reference.ts";
import { writeByValue } from "./by-value.ts";
import { capture, describePlace, isNativeFunction, knownPlace, type AnyFunction } from "./capture.ts";
import { deepGlobalPathOf, globalAt, globalPathOf, type GlobalPath } from "./globals.ts";
import { inspectBound } from "./inspection.ts";
import { registerKind, type Decoder, type Encoder } from "./kinds.ts";
import { numberAt, originalOf } from "./origin-tags.ts";
import { readByValue } from "./read-by-value.ts";
import { readIntegrity, readProperties, writeIntegrity, writeProperties } from "./properties.ts";
import { folderOfRequire, isRequire, requireIn } from "./require-function.ts";
import { wireId } from "./identity.ts";

export const way = { home: 0, global: 1, place: 2, bound: 3, value: 4, require: 5 } as const;

/** A scope of a bundle may have thousands of functions, each using the next. Arbitrary. */
const mostFunctions = 5000;
const counter = {};

registerKind({
  name: "function",
  matches: (value): value is AnyFunction => typeof value === "function",
  encode,
  decode,
});

function encode(subject: AnyFunction, encoder: Encoder): void {
  const global = globalPathOf(subject);
  if (global !== undefined) {
    encoder.uint(way.global);
    writeGlobal(global, encoder);
    return;
  }
  const known = knownPlace(subject) ?? placeInRequired(subject);
  if (known !== undefined) {
    encoder.uint(way.place);
    writePlace(known, encoder);
    return;
  }
  if (goesHome(subject, encoder)) return;
  const folder = isRequire(subject) ? folderOfRequire(subject) : undefined;
  if (folder !== undefined) {
    encoder.uint(way.require);
    encoder.string(folder);
    return;
  }
  if (isNativeFunction(subject) && encodeBound(subject, encoder)) return;
  const captured = capture(subject);
  if ("why" in captured) {
    const inside = deepGlobalPathOf(subject);
    if (inside === undefined) encoder.refuse(captured);
    encoder.uint(way.global);
    writeGlobal(inside, encoder);
    return;
  }
  const { place } = captured.anatomy;
  if (place !== undefined) {
    encoder.uint(way.place);
    writePlace(place, encoder);
    return;
  }
  const count = encoder.store(counter, () => ({ functions: 0 }));
  if (++count.functions > mostFunctions) {
    encoder.refuse({
      subject: `the function ${describePlace(subject, captured.anatomy)}`,
      why: `more than ${mostFunctions} functions would have to be copied with it`,
      remedy: "move what it uses to a module of its own and export it",
    });
  }
  encoder.keep.push(subject);
  encoder.uint(way.value);
  writeByValue(subject, captured, encoder);
}

function goesHome(subject: object, encoder: Encoder): boolean {
  if (encoder.home === undefined || encoder.home === wireId()) return false;
  const number = numberAt(encoder.home, subject);
  if (number === undefined) return false;
  encoder.uint(way.home);
  encoder.uint(number);
  return true;
}

function encodeBound(subject: AnyFunction, encoder: Encoder): boolean {
  const bound = inspectBound(subject);
  if (bound === undefined) return false;
  encoder.uint(way.bound);
  encoder.string(subject.name);
  encoder.value(bound.target, " (the function that is bound)");
  encoder.value(bound.boundThis, " (the this that is bound)");
  encoder.value(bound.boundArgs, " (the arguments that are bound)");
  const keys = Reflect.ownKeys(subject).filter((key) => key !== "length" && key !== "name");
  writeProperties(subject, keys, encoder);
  writeIntegrity(subject, encoder);
  return true;
}

function decode(decoder: Decoder): object {
  switch (decoder.uint()) {
    case way.home: {
      const number = decoder.uint();
      const original = originalOf({ home: wireId(), number });
      return original ?? decoder.malformed(`function ${number} of this process is no longer there`);
    }
    case way.global:
      return functionAt(readGlobal(decoder), decoder);
    case way.place:
      return functionAt(readPlace(decoder), decoder);
    case way.bound:
      return decodeBound(decoder);
    case way.value:
      return readByValue(decoder);
    case way.require:
      return decoder.adopt(requireIn(decoder.string()));
    default:
      return decoder.malformed("a function comes in no way that is known");
  }
}

function functionAt(found: unknown, decoder: Decoder): object {
  if (typeof found !== "function") decoder.malformed("what is found by reference is no function");
  return decoder.adopt(found);
}

function decodeBound(decoder: Decoder): object {
  const name = decoder.string();
  const target = decoder.value();
  const boundThis = decoder.value();
  const boundArgs = decoder.value();
  if (typeof target !== "function" || !Array.isArray(boundArgs)) decoder.malformed("a bound function binds none");
  const made = decoder.adopt(
    (target as AnyFunction).bind(boundThis as never, ...(boundArgs as never[])) as AnyFunction,
  );
  if (made.name !== name) Object.defineProperty(made, "name", { value: name, configurable: true });
  readProperties(made, decoder);
  readIntegrity(made, decoder);
  return made;
}

export function writeGlobal({ root, keys }: GlobalPath, encoder: Encoder): void {
  encoder.string(root);
  writeKeys(keys, encoder);
}

export function readGlobal(decoder: Decoder): unknown {
  const root = decoder.string();
  const keys = readKeys(decoder);
  return globalAt({ root, keys }) ?? decoder.malformed(`${[root, ...keys].join(".")} is not there in this process`);
}

export function writePlace({ module, keys }: Place, encoder: Encoder): void {
  encoder.module(module);
  writeKeys(keys, encoder);
}

export function readPlace(decoder: Decoder): unknown {
  let found = decoder.module();
  for (const key of readKeys(decoder)) {
    if ((typeof found !== "object" || found === null) && typeof found !== "function") {
      decoder.malformed(`a module has no ${key}`);
    }
    found = Reflect.get(found, key);
  }
  return found;
}

function writeKeys(keys: readonly string[], encoder: Encoder): void {
  encoder.uint(keys.length);
  for (const key of keys) encoder.string(key);
}

function readKeys(decoder: Decoder): string[] {
  return Array.from({ length: Math.min(decoder.uint(), 100) }, () => decoder.string());
}
