/**
 * A function by value that has not been taken to pieces, but was put together from them: a message that needs neither the
 * inspector nor the parser.
 *
 * Runs in: the fork server, which rehearses with it what its children do with functions.
 */
import { writeByValue } from "./by-value.ts";
import { Encoding } from "./encoding.ts";
import { way } from "./function-kind.ts";
import { tag, version } from "./tags.ts";

export function sampleFunction(): Uint8Array {
  const text = "() => captured.number";
  const captured = { number: 1 };
  const sample = (): number => captured.number;
  const none: ReadonlySet<never> = new Set();
  const surroundings = {
    ...{ names: new Set(["captured"]), assigned: none, privateNames: none, statementStarts: none },
    ...{ usesThis: false, usesNewTarget: false, usesSuper: false, usesEval: false, importMeta: [], calls: [] },
  };
  const node = { type: "ArrowFunctionExpression", start: 0, end: text.length };
  const form = { form: "function", text, node, base: 0, arrow: true, point: 0, surroundings, strict: true } as const;
  const place = { file: "node-multiprocessing:sample", line: 0, column: 0, strict: true };
  const copy = { ...place, form, text, bindings: new Map(), shared: new Map(), given: none, meta: "", mark: "" };
  const notes = { ...copy, names: ["captured"], access: () => captured, privates: [], outerArguments: undefined };
  const encoding = new Encoding();
  encoding.begin("sample", undefined);
  encoding.writer.byte(version.plain);
  encoding.writer.byte(tag.kind);
  encoding.string("function");
  encoding.uint(way.value);
  const scopes = [{ description: "Block", variables: { captured } }];
  const inspected = { scriptId: "", line: 0, column: 0, scopes };
  writeByValue(sample, { anatomy: { ...place, form, place: undefined, copy: notes }, inspected }, encoding);
  return encoding.writer.take();
}
