import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { resolveModel } from '../../model/catalog.js';
import type { ModelPrint } from './fingerprint.js';

/** Files of a model's folder that a run reads. What else lies there (saved residues, notes) may change without making a result stale. */
const weights = /\.(safetensors|gguf|bin)$|\.safetensors\.index\.json$/;
const beside =
  /^(config|generation_config|tokenizer|tokenizer_config|special_tokens_map|added_tokens|vocab)\.json$|\.jinja$|^tok\w*\.(bin|model)$|\.safetensors\.index\.json$/;

/** More files than this in one folder is no model. */
const most = 2000;

/**
 * Where the model lies that a shell would run on, and the stamp of its files. Reads no file's content.
 * @param name A catalogue id or a path; a relative one starts at `base`.
 * @throws InputError when there is no such model.
 */
export async function printModel(name: string, base: string): Promise<Omit<ModelPrint, 'content'>> {
  const { id, path } = resolveModel(name, base);
  const isFolder = (await stat(path)).isDirectory();
  const folder = isFolder ? path : dirname(path);
  const own = basename(path);
  const names = own.endsWith('.gguf') && !isFolder ? [own] : (await readdir(folder)).slice(0, most);
  const read = names.filter((file) => (isFolder ? weights.test(file) || beside.test(file) : file === own || beside.test(file))).sort();
  const stamps = await Promise.all(
    read.map(async (file) => {
      // A file that goes while it is looked at is as good as gone.
      const found = await stat(join(folder, file)).catch(() => null);
      return found?.isFile() ? `${file}:${found.size}:${found.mtimeMs}:${found.ctimeMs}:${found.ino}` : '';
    }),
  );
  return { id, path, stamp: stamps.filter((one) => one !== '').join('|') };
}
