/**
 * Values into bytes and back: the one door of the codec.
 *
 * Runs in: every process.
 * Guarantees: what arrives is what was sent, or a typed error says why not; the bytes are nobody else's.
 * Leaves to others: the format (`tags.ts`), kinds of objects (`kinds.ts`).
 */
import { MultiprocessingError, UnserializableError } from "../base/errors.ts";
import { Decoding } from "./decoding.ts";
import { Encoding } from "./encoding.ts";
import type { ModuleReference } from "./kinds.ts";
import { importModules, parseModules, requireModules } from "./modules.ts";
import { Reader } from "./reader.ts";
import "./standard-kinds.ts";
import { tag, version } from "./tags.ts";

export interface EncodeOptions {
  /** What the value is called in the paths of errors: "target", "args". @default "value" */
  readonly root?: string;
  /** The receiver's wire id, where it is known. */
  readonly home?: string;
}

export interface Encoded {
  readonly bytes: Uint8Array;
  /** Originals that must stay alive until the receiver has answered. */
  readonly keepAlive: readonly object[];
}

/** @throws {UnserializableError} when something in it cannot be copied */
export function encode(value: unknown, { root = "value", home }: EncodeOptions = {}): Encoded {
  const encoding = new Encoding(root, home);
  try {
    return { bytes: encoding.message(value), keepAlive: encoding.keep };
  } catch (error) {
    encoding.writer.drop();
    if (error instanceof MultiprocessingError) throw error;
    if (!(error instanceof RangeError && /call stack/.test(error.message))) throw unreadable(encoding.path, error);
    throw new UnserializableError(
      `Cannot send ${root}: its functions, instances or collections are nested too deeply for the stack\n` +
        `  do this:  send the parts one by one, or in plain objects and arrays, which may be nested to any depth`,
      { cause: error },
    );
  }
}

/** A getter of the user's own threw while it was read. */
function unreadable(path: string, cause: unknown): UnserializableError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new UnserializableError(
    `Cannot send ${path}: reading it threw an error (${why})\n  do this:  make the property plain data, or mend its getter`,
    { cause },
  );
}

/** Rejects with MalformedMessageError, or with what importing a module threw. */
export async function decode(bytes: Uint8Array): Promise<unknown> {
  const { body, references } = open(bytes);
  const modules = references.length === 0 ? [] : await importModules(references);
  return new Decoding(body, modules).message();
}

/**
 * @throws {MalformedMessageError}
 * @throws {MultiprocessingError} ERR_MP_NOT_SUPPORTED when it needs a module that can only be imported asynchronously
 */
export function decodeSync(bytes: Uint8Array): unknown {
  const { body, references } = open(bytes);
  return new Decoding(body, requireModules(references)).message();
}

function open(bytes: Uint8Array): { readonly body: Reader; readonly references: readonly ModuleReference[] } {
  const head = new Reader(bytes);
  const first = head.byte();
  if (first === version.plain) return { body: head, references: [] };
  if (first !== version.withModules) head.malformed(`no message begins with ${first}`);
  const length = head.uint32At(1);
  head.position = 5;
  if (length > head.left) head.malformed("it is cut off");
  head.position += length;
  const encoding = head.byte();
  if (encoding !== tag.latin1 && encoding !== tag.utf16) head.malformed("its list of modules is none");
  const count = head.uint();
  const references = parseModules(encoding === tag.latin1 ? head.latin1(count) : head.utf16(count));
  return { body: new Reader(bytes, 5, 5 + length), references };
}
