import { InputError, throwIfAborted } from '../../errors.js';
import type { LensRequest, LensResult, NdArray, RunResult } from '../api.js';
import { layersOf } from './edits.js';
import { headLogits } from './forward.js';
import type { Engine } from './forward.js';
import { floatTensor, floatsOf, intTensor, intsOf } from './sessions.js';
import { checkIndex } from './validate.js';

/** Numbers of logits (and of comparisons for ranks) that are worked on at once. */
const CHUNK = 2 ** 24;

/** The model's final norm and unembedding on residual rows of a run (logit lens, nostalgebraist 2020). */
export async function lens(engine: Engine, run: RunResult, request: LensRequest, row: number): Promise<LensResult> {
  const { spec } = engine.loaded;
  const layers = layersOf(request.layers, spec.nLayers + 1);
  const { positions, topK = 0, tokens = [], full = false, norm = 'recomputed', signal } = request;
  checkIndex(row, 0, run.batch - 1, 'batch row', 'row');
  layers.forEach((layer) => checkIndex(layer, 0, spec.nLayers, 'residual row', 'layers'));
  positions.forEach((position) => checkIndex(position, 0, run.length - 1, 'position', 'positions'));
  tokens.forEach((id) => checkIndex(id, 0, spec.vocabSize - 1, 'token', 'tokens'));
  checkIndex(topK, 0, spec.vocabSize, 'number of top tokens', 'topK');
  if (norm !== 'recomputed' && norm !== 'frozen') {
    throw new InputError(`There is no lens norm ${JSON.stringify(norm)}: use 'recomputed' or 'frozen'.`, { field: 'norm' });
  }

  const count = layers.length * positions.length;
  checkRows(engine, count * (topK * 2 + tokens.length * 2 + (full ? spec.vocabSize : 0) + spec.dModel));
  const vectors = new Float32Array(count * spec.dModel);
  layers.forEach((layer, l) => {
    const residual = residualOf(run, layer, spec.nLayers);
    positions.forEach((position, p) => vectors.set(vectorOf(residual, row, position), (l * positions.length + p) * spec.dModel));
  });
  const frozen = norm === 'frozen' ? await lastScales(engine, run, row, positions, layers.length) : undefined;
  const read = await readVectors(engine, vectors, { topK, tokens, full, frozen, signal });
  return { layers, positions: [...positions], norm, ...read };
}

/** Log-probabilities [n, vocab] of any residual vectors [n, d_model]. */
export async function unembed(engine: Engine, vectors: Float32Array, n: number): Promise<NdArray> {
  const { dModel, vocabSize } = engine.loaded.spec;
  if (!Number.isInteger(n) || n < 0 || vectors.length !== n * dModel) {
    throw new InputError(`The vectors have ${vectors.length} numbers and must have ${n * dModel}: ${n} × d_model ${dModel}.`, {
      field: 'vectors',
    });
  }
  const bad = vectors.findIndex((x) => !Number.isFinite(x));
  if (bad >= 0) throw new InputError(`The vectors' number ${bad} is ${vectors[bad]}: give finite numbers.`, { field: 'vectors' });
  checkRows(engine, n * vocabSize);
  const { logprobs } = await readVectors(engine, vectors, { topK: 0, tokens: [], full: true });
  return { data: logprobs!, shape: [n, vocabSize] };
}

interface Reading {
  topK: number;
  tokens: readonly number[];
  full: boolean;
  /** Scales for the final norm, one per vector. */
  frozen?: Float32Array;
  signal?: AbortSignal;
}

type Read = Pick<LensResult, 'topIds' | 'topLogprobs' | 'tokenLogprobs' | 'tokenRanks' | 'entropy' | 'logprobs'>;

async function readVectors(engine: Engine, vectors: Float32Array, reading: Reading): Promise<Read> {
  const { dModel, vocabSize } = engine.loaded.spec;
  const { topK, tokens, full, frozen, signal } = reading;
  const n = vectors.length / dModel;
  const step = Math.max(1, Math.floor(CHUNK / (vocabSize * (1 + tokens.length))));
  const out: Read = {
    topIds: new Int32Array(n * topK),
    topLogprobs: new Float32Array(n * topK),
    tokenLogprobs: new Float32Array(n * tokens.length),
    tokenRanks: new Int32Array(n * tokens.length),
    entropy: new Float32Array(n),
    ...(full ? { logprobs: new Float32Array(n * vocabSize) } : {}),
  };
  const statistics = await engine.parts.statistics();
  const outputs = [
    'entropy',
    ...(topK > 0 ? ['top_ids', 'top_logprobs'] : []),
    ...(tokens.length > 0 ? ['token_logprobs', 'token_ranks'] : []),
    ...(full ? ['logprobs'] : []),
  ];
  for (let from = 0; from < n; from += step) {
    throwIfAborted(signal);
    const to = Math.min(from + step, n);
    const logits = await headLogits(engine, vectors.subarray(from * dModel, to * dModel), frozen?.subarray(from, to));
    const result = await statistics.run(
      { logits: floatTensor(logits, [to - from, vocabSize]), k: intTensor([Math.max(topK, 1)]), tokens: intTensor(tokens) },
      outputs,
    );
    out.entropy.set(floatsOf(result.entropy!), from);
    if (result.top_ids) out.topIds.set(intsOf(result.top_ids), from * topK);
    if (result.top_logprobs) out.topLogprobs.set(floatsOf(result.top_logprobs), from * topK);
    if (result.token_logprobs) out.tokenLogprobs.set(floatsOf(result.token_logprobs), from * tokens.length);
    if (result.token_ranks) out.tokenRanks.set(intsOf(result.token_ranks), from * tokens.length);
    if (result.logprobs) out.logprobs!.set(floatsOf(result.logprobs), from * vocabSize);
  }
  return out;
}

/** Residual row 0 … nLayers − 1 is that layer's resid_pre, nLayers the last resid_post. */
function residualOf(run: RunResult, layer: number, nLayers: number): NdArray {
  return run.get(layer < nLayers ? `blocks.${layer}.hook_resid_pre` : `blocks.${nLayers - 1}.hook_resid_post`);
}

function vectorOf({ data, shape }: NdArray, row: number, position: number): Float32Array {
  const [, length, width] = shape as [number, number, number];
  const start = (row * length + position) * width;
  return data.subarray(start, start + width);
}

/** The final norm's scale of the last residual at each position, once for every layer: [layer, position]. */
async function lastScales(
  engine: Engine,
  run: RunResult,
  row: number,
  positions: readonly number[],
  layers: number,
): Promise<Float32Array> {
  const { nLayers, dModel } = engine.loaded.spec;
  const last = residualOf(run, nLayers, nLayers);
  const vectors = new Float32Array(positions.length * dModel);
  positions.forEach((position, p) => vectors.set(vectorOf(last, row, position), p * dModel));
  const part = await engine.parts.finalNorm();
  const result = await part.run({ resid: floatTensor(vectors, [positions.length, dModel]) }, ['hook_scale']);
  const scales = floatsOf(result.hook_scale!);
  const all = new Float32Array(layers * positions.length);
  for (let layer = 0; layer < layers; layer++) all.set(scales, layer * positions.length);
  return all;
}

function checkRows(engine: Engine, numbers: number): void {
  const needed = 4 * (numbers + 2 * CHUNK);
  if (4 * numbers > engine.memoryBudget) {
    const show = (bytes: number) => `${(bytes / 1e6).toPrecision(3)} MB`;
    throw new InputError(
      `The lens needs ${show(needed)} of memory and ${show(engine.memoryBudget)} are allowed: ask for fewer layers or positions, or no whole rows.`,
      { field: 'memoryBudget' },
    );
  }
}
