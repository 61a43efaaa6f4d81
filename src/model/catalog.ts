import { existsSync, readdirSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { InputError } from '../errors.js';
import { packageRoot } from '../paths.js';
import { addedModels, downloadedModels } from './downloaded.js';
import { knownRepo, shortName } from './known.js';
import { isRepoId } from './reference.js';

/** The model that shells run on when they name none. */
export const DEFAULT_MODEL = 'pocket';

export interface BundledModel {
  id: string;
  /** Absolute path of its folder. */
  path: string;
}

/**
 * The models that come with the package: the folders of media/models with a config.json, and the checkpoints of their training,
 * `pocket@step-512` for media/models/pocket-steps/step-512. (The packaged extension carries no checkpoints.)
 */
export function bundledModels(folder = join(packageRoot(), 'media', 'models')): BundledModel[] {
  const models = foldersIn(folder).map((id) => ({ id, path: join(folder, id) }));
  const checkpoints = foldersIn(folder)
    .filter((name) => name.endsWith('-steps'))
    .flatMap((name) => {
      const steps = foldersIn(join(folder, name)).sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
      return steps.map((step) => ({ id: `${name.slice(0, -'-steps'.length)}@${step}`, path: join(folder, name, step) }));
    });
  return [...models, ...checkpoints].filter(({ path }) => existsSync(join(path, 'config.json')));
}

function foldersIn(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder).sort() : [];
}

/** A model that is named by an id: one that was downloaded, or added by path. */
export interface OwnModel {
  id: string;
  path: string;
}

/** Models that the user downloaded or added, by id. */
export function ownModels(root?: string): OwnModel[] {
  return [...downloadedModels(root), ...addedModels(root)].map(({ id, path }) => ({ id, path }));
}

/**
 * The model that `idOrPath` names: the id of a bundled, downloaded or added model, the path of a folder or file (`~/` is the home
 * folder, a relative path starts at `baseFolder`), or the short name of a downloaded model (`SmolLM2-135M`), in this order. A file
 * or folder beside the shell comes second to an id; write `./pocket` for it.
 */
export function resolveModel(idOrPath: string, baseFolder: string): { id: string; path: string } {
  const models = bundledModels();
  const bundled = models.find(({ id }) => id === idOrPath);
  if (bundled) return { id: bundled.id, path: bundled.path };
  if (idOrPath === '') throw new InputError(`The model's name is empty; give ${list(models)} or the path of a model.`);
  if (idOrPath.includes('\0')) throw new InputError(`The model's path has a NUL character in it.`);
  const own = ownModels();
  const named = own.find(({ id }) => id.toLowerCase() === idOrPath.toLowerCase());
  if (named) return existing(named);
  const home = /^~(?=$|[\\/])/.test(idOrPath) ? homedir() + idOrPath.slice(1) : idOrPath;
  const path = isAbsolute(home) ? home : resolve(baseFolder, home);
  if (statSync(path, { throwIfNoEntry: false })) return { id: nameOf(path), path };
  const short = own.filter(({ id }) => shortName(id).toLowerCase() === idOrPath.toLowerCase());
  if (short.length > 1)
    throw new InputError(`${JSON.stringify(idOrPath)} could be ${short.map(({ id }) => id).join(' or ')}; write the whole id.`);
  if (short[0]) return existing(short[0]);
  throw notFound(idOrPath, path, [...models, ...own]);
}

/** Says so where a model that was added by path is no longer there. */
function existing({ id, path }: OwnModel): { id: string; path: string } {
  if (statSync(path, { throwIfNoEntry: false })) return { id, path };
  throw new InputError(`The model ${id} is no longer at ${path}; add it again from where it is now, or remove it from the list.`, {
    file: path,
  });
}

function notFound(idOrPath: string, path: string, models: readonly OwnModel[]): InputError {
  // A checkpoint of a known model is named by its repository.
  const [name = '', ...revision] = idOrPath.split('@');
  const known = knownRepo(name);
  if (known && (isRepoId(idOrPath) || revision.length > 0)) {
    const id = [known.repo, ...revision].join('@');
    return new InputError(`${id} is not on this machine yet: download it in the Models view or with \`residue models download ${id}\`.`);
  }
  if (/[\\/]|\.(safetensors|gguf|bin)$/.test(idOrPath))
    return new InputError(`There is no model at ${path}: no such file or folder.`, { file: path });
  const near = models
    .map(({ id }) => ({ id, distance: editDistance(id.toLowerCase(), idOrPath.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance)[0];
  const close = near !== undefined && near.distance <= Math.max(2, near.id.length / 2);
  return new InputError(
    close
      ? `No model is called ${JSON.stringify(idOrPath)}; did you mean ${near.id}?`
      : `No model is called ${JSON.stringify(idOrPath)}; give ${list(bundledModels())} or the path of a model's folder or file.`,
  );
}

function nameOf(path: string): string {
  return path
    .replace(/[\\/]+$/, '')
    .split(/[\\/]/)
    .at(-1)!;
}

function list(models: readonly BundledModel[]): string {
  return (
    models
      .map(({ id }) => id)
      .filter((id) => !id.includes('@'))
      .join(', ') || 'no bundled id (none is installed)'
  );
}

/** Levenshtein's distance. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length]!;
}
