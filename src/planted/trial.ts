import { collapsePoint } from '../methods/collapse.js';
import type { Diagnosis } from '../residue/types-diagnosis.js';
import { buildPlanted, type PlantedModel } from './files.js';
import { causeOf, type Circuit, type PlantedKind, type PlantedSettings } from './kinds.js';
import { plannedMargins } from './plan.js';
import { shellOf } from './shell.js';

/** What the pipeline gets: a model's files and a shell. */
export interface Exhibit {
  files: PlantedModel['files'];
  shell: string;
}

/** What came of it. */
export interface Finding {
  diagnosis: Diagnosis | null;
  /** Whether the probe, and the control, failed. */
  failed: boolean;
  controlFailed: boolean;
}

export type Looking = (exhibit: Exhibit) => Promise<Finding>;

/** A diagnosis as far as it can be right or wrong. */
export interface Answer {
  kind: Diagnosis['kind'];
  /** `4.2`, `4` for an MLP, or empty. */
  place: string;
  /** `head 3.1`, `MLP 4`, or empty. */
  partner: string;
  /** `lost 4`, `never-formed 5`, or empty. */
  observed: string;
  /** `4-5`, or empty. */
  caused: string;
}

/** One planted model: what there is, and what was found. */
export interface Trial {
  kind: PlantedKind;
  noise: number;
  seed: number;
  layers: number;
  /** Whether what was planted shows: the control succeeds, and the probe fails if it should. */
  shows: boolean;
  truth: Answer;
  found: Answer;
}

/** Plants a cause, has it looked for by who gets nothing but files and a shell, and puts the two side by side. */
export async function tryOne(settings: PlantedSettings, look: Looking): Promise<Trial> {
  const { circuit, files } = buildPlanted(settings);
  return judged(settings, circuit, await look({ files, shell: shellOf(circuit, { id: 'planted' }) }));
}

/** A finding beside the truth. */
export function judged({ kind, noise, seed }: PlantedSettings, circuit: Circuit, { diagnosis, failed, controlFailed }: Finding): Trial {
  return {
    kind,
    noise,
    seed,
    layers: circuit.layers,
    shows: !controlFailed && failed === fails(kind),
    truth: truthOf(circuit),
    found: answerOf(diagnosis),
  };
}

/** Whether a cause of this kind makes the probe fail. */
export const fails = (kind: PlantedKind): boolean => kind !== 'none' && kind !== 'ghost' && kind !== 'self-repair';

/** Whether kind, layer, head and what belongs to it are all right. */
export const isRight = ({ truth, found }: Trial): boolean =>
  found.kind === truth.kind && found.place === truth.place && found.partner === truth.partner;

function answerOf(found: Diagnosis | null): Answer {
  if (!found) return { kind: 'none', place: '', partner: '', observed: '', caused: '' };
  const { kind, layer, head, partner, observed, caused } = found;
  return {
    kind,
    place: layer === null ? '' : head === null ? String(layer) : `${layer}.${head}`,
    partner: partner ?? '',
    observed: observed ? `${observed.kind} ${observed.layer ?? '?'}` : '',
    caused: caused ? `${caused.from ?? '?'}-${caused.to ?? '?'}` : '',
  };
}

/** What a right diagnosis says, from the circuit as it was planned. */
export function truthOf(circuit: Circuit): Answer {
  const { kind, copy, second, canceller } = circuit;
  const cause = causeOf(circuit);
  const head = `head ${copy.layer}.${copy.head}`;
  const answer: Answer = {
    kind,
    place: cause ? `${cause.layer}.${cause.head}` : '',
    partner: kind === 'trace-drop' ? `MLP ${canceller}` : kind === 'conflict' || kind === 'self-repair' ? head : '',
    observed: '',
    caused: '',
  };
  if (!fails(kind)) return answer;
  const { probe, control } = plannedMargins(circuit);
  const { kind: how, layer } = collapsePoint(probe, { failed: true, noise: 0, control });
  // Until the layer that reads the mark the difference lies at the fact; from the next on at the answer position.
  const reads = (kind === 'conflict' ? second! : copy).layer;
  return { ...answer, observed: `${how} ${layer ?? '?'}`, caused: `${reads}-${reads + 1}` };
}
