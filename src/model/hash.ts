import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { InputError, throwIfAborted } from '../errors.js';

const known = new Map<string, string>();

/**
 * SHA-256 of a file, lower-case hexadecimal, read in a stream. Kept in memory for as long as path, size and modification time
 * stay what they were.
 */
export async function sha256File(path: string, signal?: AbortSignal): Promise<string> {
  throwIfAborted(signal);
  try {
    const { size, mtimeNs, ino } = await stat(path, { bigint: true });
    const key = `${size}:${mtimeNs}:${ino}:${path}`;
    const before = known.get(key);
    if (before !== undefined) return before;
    const hash = createHash('sha256');
    for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) {
      throwIfAborted(signal);
      hash.update(chunk as Buffer);
    }
    const digest = hash.digest('hex');
    known.set(key, digest);
    return digest;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === undefined) throw error;
    throw new InputError(`${basename(path)} cannot be read (${code}).`, { file: path });
  }
}
