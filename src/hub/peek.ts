import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InputError } from '../errors.js';
import { describeConfig } from '../model/describe.js';
import { FAMILIES } from '../model/families/index.js';
import { show } from '../model/json.js';

/** What can be said of a model before its weights are there. */
export interface Peek {
  family: string;
  layers: number | null;
}

/** Bytes of a GGUF file's beginning that are looked at: its architecture stands among the first keys. */
export const GGUF_PEEK = 64 * 1024;

/**
 * Reads a config.json that is still in memory. Throws InputError for what the engine would refuse after gigabytes were
 * downloaded: another family, a key that changes the computation.
 */
export function peekConfig(config: Uint8Array, repo: string): Peek {
  const folder = mkdtempSync(join(tmpdir(), 'residue-peek-'));
  try {
    const file = join(folder, 'config.json');
    writeFileSync(file, config);
    const { description } = describeConfig(file);
    return { family: description.spec.family, layers: description.spec.nLayers };
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    throw new InputError(`${repo} cannot be run here, so it was not downloaded: ${error.message}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Reads the beginning of a GGUF file as far as its architecture. Throws InputError for one that is not supported. */
export function peekGguf(head: Buffer, name: string): Peek {
  const fail = (why: string): InputError => new InputError(`${name} cannot be run here, so it was not downloaded: ${why}`);
  if (head.length < 24 || head.toString('latin1', 0, 4) !== 'GGUF') throw fail('it does not begin as a GGUF file does.');
  const architecture = firstText(head, 'general.architecture');
  if (architecture === null) return { family: 'gguf', layers: null };
  const family = FAMILIES.find(({ gguf }) => gguf.architecture === architecture);
  const known = FAMILIES.map(({ gguf }) => gguf.architecture).join(', ');
  if (!family) throw fail(`"general.architecture" is ${show(architecture)}, which is not supported; ${known} are.`);
  return { family: family.family, layers: null };
}

const SIZES: Readonly<Record<number, number>> = { 0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8 };
const TEXT = 8;

/** A text among the keys that the beginning holds; null when it is not reached. Lists end the search: they may be megabytes. */
function firstText(head: Buffer, wanted: string): string | null {
  let at = 24;
  const text = (): string | null => {
    if (at + 8 > head.length) return null;
    const length = Number(head.readBigUInt64LE(at));
    if (at + 8 + length > head.length) return null;
    at += 8 + length;
    return head.toString('utf8', at - length, at);
  };
  for (let keys = head.readBigUInt64LE(16); keys > 0n; keys--) {
    const key = text();
    if (key === null || at + 4 > head.length) return null;
    const kind = head.readUInt32LE(at);
    at += 4;
    if (kind === TEXT) {
      const value = text();
      if (value === null || key === wanted) return value;
    } else {
      const size = SIZES[kind];
      if (size === undefined) return null;
      at += size;
    }
  }
  return null;
}
