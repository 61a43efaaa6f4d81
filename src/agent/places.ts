import { existsSync, realpathSync } from 'node:fs';
import { basename, dirname, isAbsolute, join, parse, relative, resolve } from 'node:path';
import { InputError } from '../errors.js';

/** A folder's own path, links followed; as it is where it does not exist. */
const real = (path: string): string => {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
};

/** True where `path` is `folder` or lies in it. */
function holds(folder: string, path: string): boolean {
  const inside = relative(folder, path);
  return inside === '' || (!isAbsolute(inside) && inside.split(/[\\/]/)[0] !== '..');
}

/** The nearest folder above a path that exists, links followed, with what is below it again. */
function landing(path: string): string {
  let at = path;
  const below: string[] = [];
  while (!existsSync(at)) {
    const parent = dirname(at);
    if (parent === at) break;
    below.unshift(basename(at));
    at = parent;
  }
  return join(real(at), ...below);
}

/**
 * The absolute path of a file that lies in one of the folders, links followed, whether or not it exists; a relative one starts at the
 * first folder that has it, else at the first. Throws InputError for a path outside of them.
 */
export function placeInside(path: string, roots: readonly string[]): string {
  if (path === '' || path.includes('\0')) throw new InputError('A path must not be empty, nor hold a NUL character.');
  const [first] = roots;
  if (first === undefined)
    throw new InputError('There is no folder from which files may be read: open one, or start the server with --root FOLDER.', {
      file: path,
    });
  const candidates = isAbsolute(path) ? [resolve(path)] : roots.map((root) => resolve(root, path));
  const wanted = candidates.find((candidate) => existsSync(candidate)) ?? candidates[0]!;
  const target = landing(wanted);
  if (!roots.some((root) => holds(real(root), target)))
    throw new InputError(`lies outside of the folders that may be used here: ${roots.join(', ')}.`, { file: path });
  return target;
}

/** Folders as they may be used: none that is a whole disk. */
export const usable = (folders: readonly string[]): string[] => folders.filter((folder) => resolve(folder) !== parse(resolve(folder)).root);

/** Where a residue may be saved: a new `*.residue.json` in one of the folders. Throws InputError for anything else. */
export function savePlace(path: string, roots: readonly string[]): string {
  const target = placeInside(path, roots);
  if (!/\.residue\.json$/i.test(target))
    throw new InputError('A residue is saved under a name that ends in .residue.json.', { file: path });
  if (existsSync(target))
    throw new InputError('There is already a file of this name, which is left as it is: give another.', { file: path });
  return target;
}
