import type { Residue } from '../residue/types.js';
import { drawCircuit } from './circuit.js';
import { PLANTED_KINDS, type PlantedKind } from './kinds.js';
import { shellOf } from './shell.js';
import { isRight, judged, type Answer, type Trial } from './trial.js';

/** Noise of the models, and rounds: one model of each kind in each. */
const NOISE = 0.1;
const ROUNDS = 2;
/** Seconds after which no further round, and no further model, is begun. */
const NEXT_ROUND = 8;
const NEXT_MODEL = 16;

/** One model of the self-test. */
export interface Tested {
  /** Its id in the catalogue. */
  model: string;
  trial: Trial;
  /** What was planted shows, and is what was found. */
  right: boolean;
  /** Identity checks: how many were made, and the names of those that fail. */
  checks: number;
  broken: string[];
}

export interface SelftestOptions {
  /** Runs a shell on a model of the catalogue. */
  run(model: string, shell: string): Promise<Residue>;
  /** Seconds since the start. */
  clock(): number;
  onProgress?(kind: PlantedKind, done: number, total: number): void;
}

/** Tries one or two models of each kind, as many as there is time for; kinds that were not reached are missing from the result. */
export async function selftest({ run, clock, onProgress }: SelftestOptions): Promise<Tested[]> {
  const tested: Tested[] = [];
  for (let seed = 1; seed <= ROUNDS && (seed === 1 || clock() < NEXT_ROUND); seed++) {
    for (const kind of PLANTED_KINDS) {
      if (tested.length > 0 && clock() >= NEXT_MODEL) return tested;
      onProgress?.(kind, tested.length, ROUNDS * PLANTED_KINDS.length);
      tested.push(await testOne(kind, seed, run));
    }
  }
  return tested;
}

async function testOne(kind: PlantedKind, seed: number, run: SelftestOptions['run']): Promise<Tested> {
  const settings = { kind, seed, noise: NOISE };
  const circuit = drawCircuit(settings);
  const model = `planted:${kind}?seed=${seed}&noise=${NOISE}`;
  const { verdict, runs, control, checks } = await run(model, shellOf(circuit, { id: 'selftest' }));
  const trial = judged(settings, circuit, {
    diagnosis: verdict?.diagnosis ?? null,
    failed: runs[0]?.scores?.failed ?? false,
    controlFailed: control?.scores?.failed ?? true,
  });
  const broken = checks.filter(({ passed }) => !passed).map(({ name }) => name);
  return { model, trial, right: trial.shows && isRight(trial), broken, checks: checks.length };
}

/** Whether everything about a model is as it should be. */
export const holds = ({ right, broken }: Tested): boolean => right && broken.length === 0;

/** `conflict in head 4.1, head 4.2` */
export const words = ({ kind, place, partner }: Pick<Answer, 'kind' | 'place' | 'partner'>): string =>
  `${kind}${place === '' ? '' : ` in ${place.includes('.') ? 'head' : 'MLP'} ${place}`}${partner === '' ? '' : `, ${partner}`}`;

/** What is wrong with a model, in one sentence. */
export function complaint({ model, trial, right, broken }: Tested): string {
  if (!trial.shows) return `${model}: what was planted does not show in what the model says.`;
  if (!right) return `${model}: ${words(trial.truth)} was planted, but ${words(trial.found)} was found.`;
  return `${model}: an identity that holds for any weights does not (${[...new Set(broken)].join(', ')}).`;
}
