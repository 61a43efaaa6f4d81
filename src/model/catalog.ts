import { existsSync, readdirSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { InputError } from '../errors.js';
import { packageRoot } from '../paths.js';

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

/**
 * The model that `idOrPath` names: a bundled model's id, or the path of a folder or file (`~/` is the home folder, a relative
 * path starts at `baseFolder`). A file or folder beside the shell comes second to a bundled id; write `./pocket` for it.
 */
export function resolveModel(idOrPath: string, baseFolder: string): { id: string; path: string } {
  const models = bundledModels();
  const bundled = models.find(({ id }) => id === idOrPath);
  if (bundled) return { id: bundled.id, path: bundled.path };
  if (idOrPath === '') throw new InputError(`The model's name is empty; give ${list(models)} or the path of a model.`);
  if (idOrPath.includes('\0')) throw new InputError(`The model's path has a NUL character in it.`);
  const home = /^~(?=$|[\\/])/.test(idOrPath) ? homedir() + idOrPath.slice(1) : idOrPath;
  const path = isAbsolute(home) ? home : resolve(baseFolder, home);
  if (statSync(path, { throwIfNoEntry: false })) return { id: nameOf(path), path };
  if (/[\\/]|\.(safetensors|gguf|bin)$/.test(idOrPath))
    throw new InputError(`There is no model at ${path}: no such file or folder.`, { file: path });
  const near = models
    .map(({ id }) => ({ id, distance: editDistance(id, idOrPath.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance)[0];
  const close = near !== undefined && near.distance <= Math.max(2, near.id.length / 2);
  throw new InputError(
    close
      ? `No model is called ${JSON.stringify(idOrPath)}; did you mean ${near.id}?`
      : `No model is called ${JSON.stringify(idOrPath)}; give ${list(models)} or the path of a model's folder or file.`,
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
