import { LEAST_LAYERS, LAYERS, PLANTED_KINDS } from './kinds.js';
import type { Trial } from './trial.js';
import { falseCauses, missed, rowsOf, TARGET, type Share } from './validity.js';

const percent = (x: number): string => `${Math.round(1000 * x) / 10} %`;
/** `49 of 50: 98 % (89.5 to 99.6)` */
const cell = (of: Share | null): string =>
  of === null
    ? ''
    : of.share === null || of.interval === null
      ? 'none'
      : `${percent(of.share)} (${of.k} of ${of.n}; ${of.interval.map((x) => Math.round(100 * x)).join(' to ')} %)`;

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

/** docs/validity.md: how often the diagnosis is right, from the trials alone. */
export function reportOf(trials: readonly Trial[]): string {
  const noises = [...new Set(trials.map(({ noise }) => noise))];
  const seeds = new Set(trials.map(({ seed }) => seed)).size;
  const misses = missed(trials);
  const { noise, precision, recall, falseCauses: most } = TARGET;
  const target = `at noise ${noise}, precision of ${precision} and recall of ${recall} for each kind, and a cause named in at most ${most} of the models without one`;
  const verdict =
    misses.length === 0 ? `**The target is met** (${target}).` : `**The target is missed** (${target}): ${misses.join('; ')}.`;
  return `# Validity

Is a diagnosis right? Models are built weight by weight with one known cause (see [shells.md](shells.md#planted-models)), and the pipeline, which gets a model's files and a shell and nothing else, says what they come down
to. \`npm run validity\` writes this page and [validity.tsv](validity.tsv), which has every model in a line; \`residue selftest\` does a small part of it on your machine.

${seeds} models of each kind at each noise, ${LAYERS.join(' to ')} layers (${Object.entries(LEAST_LAYERS)
    .map(([kind, layers]) => `${kind}: at least ${layers}`)
    .join(
      ', ',
    )}) of 4 heads, layers, heads, words and basis drawn from the seed. _Noise_ is what random numbers add to the output of every matrix, as a share of the length of the planted output. A diagnosis is
right when the kind, the layer, the head, and what belongs to it (the MLP that cancels, the head that is opposed, the head that is made up for) are all right. Intervals are Wilson's, 95 %. The method's thresholds were settled with seeds 1 to 25 in view (1 to 12 at noise 0.3); the other seeds are held out.

${verdict}

${noises.map((at) => section(trials, at)).join('\n')}
## Diagnoses that are wrong

${wrong(trials)}
`;
}

function section(trials: readonly Trial[], noise: number): string {
  const rows = rowsOf(trials, noise);
  const none = falseCauses(trials, noise);
  const found = [...PLANTED_KINDS, 'unexplained'] as const;
  const here = trials.filter((trial) => trial.noise === noise);
  const counts = PLANTED_KINDS.map((kind) => [
    `**${kind}**`,
    ...found.map((name) => String(here.filter((trial) => trial.kind === kind && trial.found.kind === name).length).replace(/^0$/, '·')),
  ]);
  return `## Noise ${noise}

${table(
  ['planted', 'shows', 'precision', 'recall', 'collapse point, observed', 'collapse interval, caused'],
  rows.map((row) => [row.kind, cell(row.shows), cell(row.precision), cell(row.recall), cell(row.observed), cell(row.caused)]),
)}

_Shows_: the control succeeds, and the probe fails where it should. The last two columns are of the models that show their cause: the very row, or interval, that follows from the circuit as it was planned. A cause is named in
${cell(none)} of the models without one.

What was found (columns) where what was planted (rows):

${table(['', ...found], counts)}
`;
}

function wrong(trials: readonly Trial[]): string {
  const lines = trials
    .filter(({ truth, found }) => found.kind !== truth.kind || found.place !== truth.place || found.partner !== truth.partner)
    .map(({ noise, kind, seed, layers, shows, truth, found }) => [
      String(noise),
      `${kind}${truth.place && ` in ${truth.place}`}${truth.partner && `, ${truth.partner}`}`,
      String(seed),
      String(layers),
      shows ? 'yes' : 'no',
      `${found.kind}${found.place && ` in ${found.place}`}${found.partner && `, ${found.partner}`}`,
    ]);
  return lines.length === 0 ? 'None.' : table(['noise', 'planted', 'seed', 'layers', 'shows', 'found'], lines);
}
