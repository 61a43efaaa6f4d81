import { doubtsOf, level, standingOf } from '../standing.js';
import type { AttentionDisruption, HeadMeasure, HeadVerdict } from '../types-heads.js';
import type { Residue, RunTrace } from '../types.js';
import { curve } from './chart.js';
import { nats, percent, plain, printable, quote, share, table, wrap, type Look, type Paint } from './text.js';

const SHOWN = 8;

/** The verdict of each head that touches the span, in sentences. */
export function verdictOfHeadsLines(run: RunTrace, look: Look, paint: Paint): string[] {
  const found = run.headVerdicts;
  if (!found) return [];
  const span = printable(found.span);
  if (found.heads.length === 0) return [`  No head looks at ${span} beyond what it looks at random spans, in probe or control.`];
  const rows = found.heads
    .slice(0, SHOWN)
    .map((v) => [
      `${v.layer}.${v.head}`,
      v.verdict === 'none' ? '–' : [v.verdict, ...doubtsOf(v)].join(', '),
      arrow(v.attention.control, v.attention.probe, share),
      arrow(v.write.control, v.write.probe, nats),
      arrow(v.perAttention.control, v.perAttention.probe, nats),
      v.test ? `${nats(v.test.effect)}${v.test.confirmed ? '' : ' (not confirmed)'}` : 'not tested',
    ]);
  const named = found.heads.filter(({ verdict }) => verdict !== 'none').slice(0, 4);
  return [
    ...table(
      [
        { label: 'head' },
        { label: 'verdict', paint: paint.strong },
        { label: `attention to ${span}` },
        { label: 'writes (nats)' },
        { label: 'per attention' },
        { label: 'tested by intervention (nats)' },
      ],
      rows,
      look,
    ),
    ...(named.length === 0 ? ['  No head has a verdict: none lost, misdirected or had cancelled what it writes from the span.'] : []),
    ...named.flatMap((v) =>
      wrap(`${printable(v.reason)}${behind(v)}`, look.width - 4).map((line, i) => `  ${i === 0 ? '• ' : '  '}${line}`),
    ),
    ...(found.conflict
      ? wrap(
          `Heads oppose one another: ${nats(found.conflict.toward)} for and ${nats(found.conflict.against)} against the answer, |Σ|/Σ|·| = ${share(found.conflict.ratio)}.`,
          look.width - 2,
        ).map((line) => `  ${line}`)
      : []),
    ...(found.touching > rows.length
      ? [`  ${paint.faint(`${found.touching} heads touch ${span}; the others are in the residue file`)}`]
      : []),
  ];
}

/** ` (q = 0.031; 6 of 8 agree, unstable)` */
function behind(verdict: HeadVerdict): string {
  const words = standingOf(verdict);
  return words === '' ? '' : ` (${words})`;
}

/** `0.62 → 0.03`: control, then probe. */
const arrow = (control: number | null, probe: number, format: (value: number) => string): string =>
  control === null ? format(probe) : `${format(control)} → ${format(probe)}`;

const NAMES = {
  entropy: 'entropy / log(position)',
  self: 'to itself',
  local: 'to the 4 tokens before',
  sink: 'to the first token',
  span: 'to the span',
  distance: 'mean distance (tokens)',
} as const;

/** Attention disruption: the mean over heads, and the head that changed most. */
export function disruptionLines(run: RunTrace, look: Look, paint: Paint): string[] {
  const { disruption } = run;
  if (!disruption) return [];
  const rows = (Object.keys(NAMES) as (keyof typeof NAMES)[]).flatMap((key) => {
    const measure = disruption[key];
    return measure ? [disruptionRow(NAMES[key], measure)] : [];
  });
  return [
    ...table(
      [
        { label: 'attention, mean over heads' },
        { label: 'probe', align: 'right' },
        { label: 'control', align: 'right' },
        { label: 'difference', align: 'right' },
        { label: 'changed most' },
      ],
      rows,
      look,
    ),
    ...trappedLine(disruption, look).map((line) => `  ${paint.faint(line)}`),
  ];
}

function disruptionRow(name: string, { value, control, percentile }: HeadMeasure): string[] {
  const average = (rows: readonly (readonly number[])[]): number => {
    const all = rows.flat();
    return all.reduce((a, b) => a + b, 0) / Math.max(1, all.length);
  };
  const changes = value.flatMap((layer, l) => layer.map((v, h) => ({ l, h, change: v - (control?.[l]?.[h] ?? 0) })));
  const most = changes.reduce((a, b) => (Math.abs(b.change) > Math.abs(a.change) ? b : a), { l: 0, h: 0, change: 0 });
  const at = percentile[most.l]?.[most.h];
  return [
    name,
    plain(average(value)),
    control ? plain(average(control)) : '',
    control ? signed(average(value) - average(control)) : '',
    control ? `head ${most.l}.${most.h} by ${signed(most.change)}${at === undefined ? '' : `, null percentile ${percent(at)}`}` : '',
  ];
}

const signed = (value: number): string => `${value > 0 ? '+' : ''}${plain(value)}`;

function trappedLine({ trapped }: AttentionDisruption, look: Look): string[] {
  if (!trapped) return [];
  const heads = trapped.map(([l, h]) => `${l}.${h}`).join(', ');
  return wrap(
    trapped.length === 0 ? 'No head is trapped near the answer position.' : `Trapped near the answer position: ${heads}.`,
    look.width - 2,
  );
}

/** What attention alone would carry from each span through all layers. */
export function rolloutLines({ attention }: RunTrace, look: Look): string[] {
  const spans = Object.entries(attention?.rollout?.spans ?? {});
  if (spans.length === 0) return [];
  const rows = spans.map(([name, { share: here, null: band }]) => [
    printable(name),
    share(here),
    band ? `${share(band.median)} (${level(band)})` : '',
    doubtsOf({ null: band }).join(', '),
  ]);
  const sentence =
    'A weak measure: attention is multiplied through the layers, half of each being the residual stream; values and MLPs are left out, and the answer plays no part in it.';
  return [
    ...table([{ label: 'span' }, { label: 'rollout', align: 'right' }, { label: 'median of random spans' }, { label: '' }], rows, look),
    ...wrap(sentence, look.width - 2).map((line) => `  ${line}`),
  ];
}

/** How an error of a hundredth grows. */
export function propagationLines(run: RunTrace, look: Look): string[] {
  const { propagation } = run;
  if (!propagation) return [];
  const { layers, noise, difference, epsilon } = propagation;
  const room = Math.max(8, Math.min(24, look.width - 70));
  const all = [...noise, ...(difference ?? [])].flat();
  const range = [0, Math.max(...all, epsilon)] as const;
  const factor = (row: readonly number[] | undefined): string => (row?.length ? `× ${plain(row.at(-1)! / epsilon)}` : '');
  const rows = layers.map((layer, i) => [String(layer), curve(noise[i]!, room, range), factor(noise[i]), factor(difference?.[i])]);
  return table(
    [
      { label: 'made at layer', align: 'right' },
      { label: '‖Δr‖/‖r‖ to the end' },
      { label: 'noise, at the end', align: 'right' },
      { label: 'toward the control', align: 'right' },
    ],
    rows,
    look,
  );
}

/** Trace complexity, null-space volume, and what made nothing come. */
export function shapeLines(residue: Residue, run: RunTrace, look: Look): string[] {
  const { shape, nothing } = run;
  if (!shape) return [];
  const { nullSpace } = residue;
  const sentences = [
    `Trace complexity ${plain(shape.complexity)}: as many of ${shape.parts} contributions, were they equal, would carry the margin.`,
    ...(shape.logitNull === null || !nullSpace
      ? []
      : [
          `Logit-null share ${share(shape.logitNull)}; null-space volume ${share(nullSpace.volume)} over ${nullSpace.byRun.length} runs (${share(nullSpace.directions / nullSpace.of)} of a vector without a preferred direction).`,
        ]),
    ...(nothing ? [nothingWords(nothing)] : []),
  ];
  return sentences.flatMap((sentence) => wrap(sentence, look.width - 2, 2).map((line) => `  ${line}`));
}

function nothingWords({ reason, endOfText, entropy }: NonNullable<RunTrace['nothing']>): string {
  const top = (terms: typeof entropy): string =>
    [
      ...terms.head.flatMap((row, l) => row.map((c, h) => ({ name: `head ${l}.${h}`, c }))),
      ...terms.mlp.map((c, l) => ({ name: `MLP ${l}`, c })),
    ]
      .sort((a, b) => Math.abs(b.c) - Math.abs(a.c))
      .slice(0, 3)
      .map(({ name, c }) => `${name} ${nats(c)}`)
      .join(', ');
  const why = reason === 'end-of-text' ? 'The model would end the text here' : 'No token reaches a probability of 0.1';
  const end = endOfText
    ? ` The logit of ${quote(endOfText.token)} (${nats(endOfText.terms.total)}) comes most from ${top(endOfText.terms)}.`
    : '';
  return `${why}.${end} The output's entropy is ${nats(entropy.total)} against an even one, most by ${top(entropy)}.`;
}
