// Packs the arrays that make.py wrote: `node pack.mjs` turns every reference.safetensors and variants.safetensors in these folders
// into NAME.safetensors.br (see README.md, "Packed files"). test/helpers/reference.ts unpacks them in memory.
import { existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants } from 'node:zlib';

const here = dirname(fileURLToPath(import.meta.url));

/** Bytes 0, 1, 2 and 3 of all float32 values one after another: exponents lie together and compress. */
function planes(file) {
  const body = file.readBigUInt64LE(0);
  const start = 8 + Number(body);
  const values = (file.length - start) / 4;
  if (!Number.isInteger(values)) throw new Error('Only files of whole 4-byte values are packed.');
  const out = Buffer.from(file);
  for (let plane = 0; plane < 4; plane++) for (let i = 0; i < values; i++) out[start + plane * values + i] = file[start + 4 * i + plane];
  return out;
}

for (const folder of readdirSync(here, { withFileTypes: true })) {
  for (const name of ['reference.safetensors', 'variants.safetensors']) {
    const path = join(here, folder.name, name);
    if (!folder.isDirectory() || !existsSync(path)) continue;
    const file = readFileSync(path);
    const packed = brotliCompressSync(planes(file), {
      params: {
        [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
        [constants.BROTLI_PARAM_LGWIN]: constants.BROTLI_MAX_WINDOW_BITS,
        [constants.BROTLI_PARAM_SIZE_HINT]: file.length,
      },
    });
    writeFileSync(`${path}.br`, packed);
    rmSync(path);
  }
}
