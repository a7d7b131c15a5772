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
import type { FetchAside, ModuleReference, PutAside } from "./kinds.ts";
import { importModules, parseModules, requireModules } from "./modules.ts";
import { Reader } from "./reader.ts";
import "./standard-kinds.ts";
import { tag, version } from "./tags.ts";

export interface EncodeOptions {
  /** What the value is called in the paths of errors: "target", "args". @default "value" */
  readonly root?: string;
  /** The receiver's wire id, where it is known. */
  readonly home?: string;
  /** Puts the bytes of large buffers somewhere else, for one copy instead of three. @default they are in the message */
  readonly aside?: PutAside;
}

export interface Encoded {
  readonly bytes: Uint8Array;
  /** Originals that must stay alive until the receiver has answered. */
  readonly keepAlive: readonly object[];
}

export interface EncodedMessage extends Encoded {
  /** Whether an ES module is among what it needs: to read it takes the loader. */
  readonly imports: boolean;
}

/** As `Encoded`, but on loan. */
export interface EncodedView {
  /** Holds until the next call of `encode` or `encodeView` in this thread: copy it, or write it out, at once. */
  readonly bytes: Uint8Array;
  readonly keepAlive: readonly object[];
}

const nothing: readonly object[] = Object.freeze([]);

/** Used again for each message: to make one costs more than to encode a small value. */
let spare: Encoding | undefined;

/** @throws {UnserializableError} when something in it cannot be copied */
export function encode(value: unknown, options?: EncodeOptions): EncodedMessage {
  const encoding = encoded(value, options);
  const { keep, imports } = encoding;
  const bytes = encoding.writer.take();
  release(encoding);
  return { bytes, keepAlive: keep.length === 0 ? nothing : keep, imports };
}

/**
 * The same without a copy of the bytes, for who puts them somewhere else at once: into shared memory, into a socket.
 *
 * @throws {UnserializableError} when something in it cannot be copied
 */
export function encodeView(value: unknown, options?: EncodeOptions): EncodedView {
  const encoding = encoded(value, options);
  const { keep } = encoding;
  const bytes = encoding.writer.written();
  release(encoding);
  return { bytes, keepAlive: keep.length === 0 ? nothing : keep };
}

/** The message stands in the writer; whoever calls releases the encoding. */
function encoded(value: unknown, options: EncodeOptions | undefined): Encoding {
  // A message that is encoded while another one is (by a getter of the user's) has an encoding of its own.
  const encoding = spare ?? new Encoding();
  spare = undefined;
  const root = options?.root ?? "value";
  encoding.begin(root, options?.home, options?.aside);
  try {
    encoding.message(value);
    return encoding;
  } catch (error) {
    const { path } = encoding;
    release(encoding);
    if (error instanceof MultiprocessingError) throw error;
    if (!(error instanceof RangeError && /call stack/.test(error.message))) throw unreadable(path, error);
    throw new UnserializableError(
      `Cannot send ${root}: its functions, instances or collections are nested too deeply for the stack\n` +
        `  do this:  send the parts one by one, or in plain objects and arrays, which may be nested to any depth`,
      { cause: error },
    );
  }
}

function release(encoding: Encoding): void {
  encoding.end();
  spare = encoding;
}

/** A getter of the user's own threw while it was read. */
function unreadable(path: string, cause: unknown): UnserializableError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new UnserializableError(
    `Cannot send ${path}: reading it threw an error (${why})\n  do this:  make the property plain data, or mend its getter`,
    { cause },
  );
}

/**
 * Reads a message where it lies: nothing of what it gives refers to the bytes, which may be overwritten afterwards.
 *
 * Rejects with MalformedMessageError, or with what importing a module threw.
 */
export async function decode(bytes: Uint8Array, aside?: FetchAside): Promise<unknown> {
  if (!needsModules(bytes)) return decodeSync(bytes, aside);
  const { body, references } = open(bytes);
  const modules = await importModules(references);
  return new Decoding(body, modules, aside).message();
}

/** Whether modules must be imported first: without, `decodeSync` does all that `decode` does. */
export function needsModules(bytes: Uint8Array): boolean {
  return bytes[0] === version.withModules;
}

/**
 * Reads a message where it lies, as `decode` does.
 *
 * @throws {MalformedMessageError}
 * @throws {MultiprocessingError} ERR_MP_NOT_SUPPORTED when it needs a module that can only be imported asynchronously
 */
export function decodeSync(bytes: Uint8Array, aside?: FetchAside): unknown {
  if (bytes[0] === version.plain) return new Decoding(new Reader(bytes, 1, bytes.length), nothing, aside).message();
  const { body, references } = open(bytes);
  return new Decoding(body, requireModules(references), aside).message();
}

function open(bytes: Uint8Array): { readonly body: Reader; readonly references: readonly ModuleReference[] } {
  const head = new Reader(bytes, 0, bytes.length);
  const first = head.byte();
  if (first !== version.withModules) head.malformed(`no message begins with ${first}`);
  const length = head.uint32();
  if (length > head.left) head.malformed("it is cut off");
  const start = head.position;
  head.position += length;
  const encoding = head.byte();
  if (encoding !== tag.latin1 && encoding !== tag.utf16) head.malformed("its list of modules is none");
  const count = head.uint();
  const references = parseModules(encoding === tag.latin1 ? head.latin1(count) : head.utf16(count));
  return { body: new Reader(bytes, start, start + length), references };
}
