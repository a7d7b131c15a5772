/**
 * Objects of the language's own classes, and Node's URL, out of bytes.
 *
 * Runs in: the process that receives.
 */
import type { Decoding } from "./decoding.ts";
import { emptyError, errorPrototype, readErrorBody } from "./errors.ts";
import { closeAfterwards, readProperties } from "./properties.ts";
import { wellKnownSymbol } from "./symbols.ts";
import { tag } from "./tags.ts";
import { bufferView, viewClass } from "./views.ts";

/** No engine makes a longer one; what is announced beyond is damage. */
const longestBuffer = 2 ** 33;

export function decodeBuiltin(head: number, decoding: Decoding): unknown {
  const { reader } = decoding;
  switch (head) {
    case tag.bigint:
      return readBigInt(decoding);
    case tag.registeredSymbol:
      return Symbol.for(decoding.string());
    case tag.wellKnownSymbol: {
      const name = decoding.string();
      return wellKnownSymbol(name) ?? decoding.malformed(`Symbol.${name} is unknown here`);
    }
    case tag.map:
      return readMap(decoding);
    case tag.set:
      return readSet(decoding);
    case tag.date:
      return decoding.finish(decoding.begin(), new Date(reader.double()));
    case tag.regExp:
      return readRegExp(decoding);
    case tag.boxed: {
      const number = decoding.begin();
      const primitive = decoding.value();
      if (typeof primitive === "object" || typeof primitive === "function" || primitive === undefined) {
        decoding.malformed("a boxed primitive holds none");
      }
      return decoding.finish(number, Object(primitive) as object);
    }
    case tag.arrayBuffer:
      return decoding.finish(decoding.begin(), copyOf(reader.bytes(reader.count())));
    case tag.asideBuffer: {
      const number = decoding.begin();
      const length = reader.uint();
      const buffer = decoding.aside?.(reader.uint(), length);
      if (buffer === undefined) decoding.malformed("the bytes of a large buffer are not there");
      return decoding.finish(number, buffer);
    }
    case tag.resizableArrayBuffer:
      return readResizable(decoding);
    case tag.buffer: {
      const number = decoding.begin();
      return decoding.finish(number, Buffer.from(copyOf(reader.bytes(reader.count()))));
    }
    case tag.view:
    case tag.trackingView:
      return readView(decoding, head === tag.trackingView);
    case tag.error: {
      const number = decoding.begin();
      const name = decoding.string();
      const prototype = errorPrototype(name);
      if (prototype === undefined) decoding.malformed(`the error class ${name} is unknown here`);
      const error = decoding.finish(number, Object.setPrototypeOf(emptyError(), prototype) as object);
      readErrorBody(error, decoding);
      return error;
    }
    case tag.domException:
      return readDomException(decoding);
    case tag.arguments:
      return readArguments(decoding);
    case tag.extended:
    case tag.closed:
      return readFollowed(head, decoding);
    case tag.url:
      return readUrl(decoding);
    case tag.urlSearchParams:
      return decoding.finish(decoding.begin(), new URLSearchParams(decoding.string()));
    default:
      return decoding.malformed(`no value begins with ${head}`);
  }
}

/** In base 36: no other way is both short and quick for the sizes that occur. */
function readBigInt(decoding: Decoding): bigint {
  const text = decoding.string();
  if (!/^-?[0-9a-z]+$/.test(text)) decoding.malformed("a bigint has other digits than 0 to z");
  const negative = text.startsWith("-");
  const digits = negative ? text.slice(1) : text;
  // parseInt is exact for ten digits of base 36: 36^10 < 2^53.
  let value = 0n;
  for (let at = 0; at < digits.length; at += 10) {
    const part = digits.slice(at, at + 10);
    value = value * 36n ** BigInt(part.length) + BigInt(Number.parseInt(part, 36));
  }
  return negative ? -value : value;
}

function readMap(decoding: Decoding): Map<unknown, unknown> {
  const map = decoding.finish(decoding.begin(), new Map<unknown, unknown>());
  const count = decoding.reader.count(2);
  for (let i = 0; i < count; i++) {
    const key = decoding.value();
    map.set(key, decoding.value());
  }
  return map;
}

function readSet(decoding: Decoding): Set<unknown> {
  const set = decoding.finish(decoding.begin(), new Set<unknown>());
  const count = decoding.reader.count();
  for (let i = 0; i < count; i++) set.add(decoding.value());
  return set;
}

function readRegExp(decoding: Decoding): RegExp {
  const number = decoding.begin();
  const source = decoding.string();
  const flags = decoding.string();
  let made: RegExp;
  try {
    made = new RegExp(source, flags);
  } catch (cause) {
    return decoding.malformed(`a regular expression is none here: ${String(cause)}`);
  }
  decoding.finish(number, made);
  const lastIndex = decoding.value();
  if (typeof lastIndex !== "number") decoding.malformed("a lastIndex is no number");
  made.lastIndex = lastIndex;
  return made;
}

/** Below, to clear the memory first costs less than the longer way round it. Measured in bench/codec.js. */
const clearedBytes = 4096;

function copyOf(bytes: Uint8Array): ArrayBuffer {
  const { length } = bytes;
  if (length >= clearedBytes) {
    const copy = Buffer.allocUnsafeSlow(length);
    copy.set(bytes);
    return copy.buffer as ArrayBuffer; // Its own, and of its length: it is from no pool.
  }
  const copy = new ArrayBuffer(length);
  new Uint8Array(copy).set(bytes);
  return copy;
}

function readResizable(decoding: Decoding): ArrayBuffer {
  const { reader } = decoding;
  const number = decoding.begin();
  const maxByteLength = reader.uint();
  const bytes = reader.bytes(reader.count());
  if (maxByteLength < bytes.length || maxByteLength > longestBuffer) decoding.malformed("a buffer exceeds its maximum");
  // The types know the second parameter from ES2024 on.
  const Resizable = ArrayBuffer as unknown as new (length: number, options: { maxByteLength: number }) => ArrayBuffer;
  let buffer: ArrayBuffer;
  try {
    buffer = new Resizable(bytes.length, { maxByteLength });
  } catch (cause) {
    return decoding.malformed(`no buffer of ${maxByteLength} bytes can be made: ${String(cause)}`);
  }
  new Uint8Array(buffer).set(bytes);
  return decoding.finish(number, buffer);
}

/** An object, and what is done to it afterwards. */
function readFollowed(head: number, decoding: Decoding): object {
  if (head === tag.closed) {
    const level = decoding.uint();
    const closed = decoding.value();
    if (typeof closed !== "object" || closed === null) return decoding.malformed("what is closed is no object");
    closeAfterwards(closed, level, decoding);
    return closed;
  }
  const owner = decoding.value();
  if (typeof owner !== "object" || owner === null) return decoding.malformed("properties belong to no object");
  readProperties(owner, decoding);
  return owner;
}

function readArguments(decoding: Decoding): object {
  const count = decoding.reader.count();
  const argumentsOf = function (): IArguments {
    return arguments; // oxlint-disable-line prefer-rest-params -- this object itself is what is wanted
  } as (...all: undefined[]) => Record<number, unknown>;
  const made = argumentsOf(...Array.from({ length: count }, () => undefined));
  decoding.finish(decoding.begin(), made);
  for (let i = 0; i < count; i++) made[i] = decoding.value();
  return made;
}

function readDomException(decoding: Decoding): object {
  const number = decoding.begin();
  const message = decoding.string();
  const made = new DOMException(message, decoding.string());
  decoding.finish(number, made);
  const stack = decoding.value();
  if (typeof stack === "string")
    Object.defineProperty(made, "stack", { value: stack, configurable: true, writable: true });
  if (decoding.uint() === 1) {
    Object.defineProperty(made, "cause", { value: decoding.value(), configurable: true, writable: true });
  }
  return made;
}

function readView(decoding: Decoding, tracking: boolean): ArrayBufferView {
  const { reader } = decoding;
  const number = decoding.begin();
  const which = reader.byte();
  const found = viewClass(which);
  if (found?.viewClass === undefined) decoding.malformed(`the view ${found?.name ?? which} is unknown here`);
  const offset = reader.uint();
  const length = tracking ? undefined : reader.uint();
  const buffer = decoding.value();
  if (!(buffer instanceof ArrayBuffer)) decoding.malformed("a view has no buffer");
  try {
    const view =
      which === bufferView ? Buffer.from(buffer, offset, length) : new found.viewClass(buffer, offset, length);
    return decoding.finish(number, view);
  } catch (cause) {
    return decoding.malformed(`a view lies outside of its buffer: ${String(cause)}`);
  }
}

function readUrl(decoding: Decoding): URL {
  const number = decoding.begin();
  const href = decoding.string();
  if (!URL.canParse(href)) decoding.malformed("a URL is none");
  return decoding.finish(number, new URL(href));
}
