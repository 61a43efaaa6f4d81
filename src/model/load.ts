import { existsSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { InputError } from '../errors.js';
import { bindWeights } from './bind.js';
import type { Bound } from './bind.js';
import { widen } from './dequant.js';
import { describeConfig } from './describe.js';
import type { FileTensor } from './dtypes.js';
import type { Description, TensorNames } from './families/family.js';
import { openFile } from './file.js';
import { readGguf } from './gguf.js';
import { describeGguf } from './gguf-config.js';
import { readLlama2c } from './llama2c.js';
import { readSafetensors, readShardedSafetensors } from './safetensors.js';
import { findWeights } from './source.js';
import type { WeightSource } from './source.js';
import { FileWeightStore, valueCount } from './store.js';
import { loadTokenizer } from './tokenizer.js';
import type { TokenizerSource } from './tokenizer.js';
import type { ModelSpec } from './spec.js';
import type { LoadedModel, ModelFile } from './types.js';
import type { StoredTensor, Weight } from './weights.js';

/** What a reader of one format hands on. */
interface Opened {
  /** File or folder that messages about missing weights speak of. */
  source: string;
  description: Description;
  tensors: FileTensor[];
  names: TensorNames;
  weightFiles: { path: string; bytes: number }[];
  configFiles: string[];
  tokenizerFiles: string[];
  tokenizer: TokenizerSource;
  /** dtype as the configuration names it, for a note. */
  claimedDtype: string | null;
  notes: string[];
}

/** A model's weights, found, described and checked, without its tokenizer. */
export interface OpenedWeights {
  spec: ModelSpec;
  weights: FileWeightStore;
  /** Dtype of most parameters. */
  dtype: string;
  notes: string[];
  opened: Opened;
}

/**
 * The weights of a model: a folder in Hugging Face layout, or a .safetensors (with its config.json beside it), .gguf or llama2.c
 * .bin file. Everything but the weights' values is read and checked; those are looked at when they are read. Throws InputError,
 * in one sentence naming the file and the field, for anything that is damaged or not supported.
 */
export function openWeights(path: string): OpenedWeights {
  const opened = open(findWeights(path));
  const { spec } = opened.description;
  const bound = bindWeights(opened.source, opened.description, opened.tensors, opened.names);
  const notes = [...opened.notes];
  settleHead(bound, notes);
  spec.tiedEmbeddings = bound.tied;
  const dtype = mainDtype(bound.weights);
  if (opened.claimedDtype !== null && opened.claimedDtype !== dtype) {
    notes.push(`config.json says ${opened.claimedDtype}, but the weights are stored as ${dtype}; the file's values are used.`);
  }
  const bytes = opened.weightFiles.reduce((sum, file) => sum + file.bytes, 0);
  return { spec, weights: new FileWeightStore(opened.source, spec, bound.weights, bytes), dtype, notes, opened };
}

/** Opens a model: its weights (see openWeights) and its tokenizer. */
export async function loadModel(path: string, options: { id?: string } = {}): Promise<LoadedModel> {
  const absolute = resolve(path);
  const { spec, weights, dtype, notes, opened } = openWeights(absolute);
  const tokenizer = await loadTokenizer(opened.tokenizer);
  if (tokenizer.size > spec.vocabSize) {
    const file = opened.tokenizerFiles[0] ?? opened.source;
    throw new InputError(
      `The tokenizer in ${basename(file)} has ids up to ${tokenizer.size - 1}, but the model's embedding has only ${spec.vocabSize} rows (embed.W_E).`,
      { file, field: 'vocab' },
    );
  }
  settleSpecialIds(opened, tokenizer.eosIds, notes);
  return {
    id: options.id ?? basename(absolute),
    path: absolute,
    spec,
    weights,
    tokenizer,
    files: listFiles(opened),
    dtype,
    notes: [...notes, ...(tokenizer.notes ?? [])],
    close: () => weights.close(),
  };
}

function open(source: WeightSource): Opened {
  switch (source.kind) {
    case 'safetensors': {
      const { tensors, bytes } = readSafetensors(source.file);
      return openFolder(source.folder, source.file, tensors, [{ path: source.file, bytes }], []);
    }
    case 'sharded': {
      const { tensors, files } = readShardedSafetensors(source.index);
      return openFolder(source.folder, source.index, tensors, files, [source.index]);
    }
    case 'gguf':
      return openGguf(source.file);
    case 'llama2c':
      return openLlama2c(source.file);
  }
}

function openFolder(folder: string, source: string, tensors: FileTensor[], weightFiles: Opened['weightFiles'], indexes: string[]): Opened {
  const configFile = join(folder, 'config.json');
  if (!existsSync(configFile)) {
    throw new InputError(`${basename(source)} has no config.json beside it, which says what kind of model it is.`, { file: configFile });
  }
  const { family, description, dtype } = describeConfig(configFile);
  const present = (...names: string[]): string[] => names.map((name) => join(folder, name)).filter((file) => existsSync(file));
  return {
    source,
    description,
    tensors,
    names: family.tensors,
    weightFiles,
    configFiles: [configFile, ...indexes, ...present('generation_config.json')],
    tokenizerFiles: [join(folder, 'tokenizer.json'), ...present('tokenizer_config.json', 'special_tokens_map.json', 'chat_template.jinja')],
    tokenizer: { kind: 'folder', path: folder },
    claimedDtype: dtype,
    notes: [],
  };
}

function openGguf(file: string): Opened {
  const { metadata, tensors, bytes } = readGguf(file);
  const { description, names, notes } = describeGguf(file, metadata, tensors, readSmall);
  return {
    source: file,
    description,
    tensors,
    names,
    weightFiles: [{ path: file, bytes }],
    configFiles: [],
    tokenizerFiles: [],
    tokenizer: { kind: 'gguf', path: file, metadata },
    claimedDtype: null,
    notes,
  };
}

function readSmall(tensor: FileTensor): Float32Array {
  const file = openFile(tensor.file);
  try {
    return widen('F32', file.read(tensor.byteOffset, tensor.byteLength));
  } finally {
    file.close();
  }
}

function openLlama2c(file: string): Opened {
  const { description, tensors, names, bytes } = readLlama2c(file);
  const { vocabSize } = description.spec;
  const candidates = [`tok${vocabSize}.bin`, 'tokenizer.bin'].map((name) => join(dirname(file), name));
  const tokenizer = candidates.find((candidate) => existsSync(candidate));
  if (tokenizer === undefined) {
    throw new InputError(`${basename(file)} has no tokenizer beside it: ${candidates.map((c) => basename(c)).join(' or ')} is needed.`, {
      file,
    });
  }
  return {
    source: file,
    description,
    tensors,
    names,
    weightFiles: [{ path: file, bytes }],
    configFiles: [],
    tokenizerFiles: [tokenizer],
    tokenizer: { kind: 'llama2c', path: tokenizer, vocabSize },
    claimedDtype: null,
    notes: [],
  };
}

/** A head in the file of a model that ties it: a copy is dropped; another matrix wins, as in transformers 5. */
function settleHead(bound: Bound, notes: string[]): void {
  const head = bound.doubtfulHead;
  if (!head) return;
  if (sameBytes(head.stored, bound.weights.get('embed.W_E')!.stored)) {
    bound.tied = true;
    return;
  }
  bound.weights.set('unembed.W_U', head);
  notes.push(
    `config.json ties the embeddings, but ${basename(head.stored.file)} has another matrix as ${head.stored.name}, which is used.`,
  );
}

function sameBytes(a: StoredTensor, b: StoredTensor): boolean {
  if (a.dtype !== b.dtype || a.byteLength !== b.byteLength) return false;
  const files = [openFile(a.file), openFile(b.file)] as const;
  try {
    for (let at = 0; at < a.byteLength; at += 1 << 22) {
      const length = Math.min(1 << 22, a.byteLength - at);
      if (!files[0].read(a.byteOffset + at, length).equals(files[1].read(b.byteOffset + at, length))) return false;
    }
    return true;
  } finally {
    for (const file of files) file.close();
  }
}

/** Ids outside the vocabulary are worth a note, not an error: transformers does not look at them either. */
function settleSpecialIds(opened: Opened, tokenizerEos: readonly number[], notes: string[]): void {
  const { spec } = opened.description;
  const outside = [...spec.eosIds, ...(spec.bosId === null ? [] : [spec.bosId])].filter((id) => id >= spec.vocabSize);
  if (outside.length > 0) {
    notes.push(
      `The configuration names ${outside.join(', ')} as special ids, but the vocabulary has ${spec.vocabSize}; they are not used.`,
    );
  }
  spec.eosIds = spec.eosIds.filter((id) => id < spec.vocabSize);
  if (spec.eosIds.length === 0) spec.eosIds = [...tokenizerEos];
  if (spec.bosId !== null && spec.bosId >= spec.vocabSize) spec.bosId = null;
}

function mainDtype(weights: ReadonlyMap<string, Weight>): string {
  const counts = new Map<string, number>();
  for (const { stored } of weights.values()) counts.set(stored.dtype, (counts.get(stored.dtype) ?? 0) + valueCount(stored));
  return [...counts].sort((a, b) => b[1] - a[1])[0]![0];
}

function listFiles(opened: Opened): ModelFile[] {
  const sized = (role: ModelFile['role'], path: string): ModelFile => ({ role, path, bytes: statSync(path).size });
  return [
    ...opened.weightFiles.map(({ path, bytes }) => ({ role: 'weights' as const, path, bytes })),
    ...opened.configFiles.map((path) => sized('config', path)),
    ...opened.tokenizerFiles.map((path) => sized('tokenizer', path)),
  ];
}
