/**
 * A forward pass in plain double-precision loops, straight from a Hugging Face configuration and its tensors. It shares no code with
 * the product: neither the reading of configurations nor the graphs. For small models in tests.
 */
export interface PlainConfig {
  model_type: 'llama' | 'gpt2' | 'gpt_neox' | 'qwen2' | 'qwen3';
  [key: string]: unknown;
}

export interface PlainTensor {
  shape: readonly number[];
  data: Float32Array;
}

type Vector = number[];
/** Adds a projection's bias where the file has one. */
type Linear = (x: Vector, name: string) => Vector;

/** Logits [pos, vocab]. `positions` default to 0, 1, 2, … */
export function plainForward(
  config: PlainConfig,
  tensors: ReadonlyMap<string, PlainTensor>,
  ids: readonly number[],
  positions = ids.map((_, i) => i),
): number[][] {
  const gpt2 = config.model_type === 'gpt2';
  const neox = config.model_type === 'gpt_neox';
  const num = (key: string): number => config[key] as number;
  const dModel = num(gpt2 ? 'n_embd' : 'hidden_size');
  const nLayers = num(gpt2 ? 'n_layer' : 'num_hidden_layers');
  const nHeads = num(gpt2 ? 'n_head' : 'num_attention_heads');
  const nKv = (config.num_key_value_heads as number | undefined) ?? nHeads;
  const dHead = (config.head_dim as number | undefined) ?? dModel / nHeads;
  const eps = num(gpt2 ? 'layer_norm_epsilon' : neox ? 'layer_norm_eps' : 'rms_norm_eps');
  const act = ACTIVATIONS[(config.hidden_act ?? config.activation_function) as string]!;
  const tensor = (name: string): PlainTensor => {
    const found = tensors.get(name);
    if (!found) throw new Error(`no tensor ${name}`);
    return found;
  };
  const row = (name: string, r: number): Vector => {
    const { shape, data } = tensor(name);
    return [...data.subarray(r * shape[1]!, (r + 1) * shape[1]!)];
  };
  const linear: Linear = (x, name) => {
    const { shape, data } = tensor(`${name}.weight`);
    const [rows, columns] = shape as [number, number];
    const bias = tensors.get(`${name}.bias`)?.data;
    // GPT-2's Conv1D keeps [in, out].
    const weight = gpt2 ? (o: number, i: number) => data[i * columns + o]! : (o: number, i: number) => data[o * columns + i]!;
    const out = gpt2 ? columns : rows;
    return Array.from({ length: out }, (_, o) => x.reduce((sum, v, i) => sum + v * weight(o, i), bias?.[o] ?? 0));
  };
  const norm = (x: Vector, name: string): Vector => {
    const w = tensor(`${name}.weight`).data;
    const b = tensors.get(`${name}.bias`)?.data;
    const mean = gpt2 || neox ? x.reduce((a, v) => a + v, 0) / x.length : 0;
    const scale = Math.sqrt(x.reduce((a, v) => a + (v - mean) ** 2, 0) / x.length + eps);
    return x.map((v, i) => ((v - mean) / scale) * w[i]! + (b?.[i] ?? 0));
  };
  const names = NAMES[gpt2 ? 'gpt2' : neox ? 'gpt_neox' : 'llama'];
  const turn = gpt2 ? null : rotary(config, dHead);

  const qkv = (x: Vector, at: string): { q: Vector[]; k: Vector[]; v: Vector[] } => {
    const cut = (values: Vector, start: number, count: number, stride: number) =>
      Array.from({ length: count }, (_, h) => values.slice(start + h * stride, start + h * stride + dHead));
    if (gpt2) {
      const all = linear(x, `${at}.attn.c_attn`);
      return { q: cut(all, 0, nHeads, dHead), k: cut(all, dModel, nHeads, dHead), v: cut(all, 2 * dModel, nHeads, dHead) };
    }
    if (neox) {
      const all = linear(x, `${at}.attention.query_key_value`);
      return { q: cut(all, 0, nHeads, 3 * dHead), k: cut(all, dHead, nHeads, 3 * dHead), v: cut(all, 2 * dHead, nHeads, 3 * dHead) };
    }
    const part = (which: string, count: number) => cut(linear(x, `${at}.self_attn.${which}_proj`), 0, count, dHead);
    const [q, k, v] = [part('q', nHeads), part('k', nKv), part('v', nKv)];
    if (config.model_type !== 'qwen3') return { q, k, v };
    return { q: q.map((h) => norm(h, `${at}.self_attn.q_norm`)), k: k.map((h) => norm(h, `${at}.self_attn.k_norm`)), v };
  };

  let residual = ids.map((id, t) => {
    const embedded = row(names.embed, id);
    if (!gpt2) return embedded;
    const placed = row('transformer.wpe.weight', positions[t]!);
    return embedded.map((v, i) => v + placed[i]!);
  });
  const scale = gpt2 && config.scale_attn_weights === false ? 1 : 1 / Math.sqrt(dHead);
  for (let layer = 0; layer < nLayers; layer++) {
    const at = `${names.layer}${layer}`;
    const heads = residual.map((x, t) => {
      const all = qkv(norm(x, `${at}.${names.ln1}`), at);
      return turn ? { ...all, q: all.q.map((h) => turn(h, positions[t]!)), k: all.k.map((h) => turn(h, positions[t]!)) } : all;
    });
    const attended = heads.map(({ q }, t) =>
      linear(
        q.flatMap((query, h) => {
          const kv = Math.floor(h / (nHeads / nKv));
          const scores = heads.slice(0, t + 1).map(({ k }) => scale * dot(query, k[kv]!));
          const top = Math.max(...scores);
          const weights = scores.map((s) => Math.exp(s - top));
          const total = weights.reduce((a, w) => a + w, 0);
          return Array.from({ length: dHead }, (_, i) => weights.reduce((a, w, s) => a + (w / total) * heads[s]!.v[kv]![i]!, 0));
        }),
        `${at}.${names.out}`,
      ),
    );
    const middle = residual.map((x, t) => x.map((v, i) => v + attended[t]![i]!));
    const parallel = neox && config.use_parallel_residual !== false;
    residual = middle.map((x, t) => {
      const normed = norm(parallel ? residual[t]! : x, `${at}.${names.ln2}`);
      const up = linear(normed, `${at}.${names.up}`);
      const gate = names.gate === null ? null : linear(normed, `${at}.${names.gate}`);
      const inner = gate === null ? up.map(act) : up.map((v, i) => act(gate[i]!) * v);
      const down = linear(inner, `${at}.${names.down}`);
      return x.map((v, i) => v + down[i]!);
    });
  }
  const head = tensors.get(names.head) ?? tensor(names.embed);
  return residual.map((x) => {
    const final = norm(x, names.final);
    return Array.from({ length: head.shape[0]! }, (_, o) => final.reduce((sum, v, i) => sum + v * head.data[o * dModel + i]!, 0));
  });
}

const dot = (a: Vector, b: Vector): number => a.reduce((sum, v, i) => sum + v * b[i]!, 0);

/** Rotary embedding of one head: the first dimensions turn, i with i + n/2. Formulas of the papers, not of transformers' code. */
function rotary(config: PlainConfig, dHead: number): (x: Vector, position: number) => Vector {
  const given = (config.rope_parameters ?? config.rope_scaling ?? {}) as Record<string, number | string | boolean | undefined>;
  const get = (key: string, otherwise?: number) => (given[key] as number | undefined) ?? (config[key] as number | undefined) ?? otherwise;
  const theta = get('rope_theta', config.rotary_emb_base as number | undefined) ?? 10_000;
  const share = get('partial_rotary_factor', config.rotary_pct as number | undefined) ?? (config.model_type === 'gpt_neox' ? 0.25 : 1);
  const dims = Math.floor(dHead * share);
  const type = (given.rope_type ?? given.type ?? 'default') as string;
  const factor = get('factor', 1)!;
  const original = get('original_max_position_embeddings', config.max_position_embeddings as number)!;
  let amplitude = 1;
  const frequency = (pair: number): number => {
    const plain = theta ** (-(2 * pair) / dims);
    const turns = (original * plain) / (2 * Math.PI);
    if (type === 'linear') return plain / factor;
    if (type === 'llama3') {
      const [low, high] = [get('low_freq_factor')!, get('high_freq_factor')!];
      if (turns < low) return plain / factor;
      if (turns > high) return plain;
      const kept = (turns - low) / (high - low);
      return (1 - kept) * (plain / factor) + kept * plain;
    }
    if (type === 'yarn') {
      amplitude = get('attention_factor') ?? (factor <= 1 ? 1 : 0.1 * Math.log(factor) + 1);
      // The pair that turns a given number of times within the original context.
      const pairOf = (times: number) => (dims * Math.log(original / (times * 2 * Math.PI))) / (2 * Math.log(theta));
      const rounded = given.truncate !== false;
      const start = pairOf(get('beta_fast', 32)!);
      const end = pairOf(get('beta_slow', 1)!);
      const low = Math.max(rounded ? Math.floor(start) : start, 0);
      const high = Math.min(rounded ? Math.ceil(end) : end, dims - 1);
      const stretch = Math.min(Math.max((pair - low) / (high === low ? 0.001 : high - low), 0), 1);
      return (plain / factor) * stretch + plain * (1 - stretch);
    }
    return plain;
  };
  const frequencies = Array.from({ length: dims / 2 }, (_, i) => frequency(i));
  return (x, position) =>
    x.map((v, i) => {
      if (i >= dims) return v;
      const pair = i % (dims / 2);
      const angle = position * frequencies[pair]!;
      const other = i < dims / 2 ? -x[i + dims / 2]! : x[pair]!;
      return amplitude * (v * Math.cos(angle) + other * Math.sin(angle));
    });
}

/** Abramowitz & Stegun 7.1.5 for small, 7.1.14 (continued fraction) for large arguments: full double precision. */
function erf(x: number): number {
  const a = Math.abs(x);
  if (a < 2.5) {
    let term = a;
    let sum = a;
    for (let n = 1; n < 80; n++) {
      term *= (-a * a) / n;
      sum += term / (2 * n + 1);
    }
    return (Math.sign(x) * 2 * sum) / Math.sqrt(Math.PI);
  }
  let fraction = 0;
  for (let n = 80; n > 0; n--) fraction = n / 2 / (a + fraction);
  return Math.sign(x) * (1 - Math.exp(-a * a) / ((a + fraction) * Math.sqrt(Math.PI)));
}

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
const gelu = (x: number): number => (x / 2) * (1 + erf(x / Math.SQRT2));
const geluTanh = (x: number): number => (x / 2) * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
const between = (x: number, low: number, high: number): number => Math.min(Math.max(x, low), high);

/** transformers' ACT2FN by name. */
export const ACTIVATIONS: Readonly<Record<string, (x: number) => number>> = {
  silu: (x) => x * sigmoid(x),
  swish: (x) => x * sigmoid(x),
  gelu,
  gelu_python: gelu,
  gelu_new: geluTanh,
  gelu_fast: geluTanh,
  gelu_accurate: geluTanh,
  gelu_pytorch_tanh: geluTanh,
  gelu_python_tanh: geluTanh,
  gelu_10: (x) => between(gelu(x), -10, 10),
  quick_gelu: (x) => x * sigmoid(1.702 * x),
  relu: (x) => Math.max(x, 0),
  relu2: (x) => Math.max(x, 0) ** 2,
  relu6: (x) => between(x, 0, 6),
  leaky_relu: (x) => (x < 0 ? 0.01 * x : x),
  tanh: Math.tanh,
  sigmoid,
  linear: (x) => x,
  hardswish: (x) => (x * between(x + 3, 0, 6)) / 6,
  mish: (x) => x * Math.tanh(Math.log1p(Math.exp(x))),
  laplace: (x) => 0.5 * (1 + erf((x - 0.707107) / (0.282095 * Math.SQRT2))),
};

/** Tensor names; inside a layer they follow `layer` and its number. */
const NAMES = {
  llama: {
    embed: 'model.embed_tokens.weight',
    layer: 'model.layers.',
    ln1: 'input_layernorm',
    ln2: 'post_attention_layernorm',
    out: 'self_attn.o_proj',
    gate: 'mlp.gate_proj',
    up: 'mlp.up_proj',
    down: 'mlp.down_proj',
    final: 'model.norm',
    head: 'lm_head.weight',
  },
  gpt2: {
    embed: 'transformer.wte.weight',
    layer: 'transformer.h.',
    ln1: 'ln_1',
    ln2: 'ln_2',
    out: 'attn.c_proj',
    gate: null,
    up: 'mlp.c_fc',
    down: 'mlp.c_proj',
    final: 'transformer.ln_f',
    head: 'lm_head.weight',
  },
  gpt_neox: {
    embed: 'gpt_neox.embed_in.weight',
    layer: 'gpt_neox.layers.',
    ln1: 'input_layernorm',
    ln2: 'post_attention_layernorm',
    out: 'attention.dense',
    gate: null,
    up: 'mlp.dense_h_to_4h',
    down: 'mlp.dense_4h_to_h',
    final: 'gpt_neox.final_layer_norm',
    head: 'embed_out.weight',
  },
} as const;
