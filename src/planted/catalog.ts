import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { InputError } from '../errors.js';
import { resolveModel } from '../model/catalog.js';
import { suggestion } from '../shell/suggest.js';
import { buildPlanted, type PlantedModel } from './files.js';
import { PLANTED_KINDS, type PlantedKind, type PlantedSettings } from './kinds.js';

const SCHEME = 'planted:';

/** Noise of a planted model whose id says nothing of it. */
const NOISE = 0.1;

/** Ids that are listed: one of each kind. */
export const plantedIds = (): string[] => PLANTED_KINDS.map((kind) => SCHEME + kind);

/**
 * The settings that an id of a planted model stands for: `planted:qk-collapse`, `planted:conflict?seed=3&noise=0.3&layers=4`.
 * @returns null for what is no such id.
 *
 * Throws InputError for one that is malformed.
 */
export function plantedSettings(id: string): PlantedSettings | null {
  if (!id.startsWith(SCHEME)) return null;
  const [kind = '', query, ...rest] = id.slice(SCHEME.length).split('?');
  const fail = (what: string): InputError => new InputError(`The model ${JSON.stringify(id.slice(0, 200))} ${what}`);
  if (!(PLANTED_KINDS as readonly string[]).includes(kind))
    throw fail(`has nothing called ${JSON.stringify(kind.slice(0, 80))} planted: ${suggestion(kind, PLANTED_KINDS).text}`);
  const form = 'write planted:KIND?seed=3&noise=0.1&layers=4, each part but the kind being optional.';
  if (rest.length > 0 || query === '') throw fail(`is malformed: ${form}`);
  const given = new Map<string, number>();
  for (const part of query?.split('&') ?? []) {
    const [, key, value] = /^(seed|noise|layers)=(\d{1,10}(?:\.\d{1,6})?)$/.exec(part) ?? [];
    if (key === undefined || given.has(key)) throw fail(`has the part ${JSON.stringify(part.slice(0, 80))}: ${form}`);
    given.set(key, Number(value));
  }
  const [seed = 0, layers] = [given.get('seed'), given.get('layers')];
  if (!Number.isInteger(seed) || seed > 0xffff_ffff) throw fail(`has a seed that is no whole number from 0 to ${0xffff_ffff}.`);
  return { kind: kind as PlantedKind, seed, noise: given.get('noise') ?? NOISE, ...(layers === undefined ? {} : { layers }) };
}

/** `resolveModel`, which also knows planted models: they are built when they are asked for, into the user's cache. */
export function resolveAnyModel(idOrPath: string, baseFolder: string, cache?: string): { id: string; path: string } {
  if (idOrPath === SCHEME.slice(0, -1)) return resolveAnyModel(SCHEME, baseFolder);
  const settings = plantedSettings(idOrPath);
  if (!settings) return resolveModel(idOrPath, baseFolder);
  return { id: idOrPath, path: kept(buildPlanted(settings), settings.kind, cache) };
}

/** The folder of a built model: its name holds the hash of what is in it, and what is in it is compared, so that nothing else is opened. */
function kept({ files }: PlantedModel, kind: string, cache = cacheFolder()): string {
  const hash = createHash('sha256');
  for (const [name, bytes] of files) hash.update(`${name}\0${bytes.length}\0`).update(bytes);
  const name = `${kind}-${hash.digest('hex').slice(0, 16)}`;
  try {
    return written(join(cache, 'planted', name), files);
  } catch (error) {
    if (!unwritable(error)) throw error;
  }
  // A home that cannot be written to: a folder of this process alone.
  try {
    return written(join((own ??= mkdtempSync(join(tmpdir(), 'symbolic-residue-'))), name), files);
  } catch (error) {
    if (!unwritable(error)) throw error;
    throw new InputError(`A planted model cannot be written: neither ${cache} nor ${tmpdir()} takes files (${error.code}).`, {
      file: cache,
    });
  }
}

let own: string | undefined;

const unwritable = (error: unknown): error is NodeJS.ErrnoException => typeof (error as NodeJS.ErrnoException).code === 'string';

function written(folder: string, files: PlantedModel['files']): string {
  mkdirSync(folder, { recursive: true });
  for (const [name, bytes] of files) {
    const path = join(folder, name);
    if (holds(path, bytes)) continue;
    // Whole or not at all: another process may be opening it.
    const part = `${path}.${randomBytes(6).toString('hex')}`;
    writeFileSync(part, bytes);
    renameSync(part, path);
  }
  return folder;
}

function holds(path: string, bytes: Uint8Array): boolean {
  try {
    return readFileSync(path).equals(bytes);
  } catch {
    return false;
  }
}

/** Where the user's programs keep what they can make again. */
function cacheFolder(): string {
  const { XDG_CACHE_HOME, LOCALAPPDATA } = process.env;
  const base =
    XDG_CACHE_HOME ||
    (process.platform === 'win32' && LOCALAPPDATA) ||
    join(homedir(), process.platform === 'darwin' ? join('Library', 'Caches') : '.cache');
  return join(base, 'symbolic-residue');
}
