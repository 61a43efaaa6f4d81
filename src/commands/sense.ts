import { fadingOf } from '../methods/fading.js';
import { lensRow } from '../methods/lens.js';
import { argmax, mean } from '../methods/statistics.js';
import type { CommandOutcome } from '../residue/types.js';
import { flowFromSpan, type SpanFlow } from '../run/attribute.js';
import type { TracedRun } from '../run/types.js';
import { nats, plain } from '../run/words.js';
import { spanSchema } from './schema.js';
import { contest, range, withoutSpan } from './shared.js';
import type { Command } from './types.js';

interface SenseParams {
  span: string;
}

const NOTHING = {
  attention: null,
  flow: null,
  contribution: null,
  peak: null,
  peakLayer: null,
  retained: null,
  attentionKept: null,
  ownToken: null,
  ownPeak: null,
  ownPeakLayer: null,
};

export const sense: Command<SenseParams> = {
  name: 'SENSE',
  summary: 'Follows the signal of a span through the layers at the answer position.',
  docs: `**SENSE** reads, layer by layer, what reaches the answer position p from a span, and whether it stays.

- *attention*, *value-weighted flow* (shares) and *contribution* (nats), as in ANCHOR (Kobayashi et al. 2020; Elhage et al. 2021).
- *running contribution* (nats): the contribution summed up to each layer. *retained*: its value after the last layer as a share of its highest; null where it never
  rises above 0.
- *attention kept*: mean attention after the layer of that height, as a share of the mean up to it.
- *own token* (probability): the lens probability at p of any of the span's own tokens coming next (logit lens, nostalgebraist 2020).

Attention that is kept while the running contribution is lost is a signal that fades, not one that is overlooked. All of it is **read off**.`,
  params: { type: 'object', required: ['span'], additionalProperties: false, properties: { span: spanSchema } },
  snippet: 'SENSE: { span: ${1:fact} }',
  measures: {
    attention: { unit: 'share', summary: 'Attention of the answer position to the span, mean over all heads.' },
    flow: { unit: 'share', summary: "Share of the attention's value-weighted output that comes from the span, mean over layers." },
    contribution: { unit: 'nats', summary: "What all heads write from the span's tokens toward the margin." },
    peak: { unit: 'nats', summary: 'The highest running contribution.' },
    peakLayer: { unit: 'layer', summary: 'The layer after which it is highest.' },
    retained: { unit: 'share', summary: 'Share of that height that is left after the last layer.' },
    attentionKept: { unit: 'share', summary: 'Attention after that layer as a share of the attention up to it.' },
    ownToken: { unit: 'probability', summary: "Probability of any of the span's own tokens at the output." },
    ownPeak: { unit: 'probability', summary: 'Its highest lens probability at any layer.' },
    ownPeakLayer: { unit: 'layer', summary: 'The layer of that.' },
  },
  async run(context, params) {
    const { model, probe, control, signal } = context;
    const span = probe.prompt.spans[params.span];
    if (!span) return withoutSpan('SENSE', { ...params }, params.span, NOTHING);
    const { answer, strongest } = contest(context);
    const read = async (run: TracedRun, at: readonly [number, number]): Promise<Sensed> => ({
      flow: await flowFromSpan(model, run, at, answer, strongest, signal),
      own: ownTokens(run, at),
    });
    const there = control?.prompt.spans[params.span];
    return report(params, await read(probe, span), control && there ? await read(control, there) : null);
  },
};

interface Sensed {
  flow: SpanFlow;
  /** [L + 1] */
  own: number[];
}

/** Lens probability at p of any of a span's tokens, by row. */
function ownTokens({ prompt, lens }: TracedRun, [start, end]: readonly [number, number]): number[] {
  const ids = new Set(prompt.ids.slice(start, end));
  return range(lens.shape[0]!).map((l) => {
    const row = lensRow(lens, l);
    let sum = 0;
    for (const id of ids) sum += Math.exp(row[id]!);
    return Math.min(1, sum);
  });
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

function report(params: SenseParams, here: Sensed, there: Sensed | null): CommandOutcome {
  const name = JSON.stringify(params.span);
  const { running, attention, layer: peakLayer, peak, end, retained, kept } = fadingOf(here.flow);
  const ownPeakLayer = argmax(here.own);
  const percent = (x: number): string => `${plain(100 * x)} %`;
  const findings = [
    retained === null
      ? `What the heads bring from ${name} never speaks for the answer: its running contribution ends at ${nats(end)}.`
      : `What the heads bring from ${name} is highest after layer ${peakLayer} of ${running.length - 1} (${nats(peak)}); ${end < 0 ? `nothing of it is left at the end, where it stands at ${nats(end)}, against the answer` : `${percent(retained)} of it is left at the end`}.`,
    kept === null
      ? `There is no layer after that in which attention to ${name} could be kept.`
      : `After that layer attention to ${name} is ${percent(kept)} of what it was before.`,
    `The span's own words have probability ${plain(here.own.at(-1)!)} at the output, at most ${plain(here.own[ownPeakLayer]!)}, at layer ${ownPeakLayer}.`,
  ];
  const curve = (title: string, yLabel: string, unit: string, of: (one: Sensed) => number[]): CommandOutcome['curves'][number] => ({
    title,
    xLabel: 'layer',
    yLabel,
    unit,
    x: range(of(here).length),
    series: [{ label: 'probe', y: of(here) }, ...(there ? [{ label: 'control', y: of(there) }] : [])],
  });
  return {
    name: 'SENSE',
    params: { ...params },
    evidence: 'observed',
    findings,
    values: {
      attention: mean(attention),
      flow: mean(here.flow.flow),
      contribution: end,
      peak,
      peakLayer,
      retained,
      attentionKept: kept,
      ownToken: here.own.at(-1)!,
      ownPeak: here.own[ownPeakLayer]!,
      ownPeakLayer,
    },
    curves: [
      curve(`Attention to ${name}`, 'attention', 'share, mean over heads', ({ flow }) => fadingOf(flow).attention),
      curve(`Value-weighted flow from ${name}`, 'flow', 'share', ({ flow }) => flow.flow),
      curve(`Running contribution from ${name}`, 'contribution', 'nats', ({ flow }) => fadingOf(flow).running),
      curve(`Probability of the words of ${name}`, 'lens probability', '', ({ own }) => own),
    ],
    tables: [
      {
        title: `Signal of ${name} by layer`,
        columns: [
          { label: 'layer' },
          { label: 'attention', unit: 'share' },
          { label: 'flow', unit: 'share' },
          { label: 'contribution', unit: 'nats' },
          { label: 'running', unit: 'nats' },
          { label: 'own words after it', unit: 'probability' },
        ],
        rows: attention.map((share, l) => [l, share, here.flow.flow[l]!, sum(here.flow.contribution[l]!), running[l]!, here.own[l + 1]!]),
      },
    ],
  };
}
