import type { ConfigReader } from './config.js';
import { show } from './json.js';
import type { RopeScaling, RopeSpec } from './spec.js';

export interface RopeDefaults {
  dHead: number;
  /** `max_position_embeddings`. */
  context: number;
  /** Another key of `rope_theta`. */
  thetaAlias?: string;
  /** Another key of `partial_rotary_factor`, and its value where none is given. Without it, whole heads turn. */
  partial?: { alias: string; fallback: number };
}

/** Keys of `rope_scaling` / `rope_parameters` that each type reads (transformers' modeling_rope_utils). */
const KEYS: Readonly<Record<string, readonly string[]>> = {
  default: [],
  linear: ['factor'],
  llama3: ['factor', 'low_freq_factor', 'high_freq_factor', 'original_max_position_embeddings'],
  yarn: [
    'factor',
    'original_max_position_embeddings',
    'attention_factor',
    'beta_fast',
    'beta_slow',
    'mscale',
    'mscale_all_dim',
    'truncate',
    'finetuned',
  ],
};

/**
 * Rotary embedding of a config.json, old (`rope_theta`, `rope_scaling`, `rotary_pct`) or as transformers 5 writes it
 * (`rope_parameters`). `context` is the longest sequence: with yarn, the stretched length.
 */
export function readRope(config: ConfigReader, defaults: RopeDefaults): { rope: RopeSpec; context: number } {
  const old = config.object('rope_scaling');
  const current = config.object('rope_parameters');
  if (old && current && JSON.stringify(old) !== JSON.stringify(current)) {
    throw config.fail('rope_scaling', '"rope_scaling" and "rope_parameters" are both given and differ');
  }
  const key = current ? 'rope_parameters' : 'rope_scaling';
  const given = new Fields(config, key, current ?? old ?? {});
  const type = given.type();
  const one = (field: string, alias: string | undefined, fallback: number): number => {
    const found = [field, alias].flatMap((name) =>
      name !== undefined && config.raw(name) != null ? [{ name, value: config.positive(name) }] : [],
    );
    const inner = given.optional(field);
    if (inner !== undefined) found.unshift({ name: `${key}.${field}`, value: inner });
    const [first, ...others] = found;
    for (const other of others) {
      if (other.value === first!.value) continue;
      throw config.fail(other.name, `"${other.name}" is ${other.value}, but "${first!.name}" is ${first!.value}`);
    }
    // A family with a name of its own for it: transformers 5 does not read the common one, which earlier versions do.
    if (alias !== undefined && first?.name === field && first.value !== fallback) {
      throw config.fail(
        field,
        `"${field}" is ${first.value}, but this kind of model names it "${alias}", and versions of transformers differ in whether they read the other`,
      );
    }
    return first?.value ?? fallback;
  };
  const theta = one('rope_theta', defaults.thetaAlias, 10_000);
  const partial = one('partial_rotary_factor', defaults.partial?.alias, defaults.partial?.fallback ?? 1);
  if (partial > 1 || (partial !== 1 && defaults.partial === undefined)) {
    throw config.fail('partial_rotary_factor', `the partial rotary factor is ${partial}, which this kind of model does not take`);
  }
  const rotaryDim = Math.trunc(defaults.dHead * partial);
  if (rotaryDim < 2 || rotaryDim % 2 !== 0) {
    throw config.fail(
      key,
      `${rotaryDim} of the ${defaults.dHead} dimensions of a head would turn; their number must be even and at least 2`,
    );
  }
  // Phi-style: a top-level length takes precedence in transformers, too.
  const outerOriginal = type === 'llama3' || type === 'yarn' ? config.optionalCount('original_max_position_embeddings') : undefined;
  const original = outerOriginal ?? given.optional('original_max_position_embeddings') ?? defaults.context;
  given.finish(type);
  const scaling = readScaling(type, given, original, defaults.context);
  const context = scaling.type === 'yarn' ? Math.max(defaults.context, Math.floor(scaling.factor * original)) : defaults.context;
  return { rope: { kind: 'rope', theta, rotaryDim, scaling }, context };
}

function readScaling(type: string, given: Fields, originalContext: number, context: number): RopeScaling {
  if (type === 'default') return { type: 'none' };
  if (type === 'linear') return { type: 'linear', factor: given.required('factor') };
  if (type === 'llama3') {
    const lowFreqFactor = given.required('low_freq_factor');
    const highFreqFactor = given.required('high_freq_factor');
    if (highFreqFactor <= lowFreqFactor) throw given.fail('high_freq_factor', `must be larger than low_freq_factor, ${lowFreqFactor}`);
    return { type: 'llama3', factor: given.required('factor'), lowFreqFactor, highFreqFactor, originalContext };
  }
  const factor = given.optional('factor') ?? context / originalContext;
  const truncate = given.raw('truncate') ?? true;
  if (typeof truncate !== 'boolean') throw given.fail('truncate', 'must be true or false');
  return {
    type: 'yarn',
    factor,
    originalContext,
    betaFast: given.optional('beta_fast') ?? 32,
    betaSlow: given.optional('beta_slow') ?? 1,
    truncate,
    attentionFactor:
      given.optional('attention_factor') ?? yarnAttentionFactor(factor, given.optional('mscale'), given.optional('mscale_all_dim')),
  };
}

/** YaRN's temperature (Peng et al. 2023, section 3.4), with DeepSeek's two mscales where both are given. */
export function yarnAttentionFactor(factor: number, mscale?: number, mscaleAllDim?: number): number {
  const scaled = (by: number): number => (factor <= 1 ? 1 : 0.1 * by * Math.log(factor) + 1);
  return mscale !== undefined && mscaleAllDim !== undefined ? scaled(mscale) / scaled(mscaleAllDim) : scaled(1);
}

/** The fields of one of the two objects. */
class Fields {
  constructor(
    private readonly config: ConfigReader,
    private readonly key: string,
    private readonly values: { [key: string]: unknown },
  ) {}

  fail(field: string, what: string): Error {
    return this.config.fail(`${this.key}.${field}`, `"${this.key}.${field}" is ${show(this.values[field])}, but ${what}`);
  }

  raw(field: string): unknown {
    return Object.hasOwn(this.values, field) ? this.values[field] : undefined;
  }

  optional(field: string): number | undefined {
    const value = this.raw(field) ?? undefined;
    if (value === undefined) return undefined;
    if (typeof value !== 'number' || !Number.isFinite(value) || value <= 0) throw this.fail(field, 'must be a number above 0');
    return value;
  }

  required(field: string): number {
    const value = this.optional(field);
    if (value === undefined) throw this.fail(field, 'must be a number above 0');
    return value;
  }

  type(): string {
    const type = this.raw('rope_type') ?? this.raw('type') ?? 'default';
    if (typeof type !== 'string' || !Object.hasOwn(KEYS, type)) {
      throw this.fail(this.raw('rope_type') === undefined ? 'type' : 'rope_type', `must be one of ${Object.keys(KEYS).join(', ')}`);
    }
    return type;
  }

  finish(type: string): void {
    const known = new Set(['rope_type', 'type', 'rope_theta', 'partial_rotary_factor', ...KEYS[type]!]);
    for (const field of Object.keys(this.values)) {
      // transformers moves the original length into every kind of scaling; these two do not read it.
      const unread = field === 'original_max_position_embeddings' && (type === 'default' || type === 'linear');
      if (!known.has(field) && !unread && this.values[field] !== null) throw this.fail(field, `is not known for the type ${type}`);
    }
  }
}
