import { ConfigReader, harmlessConfigKey, NEUTRAL } from './config.js';
import { FAMILIES } from './families/index.js';
import type { Description, FamilyDefinition } from './families/family.js';
import { readJsonObject, show } from './json.js';

const MAX_CONFIG = 16 * 1024 * 1024;

/**
 * What a config.json describes. Throws InputError for a family that is not supported, a value that cannot be, and any key
 * that might change the computation and is not understood.
 */
export function describeConfig(configFile: string): { family: FamilyDefinition; description: Description; dtype: string | null } {
  const values = readJsonObject(configFile, MAX_CONFIG);
  const config = new ConfigReader(configFile, new Map(Object.entries(values)));
  const family = familyOf(config);
  const description = family.describe(config);
  config.finish(NEUTRAL, harmlessConfigKey);
  const dtype = values['dtype'] ?? values['torch_dtype'];
  return { family, description, dtype: typeof dtype === 'string' ? (DTYPE_NAMES[dtype] ?? null) : null };
}

/** Names that mean the same as the stored types. */
const DTYPE_NAMES: Readonly<Record<string, string>> = { float32: 'F32', float16: 'F16', bfloat16: 'BF16' };

/** The family by `model_type`; where that is missing, by `architectures`. */
function familyOf(config: ConfigReader): FamilyDefinition {
  const architectures = config.raw('architectures') ?? null;
  if (architectures !== null && !(Array.isArray(architectures) && architectures.every((a) => typeof a === 'string'))) {
    throw config.fail('architectures', `"architectures" is ${show(architectures)}, but must be a list of names`);
  }
  const named = (architectures ?? []) as string[];
  const type = config.text('model_type');
  const family = FAMILIES.find((f) => (type === null ? named.some((a) => f.architectures.includes(a)) : f.modelTypes.includes(type)));
  if (!family) {
    const supported = FAMILIES.flatMap((f) => f.modelTypes).join(', ');
    throw type === null
      ? config.fail('model_type', `"model_type" is missing; ${supported} are supported`)
      : config.fail('model_type', `"model_type" is ${show(type)}, which is not supported; ${supported} are`);
  }
  if (named.length > 0 && !named.some((a) => family.architectures.includes(a))) {
    throw config.fail(
      'architectures',
      `"architectures" is ${show(named)}, but a ${family.family} language model is a ${family.architectures[0]}`,
    );
  }
  return family;
}
