/**
 * Symbolic Residue as a library: open a local language model, run tokens with edits and traced hooks, read the arrays, run
 * shells. onnxruntime lives in a process of its own; what you read crosses, the rest stays there.
 *
 * @example
 * import { openModel } from 'symbolic-residue';
 * const model = await openModel('pocket');
 * const tokens = await model.tokenizer.encode('Tom has a red ball.');
 * const run = await model.run(tokens.map((t) => t.id), { hooks: ['blocks.*.attn.hook_pattern'] });
 * const pattern = await run.read('blocks.0.attn.hook_pattern', { row: 0 }); // [head, query, key]
 * await model.close();
 *
 * @module
 */
import { EngineClient, type EngineClientOptions, type ProgressOptions } from './engine/client.js';
import type { ModelSettings } from './engine/protocol.js';
import { RemoteModel } from './engine/remote.js';

export { CancelledError, InputError, type Place } from './errors.js';
export { EngineClient, EngineError } from './engine/client.js';
export { RemoteModel, RemoteRun } from './engine/remote.js';
export type { CallOptions, EngineClientOptions, EngineFailure, ProgressOptions, ShellCallOptions } from './engine/client.js';
export type { RunCallOptions } from './engine/remote.js';
export type {
  AxisSlice,
  EngineLimits,
  GenerateParams,
  ModelInfo,
  ModelRef,
  ModelSettings,
  ProbeParams,
  ProcessInfo,
  RunParams,
  RunShellParams,
} from './engine/protocol.js';
export type { Edit, EngineInfo, GenerateResult, HookName, LayerSet, LensRequest, LensResult, NdArray } from './engine/api.js';
export type { EncodedToken } from './model/types.js';
export type { ModelSpec } from './model/spec.js';
export type { RunProgress } from './run/types.js';
export type * from './residue/types.js';

export interface OpenModelOptions extends ModelSettings, ProgressOptions {
  /** An engine to share; default: one of its own, which ends with the model. */
  engine?: EngineClient;
  /** For an engine of its own. */
  engineOptions?: EngineClientOptions;
}

/**
 * Opens a model.
 * @param path A catalogue id (`pocket`), or the path of a model's folder or file: safetensors in Hugging Face layout, GGUF, or
 * llama2.c with its tokenizer beside it.
 * @throws InputError in one sentence naming the file and the field, when it is missing, damaged or of an unknown kind.
 */
export async function openModel(path: string, options: OpenModelOptions = {}): Promise<RemoteModel> {
  const { engine, engineOptions, provider, threads, memoryBudget, signal, timeout, onProgress } = options;
  const client = engine ?? new EngineClient(engineOptions);
  const ref = { model: path, settings: { provider, threads, memoryBudget } };
  try {
    return new RemoteModel(client, await client.open(ref, { signal, timeout, onProgress }), ref, engine === undefined);
  } catch (error) {
    if (!engine) await client.dispose();
    throw error;
  }
}
