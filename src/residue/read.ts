import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
import { InputError } from '../errors.js';
import { residueSchema } from './schema.js';
import type { Residue, RunTrace } from './types.js';

/** Far above any residue of a 1,000-token prompt on a 30-layer model (about 20 MB). */
export const MAX_RESIDUE_BYTES = 256 * 1024 * 1024;

let validate: ValidateFunction<Residue> | undefined;

function validator(): ValidateFunction<Residue> {
  if (!validate) {
    const ajv = new Ajv2020({ strict: false, allErrors: false });
    ajv.addFormat(
      'date-time',
      (value: string) => /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/.test(value) && !Number.isNaN(Date.parse(value)),
    );
    validate = ajv.compile<Residue>(residueSchema);
  }
  return validate;
}

/** `/runs/0/lens/margin/3` as `runs[0].lens.margin[3]`. */
function fieldOf(pointer: string): string {
  return pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .reduce((path, part) => (/^\d+$/.test(part) ? `${path}[${part}]` : path ? `${path}.${part}` : part), '');
}

function sentence(error: ErrorObject): { field: string; message: string } {
  const field = fieldOf(error.instancePath);
  const of = field ? `${field} ` : 'the residue ';
  const { params } = error as { params: Record<string, unknown> };
  if (error.keyword === 'additionalProperties')
    return {
      field,
      message: `${of}has the unknown property ${JSON.stringify(params.additionalProperty)}, which a residue of format 1 does not have.`,
    };
  if (error.keyword === 'required') return { field, message: `${of}lacks the property "${String(params.missingProperty)}".` };
  if (error.keyword === 'const') return { field, message: `${of}must be ${JSON.stringify(params.allowedValue)}.` };
  if (error.keyword === 'enum') return { field, message: `${of}must be one of ${JSON.stringify(params.allowedValues).slice(1, -1)}.` };
  return { field, message: `${of}${error.message ?? 'is not valid'}.` };
}

/** What a schema cannot say: indexes inside their arrays, one entry per layer, head and token. Null when all is well. */
export function inconsistency(residue: Residue): string | null {
  const { layers, heads } = residue.provenance.model;
  if (residue.status === 'complete' && residue.runs.length === 0) return 'runs must hold at least one run.';
  if (residue.primary >= Math.max(1, residue.runs.length))
    return `primary is ${residue.primary}, but there are ${residue.runs.length} runs.`;
  const groups: [string, readonly RunTrace[]][] = [
    ['runs', residue.runs],
    ['control', residue.control ? [residue.control] : []],
    ['paraphrases', residue.paraphrases],
  ];
  for (const [group, runs] of groups) {
    for (const [i, run] of runs.entries()) {
      const at = group === 'control' ? 'control' : `${group}[${i}]`;
      const wrong = inconsistencyOf(run, layers, heads);
      if (wrong) return `${at}.${wrong}`;
    }
  }
  return null;
}

function inconsistencyOf(run: RunTrace, layers: number, heads: number): string | null {
  const tokens = run.tokens.length;
  if (run.position >= tokens) return `position is ${run.position}, but there are ${tokens} tokens.`;
  for (const [name, [start, end]] of Object.entries(run.spans)) {
    if (start > end || end > tokens) return `spans.${name} is [${start}, ${end}], outside the ${tokens} tokens.`;
  }
  const { scores, lens, attribution, attention, salience, map } = run;
  if (scores?.strongest != null && scores.strongest >= scores.rivals.length) return 'scores.strongest is outside the rivals.';
  const perRow = {
    'lens.answerLogprob': lens?.answerLogprob,
    'lens.margin': lens?.margin,
    'lens.entropy': lens?.entropy,
    'lens.top': lens?.top,
  };
  const perLayer = {
    'attribution.head': attribution?.head,
    'attribution.mlp': attribution?.mlp,
    'salience.direct.attention': salience?.direct.attention,
    'salience.direct.mlp': salience?.direct.mlp,
    'salience.flow.share': salience?.flow?.share,
    'salience.causal.attention': salience?.causal?.attention,
    'salience.causal.mlp': salience?.causal?.mlp,
  };
  const perToken = {
    'attention.meanByToken': attention?.meanByToken,
    'attention.valueWeightedByToken': attention?.valueWeightedByToken,
    'attention.rollout.byToken': attention?.rollout?.byToken,
  };
  // `lens.margin` is empty where there is no rival to take a margin against.
  for (const [name, row] of Object.entries(perRow))
    if (row && row.length !== layers + 1 && !(name === 'lens.margin' && row.length === 0))
      return `${name} has ${row.length} entries, not ${layers + 1}.`;
  for (const [name, row] of Object.entries(perLayer))
    if (row && row.length !== layers) return `${name} has ${row.length} entries, not ${layers}.`;
  for (const [name, row] of Object.entries(perToken))
    if (row && row.length !== tokens) return `${name} has ${row.length} entries, not ${tokens}.`;
  for (const row of attribution?.head ?? [])
    if (row.length !== heads) return `attribution.head has a layer of ${row.length} heads, not ${heads}.`;
  for (const [span, { attention: mass, valueWeighted, contribution }] of Object.entries(attention?.spans ?? {}))
    for (const matrix of [mass, valueWeighted, contribution])
      if (matrix.length !== layers || matrix.some((row) => row.length !== heads))
        return `attention.spans.${span} is not ${layers} layers of ${heads} heads.`;
  for (const name of ['answerLogprob', 'answerRank', 'entropy', 'norm', 'nullShare'] as const) {
    const cells = map?.[name];
    if (map && cells && (cells.length !== layers + 1 || cells.some((row) => row.length !== map.positions.length)))
      return `map.${name} is not ${layers + 1} rows of ${map.positions.length} positions.`;
  }
  return null;
}

/** Checks a value against the schema and for consistency. Throws InputError with the field. */
export function checkResidue(value: unknown, file?: string): Residue {
  const check = validator();
  if (!check(value)) {
    const first = check.errors?.[0];
    const { field, message } = first ? sentence(first) : { field: '', message: 'it is not a residue.' };
    throw new InputError(message, { ...(file ? { file } : {}), ...(field ? { field } : {}) });
  }
  const wrong = inconsistency(value);
  if (wrong) throw new InputError(wrong, { ...(file ? { file } : {}) });
  return value;
}

/** Parses the text of a residue file. Throws InputError when it is not JSON or not a residue. */
export function parseResidue(text: string, file?: string): Residue {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new InputError('it is not JSON; a residue is the file that `residue run --out` writes.', file ? { file } : {});
  }
  return checkResidue(value, file);
}

/** Reads a `*.residue.json`. Throws InputError when it is missing, too large or not a residue. */
export function readResidue(path: string): Residue {
  let descriptor: number;
  try {
    descriptor = openSync(path, 'r');
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw new InputError(missing ? 'there is no such file.' : 'the file cannot be opened.', { file: path });
  }
  try {
    const { size } = fstatSync(descriptor);
    if (size > MAX_RESIDUE_BYTES)
      throw new InputError(`the file has ${size} bytes; a residue has at most ${MAX_RESIDUE_BYTES}.`, { file: path });
    return parseResidue(readFileSync(descriptor, 'utf8'), path);
  } finally {
    closeSync(descriptor);
  }
}
