import { cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseSafetensors, referencePath, temporaryFolder, writeSafetensors } from '../helpers/reference.js';
import type { RawTensor } from '../helpers/reference.js';

/** A copy of a reference model's own files (not of its variants) in a new temporary folder. */
export function copyModel(name: string): string {
  const folder = temporaryFolder();
  for (const file of ['config.json', 'model.safetensors', 'tokenizer.json', 'tokenizer_config.json']) {
    if (existsSync(referencePath(name, file))) cpSync(referencePath(name, file), join(folder, file));
  }
  return folder;
}

export function write(folder: string, name: string, content: Uint8Array | string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

/** Rewrites config.json with these keys set (undefined: removed). */
export function setConfig(folder: string, changes: Record<string, unknown>): void {
  const path = join(folder, 'config.json');
  const config = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
  write(folder, 'config.json', JSON.stringify({ ...config, ...changes }));
}

/** Rewrites model.safetensors from its tensors as changed by `edit`. */
export function setTensors(folder: string, edit: (tensors: Map<string, RawTensor>) => void): void {
  const tensors = parseSafetensors(readFileSync(join(folder, 'model.safetensors')));
  edit(tensors);
  write(folder, 'model.safetensors', writeSafetensors(tensors));
}

/** A safetensors file with exactly this header text (not padded) and data. */
export function rawSafetensors(header: string, data: Uint8Array, length = BigInt(Buffer.byteLength(header))): Buffer {
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(length);
  return Buffer.concat([size, Buffer.from(header), data]);
}
