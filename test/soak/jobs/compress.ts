/** Compression on libuv's threads, by streams and at once. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { promisify } from "node:util";
import zlib from "node:zlib";

export async function compress(sizeBytes: number): Promise<number> {
  const text = Buffer.alloc(sizeBytes);
  for (let at = 0; at < sizeBytes; at++) text[at] = 97 + ((at * at) % 23);
  const hash = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
  const streamed = await buffer(Readable.from([text]).pipe(zlib.createGzip()).pipe(zlib.createGunzip()));
  const packed = await promisify(zlib.brotliCompress)(text, { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 4 } });
  const unpacked = await promisify(zlib.brotliDecompress)(packed);
  assert.deepEqual([hash(streamed), hash(unpacked)], [hash(text), hash(text)]);
  return packed.length;
}
