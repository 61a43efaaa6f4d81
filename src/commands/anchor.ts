import type { Edit } from '../engine/api.js';
import { randomSpans } from '../methods/random-spans.js';
import { nullBand, spansInWords } from '../methods/significance.js';
import { argmax, mean } from '../methods/statistics.js';
import type { CommandOutcome } from '../residue/types.js';
import { flowFromSpan, type SpanFlow } from '../run/attribute.js';
import { marginsAtEnd } from '../run/edited.js';
import { prefixOf } from '../run/prefix.js';
import { rowAt } from '../run/trace.js';
import { nats, plain, quote } from '../run/words.js';
import { indexesSchema, spanSchema } from './schema.js';
import { CLAIM, contest, range, resolveIndexes, withoutSpan } from './shared.js';
import type { Command, CommandContext } from './types.js';

interface AnchorParams {
  span: string;
  inject?: { layers: number[] | 'all'; scale?: number };
}

const NOTHING = {
  attention: null,
  attentionMax: null,
  flow: null,
  contribution: null,
  contributionDrop: null,
  injectEffect: null,
  injectLayer: null,
};

export const anchor: Command<AnchorParams> = {
  name: 'ANCHOR',
  summary: 'Declares the source span and follows what the answer position takes from it.',
  docs: `**ANCHOR** declares the span that holds the answer and measures what the answer position p takes from it, by layer and head.

- *attention* (share): Σ over the span of α(p, k), the attention pattern's row at p.
- *value-weighted flow* (share): ‖α(p, k) · v_k · W_O‖ summed over heads and the span's tokens, divided by the same sum over all tokens (Kobayashi et al. 2020).
- *contribution* (nats): what the heads write at p from the span's tokens toward answer against strongest rival, final norm's scale frozen (Elhage et al. 2021). In the control it is taken for the same two tokens.

These are **read off**. With \`inject: {layers, scale}\` the span's own residual is added again at p, entering each of these layers in turn:
r_l(p) + scale · mean over the span of r_l. The margin is measured again: that is **tested by intervention**. A positive effect says
that the answer is still readable from the span at that layer, and only did not arrive.

\`layers\` counts blocks from 0; \`scale\` has no unit.`,
  params: {
    type: 'object',
    required: ['span'],
    additionalProperties: false,
    properties: {
      span: spanSchema,
      inject: {
        type: 'object',
        required: ['layers'],
        additionalProperties: false,
        description: "Adds the span's residual again at the answer position, one layer at a time, and measures the margin.",
        'x-expected': 'layers and a scale, such as {layers: all, scale: 1}',
        properties: {
          layers: indexesSchema('layer', 'Layers to inject before, each in a run of its own.'),
          scale: {
            type: 'number',
            minimum: -100,
            maximum: 100,
            default: 1,
            description: 'Times the mean residual of the span. Default 1.',
          },
        },
      },
    },
  },
  snippet: 'ANCHOR: { span: ${1:fact} }',
  measures: {
    attention: { unit: 'share', evidence: 'observed', summary: 'Attention of the answer position to the span, mean over all heads.' },
    attentionMax: { unit: 'share', evidence: 'observed', summary: 'The same, in the head that attends to it most.' },
    flow: {
      unit: 'share',
      evidence: 'observed',
      summary: "Share of the attention's value-weighted output that comes from the span, mean over layers.",
    },
    contribution: { unit: 'nats', evidence: 'observed', summary: "What all heads write from the span's tokens toward the margin." },
    contributionDrop: { unit: 'nats', evidence: 'observed', summary: "The control's contribution minus the probe's." },
    injectEffect: { unit: 'nats', summary: 'Largest gain of the margin when the residual of the span is added at the answer position.' },
    injectLayer: { unit: 'layer', summary: 'The layer of that gain.' },
  },
  check(spec, _probe, { inject }) {
    if (inject) resolveIndexes(inject.layers, spec.nLayers, 'ANCHOR.inject', 'layer');
  },
  async run(context, params) {
    const { probe, control, signal } = context;
    const span = probe.prompt.spans[params.span];
    if (!span) return withoutSpan('ANCHOR', { ...params }, params.span, NOTHING);
    const { answer, strongest } = contest(context);
    const here = await flowFromSpan(context.model, probe, span, answer, strongest, signal);
    const there = control?.prompt.spans[params.span];
    const other = control && there ? await flowFromSpan(context.model, control, there, answer, strongest, signal) : null;
    const outcome = observed(params, here, other);
    if (params.inject) await inject(context, params.inject, span, outcome);
    return outcome;
  },
  claims({ params, values: { injectEffect: gain, injectLayer: layer } }) {
    if (typeof gain !== 'number' || gain < CLAIM) return [];
    return [
      `the answer can be read from the residual of ${quote(String(params['span']))}: adding it at layer ${layer} gains ${nats(gain)}`,
    ];
  },
  claimed: 'injectEffect',
  async again(context, { span: name, inject: asked }, { values: { injectLayer: layer } }) {
    const { model, probe, trace, signal } = context;
    const span = probe.prompt.spans[name];
    if (!span || !asked || typeof layer !== 'number') return null;
    const prefix = await prefixOf(model, probe.prompt.ids, signal);
    const [margin] = await marginsAtEnd(model, prefix, [added(context, layer, span, asked.scale ?? 1)], contest(context), { signal });
    return margin! - trace.scores!.margin;
  },
};

const total = (rows: readonly (readonly number[])[]): number => rows.flat().reduce((a, b) => a + b, 0);

function observed(params: AnchorParams, here: SpanFlow, other: SpanFlow | null): CommandOutcome {
  const attention = here.attention.flat();
  const most = argmax(attention);
  const heads = here.attention[0]?.length ?? 0;
  const best = { layer: Math.floor(most / heads), head: most % heads };
  const contribution = total(here.contribution);
  const before = other && total(other.contribution);
  const name = JSON.stringify(params.span);
  const values = {
    ...NOTHING,
    attention: mean(attention),
    attentionMax: attention[most] ?? 0,
    flow: mean(here.flow),
    contribution,
    contributionDrop: before === null ? null : before - contribution,
  };
  const findings = [
    `The heads write ${nats(contribution)} toward the answer from ${name}${before === null ? '' : `, ${nats(before)} in the control`}.`,
    `Head ${best.layer}.${best.head} attends to ${name} most: ${plain(100 * values.attentionMax)} % of its attention; all heads on average ${plain(100 * values.attention)} %${other ? `, ${plain(100 * mean(other.attention.flat()))} % in the control` : ''}.`,
  ];
  const layers = range(here.flow.length);
  const byLayer = (title: string, yLabel: string, unit: string, of: (flow: SpanFlow) => number[]) => ({
    title,
    evidence: 'observed' as const,
    xLabel: 'layer',
    yLabel,
    unit,
    x: layers,
    series: [{ label: 'probe', y: of(here) }, ...(other ? [{ label: 'control', y: of(other) }] : [])],
  });
  return {
    name: 'ANCHOR',
    params: { ...params },
    evidence: 'observed',
    findings,
    values,
    curves: [
      byLayer(`Attention to ${name}`, 'attention', 'share, mean over heads', (flow) => flow.attention.map((row) => mean(row))),
      byLayer(`Value-weighted flow from ${name}`, 'flow', 'share', (flow) => flow.flow),
      byLayer(`Contribution from ${name}`, 'contribution', 'nats', (flow) => flow.contribution.map((row) => total([row]))),
    ],
    tables: [headTable(name, here, other)],
  };
}

function headTable(name: string, here: SpanFlow, other: SpanFlow | null): CommandOutcome['tables'][number] {
  const rows = here.contribution.flatMap((row, l) =>
    row.map((contribution, h) => ({
      size: Math.max(Math.abs(contribution), other ? Math.abs(other.contribution[l]![h]!) : 0),
      cells: [
        `${l}.${h}`,
        here.attention[l]![h]!,
        here.valueWeighted[l]![h]!,
        contribution,
        ...(other ? [other.attention[l]![h]!, other.contribution[l]![h]!] : []),
      ],
    })),
  );
  rows.sort((a, b) => b.size - a.size);
  return {
    title: `Heads by what they bring from ${name}`,
    evidence: 'observed',
    columns: [
      { label: 'head' },
      { label: 'attention', unit: 'share' },
      { label: '‖αvW_O‖' },
      { label: 'contribution', unit: 'nats' },
      ...(other
        ? [
            { label: 'attention in control', unit: 'share' },
            { label: 'contribution in control', unit: 'nats' },
          ]
        : []),
    ],
    rows: rows.map(({ cells }) => cells),
  };
}

/** Adds the span's mean residual at p before each layer in turn; fills in what that did. */
async function inject(
  context: CommandContext,
  { layers, scale = 1 }: NonNullable<AnchorParams['inject']>,
  span: readonly [number, number],
  outcome: CommandOutcome,
): Promise<void> {
  const { model, probe, signal } = context;
  const chosen = resolveIndexes(layers, model.spec.nLayers, 'ANCHOR.inject', 'layer');
  const drawn = randomSpans(probe.prompt.ids.length, span, context.seed);
  const variants = [span, ...drawn].flatMap((at) => chosen.map((layer) => added(context, layer, at, scale)));
  const [base, ...all] = await marginsAtEnd(model, await prefixOf(model, probe.prompt.ids, signal), [[], ...variants], contest(context), {
    signal,
    onProgress: (done, total) => context.progress(done, total),
  });
  const margins = all.slice(0, chosen.length);
  const effects = margins.map((m) => m - base!);
  const best = argmax(effects);
  outcome.evidence = 'caused';
  outcome.findings = outcome.findings.map((finding) => finding.replace(/\.$/, ' (read off).'));
  const gain = effects[best]!;
  outcome.values['injectEffect'] = gain;
  outcome.values['injectLayer'] = chosen[best]!;
  // Of a random span, too, the layer counts at which it gains most.
  const gains = drawn.map((_, i) => Math.max(...all.slice((i + 1) * chosen.length, (i + 2) * chosen.length)) - base!);
  const band = nullBand(gain, gains, `the residual of ${spansInWords(drawn)}, each at its best layer`);
  if (band) outcome.nulls = { injectEffect: band };
  const name = JSON.stringify(outcome.params['span']);
  outcome.findings.push(
    `Adding ${scale === 1 ? '' : `${plain(scale)} times `}the residual of ${name} at the answer position ${gain > 0 ? `raises the margin by up to ${nats(gain)}` : `never raises the margin, and costs least (${nats(-gain)})`} when it enters layer ${chosen[best]} (tested by intervention).`,
  );
  outcome.curves.push({
    title: `Margin with the residual of ${name} added at the answer position`,
    xLabel: 'layer',
    yLabel: 'margin',
    unit: 'nats',
    x: chosen,
    series: [
      { label: 'added', y: margins },
      { label: 'unchanged', y: chosen.map(() => base!) },
    ],
  });
}

/** The edit that adds a span's mean residual at p as it enters a layer. */
const added = (context: CommandContext, layer: number, span: readonly [number, number], scale: number): Edit[] => [
  {
    kind: 'add',
    at: 'resid_pre',
    layer,
    positions: [context.probe.position],
    value: meanResidual(context, layer, span, scale),
  },
];

function meanResidual({ probe }: CommandContext, layer: number, [start, end]: readonly [number, number], scale: number): Float32Array {
  const residual = probe.result.get(`blocks.${layer}.hook_resid_pre`);
  const sum = new Float64Array(residual.shape[2]!);
  for (let k = start; k < end; k++) rowAt(residual, k).forEach((x, i) => (sum[i]! += (scale * x) / (end - start)));
  return Float32Array.from(sum);
}
