import type { Diagnosis } from '../residue/types-diagnosis.js';
import { buildPlanted, type PlantedModel } from './files.js';
import { causeOf, type Circuit, type PlantedKind, type PlantedSettings } from './kinds.js';
import { shellOf } from './shell.js';

/** What the pipeline gets: a model's files and a shell. */
export interface Exhibit {
  files: PlantedModel['files'];
  shell: string;
}

/** One planted model, what was found, and what there is. */
export interface Trial {
  settings: PlantedSettings;
  truth: { kind: PlantedKind; layer: number | null; head: number | null; partner: string | null };
  found: Pick<Diagnosis, 'kind' | 'layer' | 'head' | 'partner' | 'observed' | 'caused'> | null;
  circuit: Circuit;
}

/** Plants a cause, has it looked for by who gets nothing but files and a shell, and puts the two side by side. */
export async function tryOne(settings: PlantedSettings, look: (exhibit: Exhibit) => Promise<Diagnosis | null>): Promise<Trial> {
  const { circuit, files } = buildPlanted(settings);
  const found = await look({ files, shell: shellOf(circuit, { id: 'planted' }) });
  const cause = causeOf(circuit);
  return {
    settings,
    truth: { kind: settings.kind, layer: cause?.layer ?? null, head: cause?.head ?? null, partner: partnerOf(circuit) },
    found: found && {
      kind: found.kind,
      layer: found.layer,
      head: found.head,
      partner: found.partner,
      observed: found.observed,
      caused: found.caused,
    },
    circuit,
  };
}

function partnerOf({ kind, copy, canceller }: Circuit): string | null {
  if (kind === 'trace-drop') return `MLP ${canceller}`;
  return kind === 'conflict' || kind === 'self-repair' ? `head ${copy.layer}.${copy.head}` : null;
}
