/** An image codec with threads of its own: a picture through three formats and back. */
import assert from "node:assert/strict";
import sharp from "sharp";

export async function image(size: number): Promise<number> {
  const pixels = Buffer.alloc(size * size * 3, 90);
  for (let at = 0; at < pixels.length; at += 7) pixels[at] = at & 255;
  const raw = { width: size, height: size, channels: 3 } as const;
  const lossless = await sharp(pixels, { raw }).png().toBuffer();
  const back = await sharp(lossless).raw().toBuffer();
  assert.ok(back.equals(pixels), "the picture came back another");
  const small = await sharp(lossless).resize(32, 32).webp().toBuffer();
  const { format, width } = await sharp(small).metadata();
  assert.deepEqual([format, width], ["webp", 32]);
  return lossless.length;
}
