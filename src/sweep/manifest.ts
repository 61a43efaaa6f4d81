import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { InputError } from '../errors.js';
import { serializePlain, writeFileAtomic } from '../residue/write.js';
import { partOf, sha256, type Shard } from './units.js';

const hash = z.string().regex(/^[0-9a-f]{64}$/);
const row = z.strictObject({
  failed: z.boolean(),
  margin: z.number(),
  drop: z.number().nullable(),
  collapse: z.string(),
  layer: z.number().int().nullable(),
  layers: z.number().int(),
  patterns: z.array(z.string()),
  /** Why the collapse point or a pattern is in doubt: `within its null`, `unstable`. */
  doubts: z.record(z.string(), z.array(z.string())).optional(),
  failing: z.number().int(),
  total: z.number().int(),
  interval: z.tuple([z.number(), z.number()]),
  expectations: z.tuple([z.number().int(), z.number().int()]),
});
const done = z.strictObject({
  unit: z.string(),
  /** Hash of all that the residue depends on: version, shell, model files, settings, seed. */
  key: hash.nullable(),
  /** Hash of the residue's file without its time stamp; null where there is none. */
  content: hash.nullable(),
  error: z.string().nullable(),
  row: row.nullable(),
});
const schema = z.strictObject({
  format: z.literal(1),
  kind: z.literal('sweep'),
  sweep: hash,
  shard: z.strictObject({ index: z.number().int().min(1), count: z.number().int().min(1) }).nullable(),
  plan: z.array(z.strictObject({ unit: z.string().regex(/^[^/\\\0]+$/), shell: z.string(), model: z.string() })).min(1),
  done: z.array(done),
});

/** What a sweep, or a shard of one, has done: `sweep.json`, `sweep.2-of-5.json`. */
export type Manifest = z.infer<typeof schema>;
export type Done = z.infer<typeof done>;
export type Row = z.infer<typeof row>;

const NAME = /^sweep(\.\d+-of-\d+)?\.json$/;
const MAX_BYTES = 64 * 1024 * 1024;

export const manifestName = (shard: Shard | null): string => (shard ? `sweep.${shard.index}-of-${shard.count}.json` : 'sweep.json');
export const residueName = (unit: string): string => `${unit}.residue.json`;

export function writeManifest(folder: string, manifest: Manifest): void {
  writeFileAtomic(join(folder, manifestName(manifest.shard)), serializePlain(manifest));
}

/** Throws InputError, in one sentence with the field, for a file that is no manifest. */
export function readManifest(path: string): Manifest {
  let value: unknown;
  try {
    const stat = statSync(path);
    if (stat.size > MAX_BYTES) throw new InputError(`the file has ${stat.size} bytes; a sweep's has at most ${MAX_BYTES}.`, { file: path });
    value = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    if (error instanceof InputError) throw error;
    throw new InputError('it cannot be read as JSON; it is what `residue run --models … --out DIR` writes.', { file: path });
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new InputError(`${issue?.path.join('.') || 'the file'} is not as in a sweep's manifest: ${issue?.message ?? 'it is not valid'}.`, {
    file: path,
  });
}

/** The manifests that folders and files name, with the folder of each. Throws InputError for an argument that holds none. */
export function findManifests(args: readonly string[]): { folder: string; path: string; manifest: Manifest }[] {
  const paths = new Set<string>();
  for (const arg of args) {
    const stat = statSync(arg, { throwIfNoEntry: false });
    if (!stat) throw new InputError('there is no such file or folder.', { file: arg });
    const found = stat.isDirectory()
      ? readdirSync(arg)
          .filter((name) => NAME.test(name))
          .sort()
          .map((name) => join(arg, name))
      : [arg];
    if (found.length === 0)
      throw new InputError('holds no sweep.json or sweep.i-of-n.json; name the folders that `--out` wrote.', { file: arg });
    for (const path of found) paths.add(path);
  }
  return [...paths].map((path) => ({ path, folder: dirname(path), manifest: readManifest(path) }));
}

/** Hash of a residue's text without the time at which it was made. */
export const contentOf = (text: string): string => sha256(text.replace(/^ {2}"created": "[^"\n]*",$/m, ''));

/** The text of a unit's residue, if the file is there whole: half-written and altered files do not count. */
export function keptText(folder: string, { unit, content }: Done): string | null {
  if (content === null) return null;
  try {
    const text = readFileSync(join(folder, residueName(unit)), 'utf8');
    return contentOf(text) === content ? text : null;
  } catch {
    return null;
  }
}

/** Joins the manifests of one sweep. Throws InputError that names every lost shard or unit, or what does not belong together. */
export function joinManifests(found: readonly { path: string; manifest: Manifest }[]): Manifest {
  const [first] = found;
  if (!first) throw new InputError('There is nothing to merge.');
  const { plan, sweep } = first.manifest;
  for (const { path, manifest } of found) {
    if (manifest.sweep !== sweep)
      throw new InputError(`belongs to another sweep than ${first.path}: its shells, models or seed differ.`, { file: path });
    if (manifest.shard?.count !== first.manifest.shard?.count)
      throw new InputError(`was split into ${manifest.shard?.count ?? 1} shards, ${first.path} into ${first.manifest.shard?.count ?? 1}.`, {
        file: path,
      });
  }
  const count = first.manifest.shard?.count;
  if (count !== undefined) {
    const here = new Set(found.map(({ manifest }) => manifest.shard!.index));
    const lost = Array.from({ length: count }, (_, i) => i + 1).filter((i) => !here.has(i) && partOf(plan, { index: i, count }).length > 0);
    if (lost.length > 0)
      throw new InputError(
        `${lost.length === 1 ? 'Shard' : 'Shards'} ${lost.map((i) => `${i}/${count}`).join(', ')} ${lost.length === 1 ? 'is' : 'are'} missing; run ${lost.length === 1 ? 'it' : 'them'} again with the same command.`,
      );
  }
  const done = new Map(found.flatMap(({ manifest }) => manifest.done).map((entry) => [entry.unit, entry]));
  const lost = plan.filter(({ unit }) => !done.has(unit));
  if (lost.length > 0)
    throw new InputError(
      `${lost.map(({ unit }) => unit).join(', ')} ${lost.length === 1 ? 'was' : 'were'} not run to the end; run the shard again with --resume.`,
    );
  return { ...first.manifest, shard: null, done: plan.map(({ unit }) => done.get(unit)!) };
}
