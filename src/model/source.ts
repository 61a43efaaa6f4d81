import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { InputError } from '../errors.js';

/** The files that hold a model's weights. */
export type WeightSource =
  | { kind: 'safetensors'; folder: string; file: string }
  | { kind: 'sharded'; folder: string; index: string }
  | { kind: 'gguf'; file: string }
  | { kind: 'llama2c'; file: string };

const INDEX = 'model.safetensors.index.json';
const SHARD = /-\d{5}-of-\d{5}\.safetensors$/;
const NOT_LLAMA2C = /^(tok\d*|tokenizer|pytorch_model.*|training_args|optimizer|scheduler)\.bin$/;

/** What lies at a path: a model's folder, or one file of weights. */
export function findWeights(path: string): WeightSource {
  const absolute = resolve(path);
  const stat = statSync(absolute, { throwIfNoEntry: false });
  if (!stat) throw new InputError(`There is no model at ${absolute}: no such file or folder.`, { file: absolute });
  return stat.isDirectory() ? inFolder(absolute) : ofFile(absolute);
}

function ofFile(file: string): WeightSource {
  const name = basename(file);
  const folder = dirname(file);
  if (name === INDEX) return { kind: 'sharded', folder, index: file };
  if (name === 'config.json') return inFolder(folder);
  if (/\.safetensors$/i.test(name)) {
    if (SHARD.test(name)) {
      throw new InputError(`${name} is one part of a model in several files; give the folder that holds them and ${INDEX}.`, { file });
    }
    return { kind: 'safetensors', folder, file };
  }
  if (/\.gguf$/i.test(name)) return { kind: 'gguf', file };
  if (/\.bin$/i.test(name)) return { kind: 'llama2c', file };
  throw new InputError(
    `${name} is not a model: a .safetensors, .gguf or llama2.c .bin file, or a folder with config.json and model.safetensors is.`,
    { file },
  );
}

function inFolder(folder: string): WeightSource {
  const single = join(folder, 'model.safetensors');
  if (existsSync(single)) return { kind: 'safetensors', folder, file: single };
  const index = join(folder, INDEX);
  if (existsSync(index)) return { kind: 'sharded', folder, index };
  const names = listed(folder);
  const several = (found: string[]): InputError =>
    new InputError(
      `The folder holds several models (${found.slice(0, 3).join(', ')}${found.length > 3 ? ', …' : ''}); give the path of one.`,
      { file: folder },
    );
  const safetensors = names.filter((name) => /\.safetensors$/i.test(name) && !/^adapter_model/.test(name));
  if (safetensors.some((name) => SHARD.test(name))) {
    throw new InputError(`The folder holds a model in several files, but not ${INDEX}, which says what is in which.`, { file: folder });
  }
  const gguf = names.filter((name) => /\.gguf$/i.test(name));
  const bin = names.filter((name) => /\.bin$/i.test(name) && !NOT_LLAMA2C.test(name));
  const found = safetensors.length > 0 ? safetensors : gguf.length > 0 ? gguf : bin;
  if (found.length > 1) throw several(found);
  const [name] = found;
  if (name === undefined) {
    const pickled = names.find((n) => /^pytorch_model.*\.bin$|\.(pt|pth|ckpt)$/.test(n));
    throw new InputError(
      pickled === undefined
        ? 'The folder holds no model: no .safetensors, .gguf or llama2.c .bin file.'
        : `The folder holds ${pickled}, a PyTorch checkpoint, which can run code when it is read; convert it to safetensors.`,
      { file: folder },
    );
  }
  return ofFile(join(folder, name));
}

function listed(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch (error) {
    throw new InputError(`The folder cannot be listed (${(error as NodeJS.ErrnoException).code ?? String(error)}).`, { file: folder });
  }
}
