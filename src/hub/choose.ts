import { basename } from 'node:path';
import { InputError } from '../errors.js';
import { show } from '../model/json.js';
import { isPlainFile } from '../model/reference.js';
import type { ListedFile, Repository } from './repository.js';

export const INDEX = 'model.safetensors.index.json';

/** Small files that are taken where a repository has them. The first two must be there. */
const NEEDED = ['config.json', 'tokenizer.json'];
const WELCOME = [
  'tokenizer_config.json',
  'special_tokens_map.json',
  'generation_config.json',
  'chat_template.jinja',
  'LICENSE',
  'LICENSE.txt',
  'LICENSE.md',
  'README.md',
];

/** Which files of a repository make the model. */
export type Choice =
  | { kind: 'safetensors'; small: ListedFile[]; weights: ListedFile[] }
  /** The index says which files: see `shardsOf`. */
  | { kind: 'sharded'; small: ListedFile[]; index: ListedFile; listed: readonly ListedFile[] }
  | { kind: 'gguf'; small: ListedFile[]; weights: ListedFile[] };

/**
 * Chooses the files to download: one GGUF where `file` names it, else the repository's safetensors with configuration and
 * tokenizer, else its only GGUF. Throws InputError, in one sentence that says what there is, when there is no such choice.
 */
export function chooseFiles({ repo, files }: Pick<Repository, 'repo' | 'files'>, file: string | null): Choice {
  // What lies in folders is for other programs (onnx/, coreml/, original/), or another model.
  const top = files.filter(({ path }) => isPlainFile(path));
  const named = new Map(top.map((one) => [one.path, one]));
  const small = (names: readonly string[]): ListedFile[] => names.flatMap((name) => named.get(name) ?? []);
  const ggufs = top.filter(({ path }) => /\.gguf$/i.test(path));
  if (file !== null) {
    const chosen = named.get(file);
    if (chosen) return { kind: 'gguf', small: small(['LICENSE', 'README.md']), weights: [oneFile(chosen)] };
    throw new InputError(
      `${repo} has no file ${file}; ${ggufs.length > 0 ? `its GGUF files are ${several(ggufs)}` : 'it has no GGUF file'}.`,
    );
  }
  const single = named.get('model.safetensors');
  const index = named.get(INDEX);
  if (single || index) {
    const missing = NEEDED.find((name) => !named.has(name));
    if (missing) throw new InputError(`${repo} has no ${missing}, which ${WHY[missing]}.`);
    const found = small([...NEEDED, ...WELCOME]);
    return single
      ? { kind: 'safetensors', small: found, weights: [single] }
      : { kind: 'sharded', small: found, index: index!, listed: top };
  }
  const [gguf] = ggufs;
  if (ggufs.length > 1) throw new SeveralFiles(repo, ggufs);
  if (gguf) return { kind: 'gguf', small: small(['LICENSE', 'README.md']), weights: [oneFile(gguf)] };
  throw new InputError(nothing(repo, files));
}

const WHY: Record<string, string> = {
  'config.json': 'says what kind of model it is',
  'tokenizer.json': 'holds the vocabulary and the merges (a tokenizer of an older kind alone is not read)',
};

/** A repository with several GGUF files, one of which has to be named. */
export class SeveralFiles extends InputError {
  constructor(
    repo: string,
    readonly files: readonly ListedFile[],
  ) {
    super(`${repo} holds several GGUF files (${several(files)}); name one: ${repo}:${files[0]?.path ?? 'FILE.gguf'}.`);
  }
}

/** The weight files that a model.safetensors.index.json names, out of those that are listed. */
export function shardsOf(index: unknown, listed: readonly ListedFile[], repo: string): ListedFile[] {
  const map = (index as { weight_map?: unknown } | null)?.weight_map;
  if (map === null || typeof map !== 'object' || Array.isArray(map)) throw new InputError(`The ${INDEX} of ${repo} has no weight_map.`);
  const names = [...new Set(Object.values(map))].sort();
  return names.map((name) => {
    if (typeof name !== 'string' || !isPlainFile(name))
      throw new InputError(`The ${INDEX} of ${repo} names the file ${show(name)}, which is no plain file name: nothing was downloaded.`);
    const file = listed.find(({ path }) => path === name);
    if (!file) throw new InputError(`The ${INDEX} of ${repo} names ${name}, which the repository does not hold.`);
    return file;
  });
}

function oneFile(file: ListedFile): ListedFile {
  if (/-\d{5}-of-\d{5}\.gguf$/i.test(file.path))
    throw new InputError(`${file.path} is one part of a split GGUF; a model in one file is needed (llama-gguf-split --merge makes one).`);
  return file;
}

function nothing(repo: string, files: readonly ListedFile[]): string {
  const names = files.map(({ path }) => path);
  const pickled = names.find((name) => /^pytorch_model.*\.bin$|\.(pt|pth|ckpt)$/.test(name));
  if (pickled)
    return `${repo} has its weights only as ${basename(pickled)}, a PyTorch checkpoint, which can run code when it is read; look for a revision or a copy with safetensors.`;
  if (names.some((name) => /^adapter_model\./.test(name))) return `${repo} is an adapter (LoRA) for another model, not a model of its own.`;
  if (names.length === 0) return `${repo} is empty at this revision.`;
  return `${repo} holds no model that can be read: no model.safetensors and no .gguf file at its top.`;
}

function several(files: readonly ListedFile[]): string {
  const names = files.map(({ path }) => path);
  return names.length <= 6 ? names.join(', ') : `${names.slice(0, 6).join(', ')} and ${names.length - 6} more`;
}
