/**
 * An image pipeline: pictures on disk, made smaller by `sharp` in worker processes, each as soon as it is done.
 *
 * `node build/examples/pool/thumbnails.js [folder of pictures]`; without one it draws some first.
 */
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Pool } from "node-multiprocessing";
import sharp from "sharp";

async function draw(file: string, hue: number): Promise<void> {
  const size = { width: 900, height: 600, channels: 3 as const, background: { r: hue, g: 255 - hue, b: 120 } };
  await sharp({ create: size }).png().toFile(file);
}

async function shrink(file: string): Promise<{ file: string; from: number; to: number }> {
  const small = file.replace(/\.\w+$/, ".thumbnail.webp");
  await sharp(file).resize(160).webp().toFile(small);
  return { file: small, from: statSync(file).size, to: statSync(small).size };
}

const own = process.argv[2] === undefined ? mkdtempSync(join(tmpdir(), "pictures-")) : undefined;
const folder = own ?? process.argv[2]!;
const pool = new Pool();
if (own !== undefined) {
  const drawings = Array.from({ length: 12 }, (_, n): [string, number] => [join(own, `${n}.png`), n * 20]);
  await pool.starmap(draw, drawings);
}
const pictures = readdirSync(folder).filter((name) => /\.(?:png|jpe?g)$/.test(name));
let [before, after] = [0, 0];
const files = pictures.map((name) => join(folder, name));
for await (const { from, to } of pool.imapUnordered(shrink, files, { progress: true })) {
  before += from;
  after += to;
}
pool.close();
await pool.join();
console.log(`${files.length} pictures, ${before} bytes, as thumbnails ${after} bytes`);
if (own !== undefined) rmSync(own, { recursive: true });
