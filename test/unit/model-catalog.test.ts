import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, utimesSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CancelledError } from '../../src/errors.js';
import { bundledModels, DEFAULT_MODEL, resolveModel } from '../../src/model/catalog.js';
import { folderName, MANIFEST } from '../../src/model/downloaded.js';
import { sha256File } from '../../src/model/hash.js';
import { referenceId } from '../../src/model/reference.js';
import { packageRoot } from '../../src/paths.js';
import { referencePath, temporaryFolder } from '../helpers/reference.js';
import { write } from './model-fixtures.js';

const sha256 = (bytes: Uint8Array | string): string => createHash('sha256').update(bytes).digest('hex');

describe('resolveModel', () => {
  it('knows the bundled models', () => {
    expect(bundledModels()).toContainEqual({ id: DEFAULT_MODEL, path: join(packageRoot(), 'media', 'models', DEFAULT_MODEL) });
    expect(resolveModel(DEFAULT_MODEL, '/nowhere').path).toBe(join(packageRoot(), 'media', 'models', DEFAULT_MODEL));
  });

  it('knows checkpoints of a training, in their order', () => {
    const folder = temporaryFolder();
    for (const name of ['pocket', 'pocket-steps/step-64', 'pocket-steps/step-512', 'pocket-steps/step-1024']) {
      mkdirSync(join(folder, name), { recursive: true });
      write(join(folder, name), 'config.json', '{}');
    }
    mkdirSync(join(folder, 'pocket-steps', 'unfinished'));
    expect(bundledModels(folder)).toEqual([
      { id: 'pocket', path: join(folder, 'pocket') },
      { id: 'pocket@step-64', path: join(folder, 'pocket-steps', 'step-64') },
      { id: 'pocket@step-512', path: join(folder, 'pocket-steps', 'step-512') },
      { id: 'pocket@step-1024', path: join(folder, 'pocket-steps', 'step-1024') },
    ]);
    expect(bundledModels(join(folder, 'none'))).toEqual([]);
  });

  it('takes paths, relative ones from the base folder', () => {
    const base = temporaryFolder();
    mkdirSync(join(base, 'models', 'mine'), { recursive: true });
    mkdirSync(join(base, 'pocket'));
    const file = write(base, 'x.gguf', '');
    expect(resolveModel('models/mine', base)).toEqual({ id: 'mine', path: join(base, 'models', 'mine') });
    expect(resolveModel('./models/mine/', base)).toEqual({ id: 'mine', path: join(base, 'models', 'mine') });
    expect(resolveModel(file, '/')).toEqual({ id: 'x.gguf', path: file });
    expect(resolveModel('x.gguf', base)).toEqual({ id: 'x.gguf', path: file });
    expect(resolveModel('./pocket', base)).toEqual({ id: 'pocket', path: join(base, 'pocket') });
    expect(resolveModel('~', base).path).toBe(homedir());
  });

  it.each([
    ['pockets', 'No model is called "pockets"; did you mean pocket?'],
    ['Pokcet', 'No model is called "Pokcet"; did you mean pocket?'],
    ['mistral-7b', 'No model is called "mistral-7b"; give pocket, pocket-gpt2, pocket-small or the path of a model\'s folder or file.'],
    ['', "The model's name is empty; give pocket, pocket-gpt2, pocket-small or the path of a model."],
    ['models/none', 'There is no model at /base/models/none: no such file or folder.'],
    ['none.gguf', 'There is no model at /base/none.gguf: no such file or folder.'],
    ['a\0b', "The model's path has a NUL character in it."],
  ])('refuses %j', (name, message) => {
    expect(() => resolveModel(name, '/base')).toThrow(message);
  });
});

describe('models of the Hub', () => {
  const root = temporaryFolder();
  const keep = (repo: string, revision = 'main', file: string | null = null): string => {
    const id = referenceId({ repo, revision, file });
    const folder = join(root, folderName(id));
    mkdirSync(folder, { recursive: true });
    const manifest = {
      version: 1,
      repo,
      revision,
      commit: 'c0'.repeat(20),
      endpoint: 'https://x',
      licence: null,
      file,
      downloaded: '',
      files: [],
    };
    write(folder, MANIFEST, JSON.stringify(manifest));
    if (file) write(folder, file, '');
    return folder;
  };
  const before = process.env.RESIDUE_MODELS;
  beforeAll(() => (process.env.RESIDUE_MODELS = root));
  afterAll(() => (process.env.RESIDUE_MODELS = before));

  it('are found by id in any case, by short name, and with their revision or file', () => {
    const base = keep('HuggingFaceTB/SmolLM2-135M');
    const step = keep('EleutherAI/pythia-14m', 'step512');
    const gguf = keep('a/b-GGUF', 'main', 'b.Q8_0.gguf');
    expect(resolveModel('HuggingFaceTB/SmolLM2-135M', '/nowhere')).toEqual({ id: 'HuggingFaceTB/SmolLM2-135M', path: base });
    expect(resolveModel('huggingfacetb/smollm2-135m', '/nowhere').path).toBe(base);
    expect(resolveModel('SmolLM2-135M', '/nowhere')).toEqual({ id: 'HuggingFaceTB/SmolLM2-135M', path: base });
    expect(resolveModel('pythia-14m@step512', '/nowhere').path).toBe(step);
    expect(resolveModel('a/b-GGUF:b.Q8_0.gguf', '/nowhere').path).toBe(join(gguf, 'b.Q8_0.gguf'));
  });

  it('give way to a folder beside the shell where they are named shortly, not where they are named in full', () => {
    const base = temporaryFolder();
    mkdirSync(join(base, 'SmolLM2-135M'));
    mkdirSync(join(base, 'HuggingFaceTB', 'SmolLM2-135M'), { recursive: true });
    expect(resolveModel('SmolLM2-135M', base).path).toBe(join(base, 'SmolLM2-135M'));
    expect(resolveModel('HuggingFaceTB/SmolLM2-135M', base).path).toBe(join(root, folderName('HuggingFaceTB/SmolLM2-135M')));
  });

  it('are asked for in full where a short name is several', () => {
    keep('other/SmolLM2-135M');
    expect(() => resolveModel('SmolLM2-135M', '/nowhere')).toThrow(
      '"SmolLM2-135M" could be HuggingFaceTB/SmolLM2-135M or other/SmolLM2-135M; write the whole id.',
    );
  });

  it.each([
    [
      'Qwen/Qwen3-0.6B',
      'Qwen/Qwen3-0.6B is not on this machine yet: download it in the Models view or with `residue models download Qwen/Qwen3-0.6B`.',
    ],
    ['EleutherAI/pythia-70m@step7', 'EleutherAI/pythia-70m@step7 is not on this machine yet'],
    ['gpt2', 'openai-community/gpt2 is not on this machine yet'],
    ['EleutherAI/none', 'There is no model at /nowhere/EleutherAI/none: no such file or folder.'],
  ])('that are not here are told apart from paths: %s', (name, message) => {
    expect(() => resolveModel(name, '/nowhere')).toThrow(message);
  });
});

describe('sha256File', () => {
  it('is that of the bytes', async () => {
    const path = referencePath('llama', 'model.safetensors');
    expect(await sha256File(path)).toBe(sha256(readFileSync(path)));
  });

  it('notices a file that changed, in size or in time', async () => {
    const path = write(temporaryFolder(), 'x', 'one');
    expect(await sha256File(path)).toBe(sha256('one'));
    write(join(path, '..'), 'x', 'three');
    expect(await sha256File(path)).toBe(sha256('three'));
    write(join(path, '..'), 'x', 'other');
    utimesSync(path, 1, 1);
    expect(await sha256File(path)).toBe(sha256('other'));
  });

  it('names a file that cannot be read, and stops when asked to', async () => {
    await expect(sha256File('/none/x')).rejects.toThrow('x cannot be read (ENOENT).');
    const stop = new AbortController();
    stop.abort();
    await expect(sha256File(referencePath('llama', 'model.safetensors'), stop.signal)).rejects.toThrow(CancelledError);
  });
});
