import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { drawCircuit } from './circuit.js';
import { HEADS, type Circuit, type PlantedSettings } from './kinds.js';
import { NEURONS, plantedWeights, POSITIONS, WIDTH, type Tensors } from './weights.js';
import { BEGIN, idOf, tokenizerFiles, VOCABULARY } from './words.js';

/** A model's files by name, and the circuit that is in them. */
export interface PlantedModel {
  circuit: Circuit;
  tensors: Tensors;
  files: ReadonlyMap<string, Uint8Array>;
}

/**
 * Builds a model: what the files of any GPT-2 hold, and nothing about what was planted.
 *
 * Throws InputError for settings that no model has.
 */
export function buildPlanted(settings: PlantedSettings): PlantedModel {
  const circuit = drawCircuit(settings);
  const tensors = plantedWeights(circuit, settings.noise, settings.seed);
  const { tokenizer, config } = tokenizerFiles();
  const json = (value: unknown): Uint8Array => Buffer.from(`${JSON.stringify(value, null, 2)}\n`);
  const files = new Map<string, Uint8Array>([
    ['config.json', json(configOf(circuit.layers))],
    ['tokenizer.json', json(tokenizer)],
    ['tokenizer_config.json', json(config)],
    ['model.safetensors', safetensors(tensors)],
  ]);
  return { circuit, tensors, files };
}

/** Writes a model into a folder, which is made. */
export function writePlanted({ files }: PlantedModel, folder: string): void {
  mkdirSync(folder, { recursive: true });
  for (const [name, bytes] of files) writeFileSync(join(folder, name), bytes);
}

const configOf = (layers: number): Record<string, unknown> => ({
  model_type: 'gpt2',
  architectures: ['GPT2LMHeadModel'],
  activation_function: 'gelu_new',
  n_embd: WIDTH,
  n_head: HEADS,
  n_layer: layers,
  n_inner: NEURONS,
  n_positions: POSITIONS,
  vocab_size: VOCABULARY.length,
  layer_norm_epsilon: 1e-5,
  tie_word_embeddings: false,
  bos_token_id: idOf(BEGIN),
  eos_token_id: null,
});

/** The safetensors format: length of the header, header, data. */
function safetensors(tensors: Tensors): Uint8Array {
  const header: Record<string, unknown> = { __metadata__: { format: 'pt' } };
  let end = 0;
  for (const [name, { shape, data }] of tensors) header[name] = { dtype: 'F32', shape, data_offsets: [end, (end += data.byteLength)] };
  let text = JSON.stringify(header);
  text += ' '.repeat((8 - (Buffer.byteLength(text) % 8)) % 8);
  const bytes = Buffer.alloc(8 + Buffer.byteLength(text) + end);
  bytes.writeBigUInt64LE(BigInt(Buffer.byteLength(text)));
  bytes.write(text, 8);
  const values = new DataView(bytes.buffer, bytes.byteOffset + bytes.length - end, end);
  let at = 0;
  for (const { data } of tensors.values()) for (const value of data) values.setFloat32((at += 4) - 4, value, true);
  return bytes;
}
