import { existsSync, statSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { InputError } from '../errors.js';
import { bundledModels } from '../model/catalog.js';
import { ADDED, addedModels, downloadedModels, modelsFolder, type AddedModel, type DownloadedModel } from '../model/downloaded.js';
import { findWeights } from '../model/source.js';
import { discard, writeWhole } from './partial.js';

/** Where a model on this machine comes from. */
export type Origin = 'bundled' | 'downloaded' | 'added' | 'workspace';

export interface ShelfModel {
  /** What shells call it. */
  id: string;
  path: string;
  origin: Origin;
  downloaded?: DownloadedModel;
}

/** The models that shells can name by an id. */
export function shelf(root = modelsFolder()): ShelfModel[] {
  return [
    ...bundledModels().map(({ id, path }) => ({ id, path, origin: 'bundled' as const })),
    ...downloadedModels(root).map((downloaded) => ({
      id: downloaded.id,
      path: downloaded.path,
      origin: 'downloaded' as const,
      downloaded,
    })),
    ...addedModels(root).map(({ id, path }) => ({ id, path, origin: 'added' as const })),
  ];
}

/** The model that was downloaded or added under an id, in any case. Throws InputError, naming those that are there. */
export function findOwn(id: string, root = modelsFolder()): ShelfModel {
  const own = shelf(root).filter(({ origin }) => origin !== 'bundled');
  const found =
    own.find((model) => model.id === id) ??
    own.find((model) => model.id.toLowerCase() === id.toLowerCase()) ??
    own.find((model) => model.path === resolve(id));
  if (found) return found;
  const ids = own.map((model) => model.id);
  const bundled = bundledModels().some((model) => model.id === id);
  throw new InputError(
    bundled
      ? `${id} comes with the program and stays.`
      : `No model ${JSON.stringify(id)} was downloaded or added${ids.length > 0 ? `; there are ${ids.join(', ')}` : ''}.`,
  );
}

/**
 * Remembers a folder or file by an id made of its name, so that shells can name it. Nothing is copied.
 * Throws InputError when there is no model at the path.
 */
export async function addModel(path: string, root = modelsFolder()): Promise<AddedModel> {
  const absolute = resolve(path);
  findWeights(absolute);
  const added = addedModels(root);
  const before = added.find((model) => model.path === absolute);
  if (before) return before;
  const taken = new Set(shelf(root).map(({ id }) => id.toLowerCase()));
  const name = basename(absolute);
  let id = name;
  for (let n = 2; taken.has(id.toLowerCase()); n++) id = `${name}-${n}`;
  await keep(root, [...added, { id, path: absolute }]);
  return { id, path: absolute };
}

/** Removes a downloaded model from the disk; forgets one that was added, whose files stay where they are. */
export async function removeModel(model: ShelfModel, root = modelsFolder()): Promise<void> {
  if (model.origin === 'added')
    return keep(
      root,
      addedModels(root).filter(({ id }) => id !== model.id),
    );
  if (!model.downloaded) throw new InputError(`${model.id} was not downloaded, so it is not removed.`);
  await discard(root, model.downloaded.folder);
}

async function keep(root: string, models: readonly AddedModel[]): Promise<void> {
  try {
    await mkdir(root, { recursive: true });
    await writeWhole(join(root, ADDED), `${JSON.stringify(models, null, 2)}\n`);
  } catch (error) {
    throw new InputError(`The list of models cannot be written to ${root} (${(error as NodeJS.ErrnoException).code ?? String(error)}).`, {
      file: root,
    });
  }
}

/** Whether the files of a downloaded model have the sizes that they had when they were checked. Cheap; `verifyDownloaded` reads them. */
export function looksWhole({ folder, manifest }: DownloadedModel): boolean {
  return manifest.files.every(({ name, bytes }) => {
    const file = join(folder, name);
    return existsSync(file) && statSync(file).size === bytes;
  });
}
