import { basename } from 'node:path';
import { InputError } from '../errors.js';
import { isStoredDtype, SUPPORTED_DTYPES } from './dtypes.js';
import type { FileTensor } from './dtypes.js';
import type { Description, Presence, TensorNames } from './families/family.js';
import { shorten, show } from './json.js';
import type { ModelSpec } from './spec.js';
import type { StoredTensor, Weight, WeightName } from './weights.js';

export interface Bound {
  weights: Map<WeightName, Weight>;
  /** Whether the unembedding is the embedding. */
  tied: boolean;
  /** A head that the file has though the configuration ties it; its values decide (see load.ts). */
  doubtfulHead: Weight | null;
  /** Names of leftover buffers that were passed over. */
  ignored: string[];
}

/**
 * Gives every tensor of a file its canonical name, checks its type and shape against the model, and refuses what is missing or
 * left over. `source` is the file or folder that messages speak of.
 */
export function bindWeights(source: string, description: Description, tensors: readonly FileTensor[], names: TensorNames): Bound {
  const { spec, biases } = description;
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  const { prefix } = names;
  const bare = prefix !== '' && !tensors.some((tensor) => tensor.name.startsWith(prefix));
  const nameOf = (canonical: string, layer: number): string | undefined => {
    const template = names.names[canonical];
    if (template === undefined) return undefined;
    const name = template.replace('.N.', `.${layer}.`);
    return bare && name.startsWith(prefix) ? name.slice(prefix.length) : name;
  };
  const weights = new Map<WeightName, Weight>();
  const used = new Set<string>();
  const take = (canonical: string, layer: number, needed: boolean): boolean => {
    const name = nameOf(canonical, layer);
    const tensor = byName.get(name ?? '') ?? byName.get(names.aliases?.[canonical] ?? '');
    if (!tensor) {
      if (!needed) return false;
      const file = tensors[0]?.file ?? source;
      const where = basename(tensors.length > 0 && tensors.every((t) => t.file === file) ? file : source);
      throw new InputError(`${where} has no tensor ${name ?? canonical}, which a model of this configuration needs.`, {
        file: source,
        field: name ?? canonical,
      });
    }
    const { kind, shape } = expected(canonical, spec);
    const layout = kind === 'vector' ? 'vector' : kind === 'rows' ? 'out_in' : names.layout;
    const want = layout === 'in_out' ? [...shape].reverse() : shape;
    const weight: Weight = { stored: stored(tensor, want), layout };
    if (names.fused !== undefined && /\.attn\.[Wb]_QKV$/.test(canonical)) weight.fused = names.fused;
    if (names.pairs && /\.attn\.[Wb]_[QK]$/.test(canonical)) weight.pairs = true;
    weights.set(canonical.replace('.N.', `.${layer}.`), weight);
    used.add(tensor.name);
    return true;
  };

  take('embed.W_E', 0, true);
  if (spec.position.kind === 'learned') take('pos_embed.W_pos', 0, true);
  const layerNorm = spec.norm.kind === 'layer';
  const fused = names.fused !== undefined;
  const matrices = [
    'ln1.w',
    'ln2.w',
    ...(layerNorm ? ['ln1.b', 'ln2.b'] : []),
    ...(fused ? ['attn.W_QKV'] : ['attn.W_Q', 'attn.W_K', 'attn.W_V']),
    'attn.W_O',
    ...(spec.qkNorm ? ['attn.q_norm.w', 'attn.k_norm.w'] : []),
    ...(spec.mlp.gated ? ['mlp.W_gate'] : []),
    'mlp.W_in',
    'mlp.W_out',
  ];
  const groups: [Presence, string[]][] = [
    [biases.qkv, fused ? ['attn.b_QKV'] : ['attn.b_Q', 'attn.b_K', 'attn.b_V']],
    [biases.attnOut, ['attn.b_O']],
    [biases.mlp, [...(spec.mlp.gated ? ['mlp.b_gate'] : []), 'mlp.b_in', 'mlp.b_out']],
  ];
  // Layer by layer, so that a configuration that claims a billion of them ends at the first that is missing.
  for (let layer = 0; layer < spec.nLayers; layer++) {
    for (const part of matrices) take(`blocks.N.${part}`, layer, true);
    for (const [presence, parts] of groups) {
      const first = parts[0]!;
      const wanted = presence === 'required' || (presence === 'optional' && byName.has(nameOf(`blocks.N.${first}`, 0) ?? ''));
      if (wanted) for (const part of parts) take(`blocks.N.${part}`, layer, true);
    }
  }
  take('ln_final.w', 0, true);
  if (layerNorm) take('ln_final.b', 0, true);

  const head = 'unembed.W_U';
  let tied = description.tied !== false;
  let doubtfulHead: Weight | null = null;
  if (description.tied === false) {
    take(head, 0, true);
  } else if (take(head, 0, false)) {
    tied = false;
    if (description.tied === true) {
      doubtfulHead = weights.get(head)!;
      weights.delete(head);
    }
  }

  const ignored: string[] = [];
  for (const tensor of tensors) {
    if (used.has(tensor.name)) continue;
    if (names.leftovers.some((pattern) => pattern.test(tensor.name))) ignored.push(tensor.name);
    else {
      throw new InputError(
        `${basename(tensor.file)} has the tensor ${shorten(tensor.name)}, which has no place in a model of this configuration.`,
        { file: tensor.file, field: shorten(tensor.name) },
      );
    }
  }
  return { weights, tied, doubtfulHead, ignored };
}

function stored(tensor: FileTensor, want: readonly number[]): StoredTensor {
  const label = shorten(tensor.name);
  const fail = (what: string): InputError => new InputError(`Tensor ${label} ${what}.`, { file: tensor.file, field: label });
  const { dtype } = tensor;
  if (!isStoredDtype(dtype)) throw fail(`has the type ${dtype}; supported are ${SUPPORTED_DTYPES}`);
  if (tensor.shape.length !== want.length || tensor.shape.some((size, i) => size !== want[i])) {
    throw fail(`has the shape ${show(tensor.shape)}, but the configuration gives ${show(want)}`);
  }
  return { file: tensor.file, name: tensor.name, dtype, shape: tensor.shape, byteOffset: tensor.byteOffset, byteLength: tensor.byteLength };
}

/** Shape of a canonical weight, matrices as [out, in]. `rows`: a table of vectors, which has the same layout everywhere. */
function expected(canonical: string, spec: ModelSpec): { kind: 'rows' | 'matrix' | 'vector'; shape: number[] } {
  const { dModel, dHead, dMlp, nHeads, nKvHeads, vocabSize } = spec;
  const q = nHeads * dHead;
  const kv = nKvHeads * dHead;
  const matrix = (out: number, into: number) => ({ kind: 'matrix' as const, shape: [out, into] });
  const vector = (size: number) => ({ kind: 'vector' as const, shape: [size] });
  switch (canonical.replace('blocks.N.', '')) {
    case 'embed.W_E':
    case 'unembed.W_U':
      return { kind: 'rows', shape: [vocabSize, dModel] };
    case 'pos_embed.W_pos':
      return { kind: 'rows', shape: [spec.context, dModel] };
    case 'attn.W_Q':
      return matrix(q, dModel);
    case 'attn.W_K':
    case 'attn.W_V':
      return matrix(kv, dModel);
    case 'attn.W_QKV':
      return matrix(q + 2 * kv, dModel);
    case 'attn.W_O':
      return matrix(dModel, q);
    case 'attn.b_Q':
      return vector(q);
    case 'attn.b_K':
    case 'attn.b_V':
      return vector(kv);
    case 'attn.b_QKV':
      return vector(q + 2 * kv);
    case 'attn.q_norm.w':
    case 'attn.k_norm.w':
      return vector(dHead);
    case 'mlp.W_in':
    case 'mlp.W_gate':
      return matrix(dMlp, dModel);
    case 'mlp.W_out':
      return matrix(dModel, dMlp);
    case 'mlp.b_in':
    case 'mlp.b_gate':
      return vector(dMlp);
    default:
      // Norms, and biases of what is added to the residual.
      return vector(dModel);
  }
}
