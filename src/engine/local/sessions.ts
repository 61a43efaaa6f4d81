import * as ort from 'onnxruntime-node';
import { InputError } from '../../errors.js';
import type { EngineInfo } from '../api.js';

// What fails is told by the error that is thrown; onnxruntime would write it to stderr as well.
ort.env.logLevel = 'fatal';

export type Tensor = ort.Tensor;
export type Feeds = Record<string, Tensor>;

/** Names onnxruntime has for execution providers, whether or not this build offers them. */
const KNOWN_PROVIDERS = ['cpu', 'coreml', 'cuda', 'dml', 'nnapi', 'qnn', 'tensorrt', 'webgpu', 'webnn', 'xnnpack'];

/**
 * What "basic" optimises beside folding, and finds nothing of in these graphs: the builder makes each constant and shape once. Without them a
 * model takes a seventh less time to open; no run is slower (measured).
 */
const IDLE_OPTIMIZERS = 'CommonSubexpressionElimination;TransposeOptimizer';

/** Execution providers that the installed onnxruntime lists on this platform, `cpu` among them. */
export function listProviders(): string[] {
  return ort.listSupportedBackends().map((backend) => backend.name);
}

/** Version of the installed onnxruntime. */
export function onnxruntimeVersion(): string {
  return ort.env.versions.node ?? ort.env.versions.common;
}

export const floatTensor = (data: Float32Array, dims: readonly number[]): Tensor => new ort.Tensor('float32', data, dims);

export const intTensor = (values: readonly number[]): Tensor =>
  new ort.Tensor('int64', BigInt64Array.from(values, BigInt), [values.length]);

export const boolTensor = (value: boolean): Tensor => new ort.Tensor('bool', Uint8Array.of(value ? 1 : 0), []);

/** The values of a float32 output. */
export function floatsOf(tensor: Tensor): Float32Array {
  if (!(tensor.data instanceof Float32Array)) throw new Error(`Expected float32 and got ${tensor.type}.`);
  return tensor.data;
}

/** The values of an int32 or int64 output. */
export function intsOf(tensor: Tensor): Int32Array {
  if (tensor.data instanceof Int32Array) return tensor.data;
  if (tensor.data instanceof BigInt64Array) return Int32Array.from(tensor.data, Number);
  throw new Error(`Expected whole numbers and got ${tensor.type}.`);
}

/** One part of a model, ready to run. */
export interface Part {
  /** Runs on the calling thread; other work of the event loop gets in before it starts. */
  run(feeds: Feeds, outputs: readonly string[]): Promise<Record<string, Tensor>>;
  release(): Promise<void>;
}

/** Makes sessions with one execution provider and falls back to cpu, for all that follow, when it fails to start. */
export class Sessions {
  readonly provider: EngineInfo['provider'];

  constructor(
    /** Folder that external weights are relative to. */
    private readonly folder: string,
    readonly threads: number,
    asked: string,
  ) {
    const offered = listProviders();
    if (!offered.includes(asked) && !KNOWN_PROVIDERS.includes(asked)) {
      throw new InputError(`There is no execution provider ${JSON.stringify(asked)}: onnxruntime offers ${offered.join(', ')} here.`, {
        field: 'provider',
      });
    }
    this.provider = { asked, used: asked };
    if (!offered.includes(asked)) this.fallBack(`onnxruntime offers ${offered.join(', ')} on this machine, not ${asked}`);
  }

  async create(model: Uint8Array): Promise<Part> {
    for (;;) {
      const { used } = this.provider;
      try {
        return wrap(await ort.InferenceSession.create(model, this.options(used)));
      } catch (error) {
        if (used === 'cpu') throw error;
        this.fallBack(`${used} failed to start (${reasonOf(error)})`);
      }
    }
  }

  private fallBack(reason: string): void {
    this.provider.used = 'cpu';
    this.provider.note = `${reason}; cpu is used.`;
  }

  private options(provider: string): ort.InferenceSession.SessionOptions {
    return {
      executionProviders: [provider],
      intraOpNumThreads: this.threads,
      interOpNumThreads: 1,
      logSeverityLevel: 4,
      // Folds casts of weights. The fusions beyond find nothing between hook points and take a sixth of the time to open a model.
      graphOptimizationLevel: 'basic',
      // Each part would keep an arena as large as its largest run; without, a run's workings go back when it ends (no slower, measured).
      enableCpuMemArena: false,
      extra: {
        optimization: { disable_specified_optimizers: IDLE_OPTIMIZERS },
        session: {
          model_external_initializers_file_folder_path: this.folder,
          // Each part has its threads. They wait for the next operator awake, but not for long: else those of the part that ran before
          // would take the processor from those of the part that runs.
          intra_op: { allow_spinning: '1', spin_duration_us: '50' },
        },
      },
    };
  }
}

/** The part of onnxruntime's message that says something to a user: without the place in its sources and the failed assertion. */
function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const said = message.split('was false.').at(-1)!.trim() || message;
  return said
    .split('\n')[0]!
    .replace(/[.\s]+$/, '')
    .slice(0, 200);
}

function wrap(session: ort.InferenceSession): Part {
  const takes = session.inputNames;
  return {
    run: async (feeds, outputs) => {
      const used: Feeds = {};
      for (const name of takes) if (feeds[name]) used[name] = feeds[name];
      return session.run(used, [...outputs]);
    },
    release: () => session.release(),
  };
}
