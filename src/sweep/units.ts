import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import { InputError } from '../errors.js';

/** One piece of a sweep: a shell on a model. A residue holds the whole of a shell, all values of `vary` included, so it is not cut further. */
export interface Unit {
  /** Its name in file names: `<shell>.<model>`. */
  name: string;
  shell: string;
  /** SHA-256 of the shell's text. */
  sha256: string;
  model: string;
}

/** Which part of a sweep is run here; counts from 1, as in vitest and Playwright. */
export interface Shard {
  index: number;
  count: number;
}

/** `2/5`. Throws InputError for anything else. */
export function parseShard(text: string): Shard {
  const [, index, count] = /^(\d{1,6})\/(\d{1,6})$/.exec(text) ?? [];
  const shard = { index: Number(index), count: Number(count) };
  if (shard.index >= 1 && shard.index <= shard.count) return shard;
  throw new InputError(`--shard must be i/n with 1 ≤ i ≤ n, such as 2/5, not ${JSON.stringify(text)}.`);
}

/**
 * Every shell on every model, model by model, so that a contiguous part opens few models. Names are made unique by a number.
 * @param shells Base names without `.shell.yaml`, unique, with the hash of each text.
 */
export function unitsOf(shells: readonly { name: string; sha256: string }[], models: readonly string[]): Unit[] {
  const seen = new Map<string, number>();
  const names = models.map((model) => {
    const stem = basename(model.replace(/[\\/]+$/, '')).replaceAll(/[^\w.-]+/g, '-') || 'model';
    const count = (seen.get(stem.toLowerCase()) ?? 0) + 1;
    seen.set(stem.toLowerCase(), count);
    return count === 1 ? stem : `${stem}-${count}`;
  });
  return models.flatMap((model, i) => shells.map(({ name, sha256 }) => ({ name: `${name}.${names[i]}`, shell: name, sha256, model })));
}

/** The part of `all` that a shard runs: contiguous, sizes differ by at most one, together everything and nothing twice. */
export function partOf<T>(all: readonly T[], shard: Shard | null): T[] {
  if (!shard) return [...all];
  const at = (i: number): number => Math.floor((i * all.length) / shard.count);
  return all.slice(at(shard.index - 1), at(shard.index));
}

export const sha256 = (text: string): string => createHash('sha256').update(text, 'utf8').digest('hex');

/** Names a sweep: the same for the same shells, models and seed in the same order, however it is split. */
export function sweepId(units: readonly Unit[], seed: number): string {
  return sha256(JSON.stringify([units.map(({ name, sha256: hash, model }) => [name, hash, model]), seed]));
}
