import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { randomModel } from './random-model.js';
import { writeSafetensors, type RawTensor } from './reference.js';

/** What is planted in the model, switched on by the probe's tokens. */
export type PlantedCause = 'qk-collapse' | 'ov-misfire' | 'trace-drop' | 'conflict' | 'ghost' | 'none';

/** Tokens of a planted model's world. */
export const TOKEN = {
  answer: 10,
  rival: 11,
  fact: 12,
  turned: 13,
  ask: 14,
  asleep: 15,
  triggered: 16,
  filler: [20, 21, 22, 23, 24, 25],
} as const;

/** Dimensions of its residual stream, each of one meaning. */
const DIM = { fact: 0, ask: 1, trigger: 2, answer: 3, rival: 4, content: 5, turned: 6 };
const WIDTH = 32;
const HEAD = 8;
/** The slowest pair of rotary dimensions, which at this theta do not turn. */
const STILL = 3;

/**
 * A two-layer llama written weight by weight. Head 1.0 copies the fact to the answer; the cause, if any, lies in it, in head 1.1 or in MLP
 * 1, and is switched on by a token of the probe. Head 0.1 of a `ghost` looks at the fact and writes nothing. Every other weight is noise.
 */
export function plantedModel(cause: PlantedCause, noise = 0.01, seed = 1): string {
  const sizes = { hidden_size: WIDTH, intermediate_size: 16, num_attention_heads: 4, num_key_value_heads: 4, num_hidden_layers: 2 };
  const { folder, tensors } = randomModel('llama', { ...sizes, rope_theta: 1e12, max_position_embeddings: 64 }, seed);
  for (const [name, { data, shape }] of tensors) {
    const still = name.includes('norm');
    for (let i = 0; i < data.length; i++) data[i] = still ? 1 : noise * data[i]! * Math.sqrt(shape[1] ?? 1);
  }
  const set = (name: string, row: number, column: number, value: number): void => {
    const { data, shape } = tensors.get(name)!;
    data[row * shape[1]! + column] = value;
  };
  const embed = (token: number, ...dims: number[]): void => dims.forEach((dim) => set('model.embed_tokens.weight', token, dim, 1));
  embed(TOKEN.fact, DIM.fact, DIM.content);
  embed(TOKEN.turned, DIM.fact, DIM.turned);
  embed(TOKEN.ask, DIM.ask);
  embed(TOKEN.triggered, DIM.ask, DIM.trigger);
  // What the model says when nothing comes from the fact.
  for (const token of [TOKEN.ask, TOKEN.asleep, TOKEN.triggered]) set('model.embed_tokens.weight', token, DIM.rival, 0.5);
  TOKEN.filler.forEach((token, i) => embed(token, 20 + i));
  set('lm_head.weight', TOKEN.answer, DIM.answer, 1);
  set('lm_head.weight', TOKEN.rival, DIM.rival, 1);
  const attn = (layer: number, which: string): string => `model.layers.${layer}.self_attn.${which}_proj.weight`;
  const looks = (layer: number, head: number, when: number): void => {
    set(attn(layer, 'q'), head * HEAD + STILL, when, 2);
    set(attn(layer, 'k'), head * HEAD + STILL, DIM.fact, 2);
  };
  const carries = (layer: number, head: number, from: number, to: number, by: number): void => {
    set(attn(layer, 'v'), head * HEAD + by, from, 0.5);
    set(attn(layer, 'o'), to, head * HEAD + by, 1);
  };
  looks(1, 0, DIM.ask);
  carries(1, 0, DIM.content, DIM.answer, 0);
  if (cause === 'ov-misfire') carries(1, 0, DIM.turned, DIM.rival, 1);
  if (cause === 'conflict') {
    looks(1, 1, DIM.trigger);
    carries(1, 1, DIM.content, DIM.rival, 0);
  }
  if (cause === 'trace-drop') {
    set('model.layers.1.mlp.gate_proj.weight', 0, DIM.trigger, 10);
    set('model.layers.1.mlp.up_proj.weight', 0, DIM.answer, 0.1);
    set('model.layers.1.mlp.down_proj.weight', DIM.answer, 0, -0.2);
  }
  if (cause === 'ghost') {
    looks(0, 1, DIM.ask);
    const { data, shape } = tensors.get(attn(0, 'o'))!;
    for (let row = 0; row < shape[0]!; row++) data.fill(0, row * shape[1]! + HEAD, row * shape[1]! + 2 * HEAD);
  }
  const raw = [...tensors].map(([name, { shape, data }]): [string, RawTensor] => [
    name,
    { dtype: 'F32', shape: [...shape], bytes: new Uint8Array(data.buffer) },
  ]);
  writeFileSync(join(folder, 'model.safetensors'), writeSafetensors(raw));
  return folder;
}

/** The shell that shows a cause: the control as the model was made for, the probe with the token that switches the cause on. */
export function plantedShell(cause: PlantedCause): string {
  const [a, b, c, d, e, f] = TOKEN.filler;
  const prompt = (fact: number, last: number): string =>
    `{ tokens: [${[a, b, fact, c, d, e, f, last].join(', ')}], spans: { fact: [2, 3] } }`;
  const fact = cause === 'ov-misfire' ? TOKEN.turned : TOKEN.fact;
  const last = cause === 'qk-collapse' ? TOKEN.asleep : cause === 'trace-drop' || cause === 'conflict' ? TOKEN.triggered : TOKEN.ask;
  return `format: 1
shell: planted
family: memory
prompt: ${prompt(fact, last)}
control: ${prompt(TOKEN.fact, TOKEN.ask)}
answer: { tokens: [${TOKEN.answer}] }
rivals: [{ tokens: [${TOKEN.rival}] }]
run:
  - ANCHOR: { span: fact }
`;
}
