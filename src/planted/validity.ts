import { wilson } from '../methods/statistics.js';
import { PLANTED_KINDS, type PlantedKind, type PlantedSettings } from './kinds.js';
import { fails, isRight, tryOne, type Looking, type Trial } from './trial.js';

/** Noise levels of the table, and models of each kind at each. */
export const NOISES = [0, 0.1, 0.3] as const;
export const SEEDS = 50;

/** What is aimed at, at this noise. */
export const TARGET = { noise: 0.1, precision: 0.95, recall: 0.95, falseCauses: 0.05 } as const;

/** The models of the table. */
export function settingsOf(seeds: number = SEEDS, noises: readonly number[] = NOISES): PlantedSettings[] {
  return noises.flatMap((noise) =>
    PLANTED_KINDS.flatMap((kind) => Array.from({ length: seeds }, (_, i): PlantedSettings => ({ kind, noise, seed: i + 1 }))),
  );
}

/** Tries models one after another. */
export async function tryAll(
  all: readonly PlantedSettings[],
  look: Looking,
  onTrial: (trial: Trial, done: number, total: number) => void = () => undefined,
): Promise<Trial[]> {
  const trials: Trial[] = [];
  for (const settings of all) {
    const trial = await tryOne(settings, look);
    trials.push(trial);
    onTrial(trial, trials.length, all.length);
  }
  return trials;
}

/** k of n, as a share with its Wilson 95 % interval; null of none. */
export interface Share {
  k: number;
  n: number;
  share: number | null;
  interval: [number, number] | null;
}

const shareOf = (k: number, n: number): Share => ({ k, n, share: n === 0 ? null : k / n, interval: n === 0 ? null : wilson(k, n) });

/** How often one kind is found rightly among models of one noise. */
export interface Row {
  kind: PlantedKind;
  models: number;
  shows: Share;
  /** Of all diagnoses of this kind, those that are right in everything. */
  precision: Share;
  /** Of all models with this kind, those whose diagnosis is right in everything. */
  recall: Share;
  /** Collapse point by the lens and by patching, of the models that show it; null where nothing is lost. */
  observed: Share | null;
  caused: Share | null;
}

/** Rows of the table at one noise, in the order of the kinds. */
export function rowsOf(trials: readonly Trial[], noise: number): Row[] {
  const here = trials.filter((trial) => trial.noise === noise);
  return PLANTED_KINDS.map((kind): Row => {
    const planted = here.filter((trial) => trial.kind === kind);
    const named = here.filter(({ found }) => found.kind === kind);
    const right = planted.filter(isRight).length;
    const shown = planted.filter(({ shows }) => shows);
    const same = (what: 'observed' | 'caused'): Share | null =>
      fails(kind) ? shareOf(shown.filter(({ truth, found }) => truth[what] === found[what]).length, shown.length) : null;
    return {
      kind,
      models: planted.length,
      shows: shareOf(shown.length, planted.length),
      precision: shareOf(right, named.length),
      recall: shareOf(right, planted.length),
      observed: same('observed'),
      caused: same('caused'),
    };
  });
}

/** Models in which nothing is planted and something is found all the same. */
export function falseCauses(trials: readonly Trial[], noise: number): Share {
  const none = trials.filter((trial) => trial.noise === noise && trial.kind === 'none');
  return shareOf(none.filter(({ found }) => found.kind !== 'none' && found.kind !== 'unexplained').length, none.length);
}

/** What misses the target, one sentence each; empty where all of it is met. */
export function missed(trials: readonly Trial[]): string[] {
  const percent = (value: number | null): string => (value === null ? 'not defined' : `${Math.round(1000 * value) / 10} %`);
  const { noise, precision, recall, falseCauses: most } = TARGET;
  const low = rowsOf(trials, noise).flatMap((row) => [
    ...((row.precision.share ?? 0) < precision ? [`the precision of ${row.kind} is ${percent(row.precision.share)}`] : []),
    ...((row.recall.share ?? 0) < recall ? [`the recall of ${row.kind} is ${percent(row.recall.share)}`] : []),
  ]);
  const wrong = falseCauses(trials, noise);
  return [...low, ...((wrong.share ?? 0) > most ? [`in ${percent(wrong.share)} of the models without a cause one is named`] : [])];
}

const COLUMNS = [
  'noise',
  'planted',
  'seed',
  'layers',
  'shows',
  'at',
  'with',
  'lost',
  'caused',
  'found',
  'found at',
  'found with',
  'found lost',
  'found caused',
];

/** Every trial as a line of tab-separated values, after a line of names. */
export function tableOf(trials: readonly Trial[]): string {
  const lines = trials.map(({ noise, kind, seed, layers, shows, truth, found }) =>
    [
      noise,
      kind,
      seed,
      layers,
      shows ? 'yes' : 'no',
      truth.place,
      truth.partner,
      truth.observed,
      truth.caused,
      found.kind,
      found.place,
      found.partner,
      found.observed,
      found.caused,
    ].join('\t'),
  );
  return `${[COLUMNS.join('\t'), ...lines].join('\n')}\n`;
}

/** Reads what `tableOf` wrote. */
export function trialsOf(table: string): Trial[] {
  const [head, ...lines] = table.trimEnd().split('\n');
  if (head !== COLUMNS.join('\t')) throw new Error('The table of trials has other columns.');
  return lines.map((line): Trial => {
    const [noise, kind, seed, layers, shows, at, partner, observed, caused, found, ...rest] = line.split('\t');
    return {
      noise: Number(noise),
      kind: kind as PlantedKind,
      seed: Number(seed),
      layers: Number(layers),
      shows: shows === 'yes',
      truth: { kind: kind as PlantedKind, place: at!, partner: partner!, observed: observed!, caused: caused! },
      found: { kind: found as Trial['found']['kind'], place: rest[0]!, partner: rest[1]!, observed: rest[2]!, caused: rest[3]! },
    };
  });
}
