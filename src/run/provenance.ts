import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import type { Model } from '../engine/api.js';
import { sha256File } from '../model/hash.js';
import { packageVersion } from '../paths.js';
import type { Provenance, ShellInfo } from '../residue/types.js';
import type { Shell } from '../shell/types.js';
import type { PreparedPrompt } from './types.js';

export const sha256Text = (text: string): string => createHash('sha256').update(text, 'utf8').digest('hex');

export function shellInfo(shell: Shell, source: { text: string; file: string | null }): ShellInfo {
  return {
    id: shell.id,
    title: shell.title,
    family: shell.family,
    motivation: shell.motivation,
    file: source.file === null ? null : basename(source.file),
    sha256: sha256Text(source.text),
    run: shell.run.map(({ name, params }) => ({ name, params })),
  };
}

/** Everything needed to get the same numbers again. Files are named by their base names: a residue is made to be passed on. */
export async function provenanceOf(
  model: Model,
  source: { file: string | null },
  probe: PreparedPrompt,
  seed: number,
  settings: Provenance['settings'],
  doses: readonly string[],
  signal?: AbortSignal,
): Promise<Provenance> {
  const { loaded, spec } = model;
  const files: Provenance['model']['files'] = [];
  for (const { role, path, bytes } of loaded.files)
    files.push({ role, name: basename(path), bytes, sha256: await sha256File(path, signal) });
  // A GGUF file carries its own tokenizer.
  const tokenizer = files.find(({ role }) => role === 'tokenizer') ?? files.find(({ role }) => role === 'weights');
  return {
    model: {
      id: loaded.id,
      family: spec.family,
      dtype: loaded.dtype,
      parameters: model.weights.parameters,
      layers: spec.nLayers,
      dModel: spec.dModel,
      heads: spec.nHeads,
      kvHeads: spec.nKvHeads,
      dHead: spec.dHead,
      vocab: spec.vocabSize,
      context: spec.context,
      files,
    },
    tokenizer: { kind: loaded.tokenizer.kind, addsBos: loaded.tokenizer.addsBos, sha256: tokenizer?.sha256 ?? '' },
    lens: { convention: 'final-norm-recomputed', attribution: 'final-norm-scale-frozen' },
    engine: { ...model.info, provider: { ...model.info.provider } },
    versions: { symbolicResidue: packageVersion(), format: 1 },
    seed,
    settings,
    command: commandOf(probe, source, loaded.id, seed, settings, doses),
  };
}

function commandOf(
  { text, answer, rivals }: PreparedPrompt,
  source: { file: string | null },
  model: string,
  seed: number,
  { verify, commands }: Provenance['settings'],
  doses: readonly string[],
): string {
  const chosen = typeof commands === 'string' && commands !== '' ? ` --commands ${[...new Set(commands.split(', '))].join(',')}` : '';
  const options = `--model ${word(model)} --seed ${seed}${chosen}${doses.map((dose) => ` --vary ${word(dose)}`).join('')}`;
  const flag = verify === undefined ? '' : verify === false ? ' --no-verify' : verify === 'full' ? ' --verify=full' : ' --verify';
  if (source.file !== null) return `residue run ${word(basename(source.file))} ${options}${flag}`;
  const named = rivals.map((rival) => word(rival.text)).join(' ');
  return `residue probe ${word(text ?? '')} --answer ${word(answer.text)}${named === '' ? '' : ` --rivals ${named}`} ${options}`;
}

/** A word of a POSIX shell's command line. */
const word = (text: string): string => (/^[\w./:@%+=-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`);
