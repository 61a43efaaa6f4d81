import type { Edit } from '../engine/api.js';
import { nullBand, spansInWords } from '../methods/significance.js';
import { flipDose, halfPoint } from '../methods/competition.js';
import { logSoftmax, margin } from '../methods/lens.js';
import { randomSpans } from '../methods/random-spans.js';
import { argmax, mean } from '../methods/statistics.js';
import type { Cell, CommandOutcome } from '../residue/types.js';
import { flowFromSpan } from '../run/attribute.js';
import type { TracedRun } from '../run/types.js';
import { outputsOf, type Where } from '../run/value/heads.js';
import { nats, plain, quote } from '../run/words.js';
import { dosesSchema, indexesSchema, spanSchema, whereSchema } from './schema.js';
import { CLAIM, contest, range, resolveIndexes, withoutSpan } from './shared.js';
import { NEVER } from './stabilize.js';
import type { Command } from './types.js';

interface WeightParams {
  span: string;
  by?: number[];
  layers?: number[] | 'all';
  heads?: number[] | 'all';
  at?: Where;
}

const WEIGHTS = [0, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4];
/** Half the distance over which the slope at 1 is taken. */
const STEP = 0.05;

const NOTHING = {
  effect: null,
  p: null,
  slope: null,
  predicted: null,
  halfPoint: null,
  dose: null,
  strongestLayer: null,
  strongestLayerEffect: null,
  controlEffect: null,
};

export const weight: Command<WeightParams> = {
  name: 'WEIGHT',
  summary: 'Scales what the answer position reads from a span: a dose-response of the margin.',
  docs: `**WEIGHT** multiplies the span's values, as the answer position p reads them, by w; the attention pattern stays. Then the margin is measured again.

- *margin by w* (nats): in the probe and in the control. w = 1 changes nothing; at w = 0 nothing comes from the span.
- *p*: the same at w = 0 for 32 random spans of its length; p = (1 + those that change the margin as much) / 33.
- *slope* (nats per unit of w): central difference at w = 1, beside what direct logit attribution *predicts* (the contribution from the span, final norm frozen; read off).
  Later layers and the norm make the difference.
- *half point*: the w between 0 and 1 at which the margin is half way between its values there. 0.5: in proportion; less: the model needs only part of the signal.
- *dose*: the least w from which the margin stays above 0; ∞ if there is none.

\`layers\`, \`heads\`: where (default all, at once). \`at: all\` scales it for every later token too. This is **tested by intervention**.`,
  params: {
    type: 'object',
    required: ['span'],
    additionalProperties: false,
    properties: {
      span: spanSchema,
      by: dosesSchema('Factors w. Default 0, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4; 0 and 1 are always measured.', -100),
      layers: indexesSchema('layer', 'Layers to scale in, all at once. Default all.'),
      heads: indexesSchema('head', 'Heads to scale in each of these layers. Default all.'),
      at: whereSchema,
    },
  },
  snippet: 'WEIGHT: { span: ${1:fact} }',
  measures: {
    effect: { unit: 'nats', summary: "Margin without the span's values (w = 0) minus margin with them." },
    p: { unit: '', summary: 'Share of random spans of the same length whose values, left out, change the margin as much.' },
    slope: { unit: 'nats per unit', summary: 'Change of the margin with w at w = 1.' },
    predicted: { unit: 'nats per unit', evidence: 'observed', summary: 'The slope that direct logit attribution predicts.' },
    halfPoint: { unit: '', summary: 'The w at which the margin is half way between w = 0 and w = 1.' },
    dose: { unit: '×', summary: 'The least w from which the answer stays ahead; ∞ if there is none.' },
    strongestLayer: { unit: 'layer', summary: 'The layer whose values, left out alone, change the margin most.' },
    strongestLayerEffect: { unit: 'nats', summary: 'The effect of that layer alone.' },
    controlEffect: { unit: 'nats', summary: 'The effect of w = 0 in the control.' },
  },
  check(spec, _probe, { layers, heads }) {
    resolveIndexes(layers, spec.nLayers, 'WEIGHT.layers', 'layer');
    resolveIndexes(heads, spec.nHeads, 'WEIGHT.heads', 'head');
  },
  async run(context, params) {
    const { model, probe, control, signal } = context;
    const span = probe.prompt.spans[params.span];
    if (!span) return withoutSpan('WEIGHT', { ...params }, params.span, NOTHING);
    const layers = resolveIndexes(params.layers, model.spec.nLayers, 'WEIGHT.layers', 'layer');
    const heads = resolveIndexes(params.heads, model.spec.nHeads, 'WEIGHT.heads', 'head');
    const where = params.at ?? 'answer';
    const pair = contest(context);
    const weights = [...new Set([0, 1, ...(params.by ?? WEIGHTS)])].sort((a, b) => a - b);
    const scaled = (run: TracedRun, at: readonly [number, number], of: readonly number[], scale: number): Edit[] =>
      valuesScaled(run, at, { layers: of, heads, where }, scale);
    const there = control?.prompt.spans[params.span];
    const margins = (run: TracedRun, variants: Edit[][], from: number): Promise<number[]> =>
      outputsOf(model, run.prompt.ids, variants, (logits) => margin(logSoftmax(logits), pair.answer, pair.rivals), where, {
        signal,
        onProgress: (done) => context.progress(from + done, from + variants.length),
      });
    const curve = (run: TracedRun, at: readonly [number, number]): Edit[][] =>
      weights.map((w) => (w === 1 ? [] : scaled(run, at, layers, w)));
    const singles = layers.map((layer) => scaled(probe, span, [layer], 0));
    const drawn = randomSpans(probe.prompt.ids.length, span, context.seed);
    const nulls = drawn.map((at) => scaled(probe, at, layers, 0));
    const ends = [1 - STEP, 1 + STEP].map((w) => scaled(probe, span, layers, w));
    const here = await margins(probe, [...curve(probe, span), ...ends, ...singles, ...nulls], 0);
    const twin = control && there ? await margins(control, curve(control, there), here.length) : null;
    const flow = await flowFromSpan(model, probe, span, pair.answer, pair.strongest, signal);
    const [low, high] = here.slice(weights.length, weights.length + 2) as [number, number];
    return report(params, {
      weights,
      margins: here.slice(0, weights.length),
      control: twin,
      slope: (high - low) / (2 * STEP),
      predicted: layers.reduce((sum, l) => sum + heads.reduce((part, h) => part + flow.contribution[l]![h]!, 0), 0),
      layers,
      singles: here.slice(weights.length + 2, weights.length + 2 + layers.length),
      nulls: here.slice(weights.length + 2 + layers.length),
      drawn: spansInWords(drawn),
    });
  },
  claims({ params, values: { effect } }) {
    if (typeof effect !== 'number' || Math.abs(effect) < CLAIM) return [];
    const span = quote(String(params['span']));
    return effect < 0
      ? [`what is read from ${span} speaks for the answer: without its values the margin falls by ${nats(-effect)}`]
      : [`what is read from ${span} speaks against the answer: without its values the margin rises by ${nats(effect)}`];
  },
  async again(context, params) {
    const { model, probe, trace, signal } = context;
    const span = probe.prompt.spans[params.span];
    if (!span) return null;
    const layers = resolveIndexes(params.layers, model.spec.nLayers, 'WEIGHT.layers', 'layer');
    const heads = resolveIndexes(params.heads, model.spec.nHeads, 'WEIGHT.heads', 'head');
    const { answer, rivals } = contest(context);
    const where = params.at ?? 'answer';
    const without = valuesScaled(probe, span, { layers, heads, where }, 0);
    const [margin0] = await outputsOf(model, probe.prompt.ids, [without], (logits) => margin(logSoftmax(logits), answer, rivals), where, {
      signal,
    });
    return margin0! - trace.scores!.margin;
  },
};

/** What `where` reads from a span, times `scale`. */
function valuesScaled(
  run: TracedRun,
  [start, end]: readonly [number, number],
  { layers, heads, where }: { layers: readonly number[]; heads: readonly number[]; where: Where },
  scale: number,
): Edit[] {
  const queries = where === 'all' ? 'all' : [run.position];
  return [{ kind: 'scale-values', layers, heads, queries, keys: range(end - start).map((i) => start + i), scale }];
}

interface Weighed {
  weights: number[];
  margins: number[];
  control: number[] | null;
  slope: number;
  predicted: number;
  layers: number[];
  /** Margin with this layer's values alone left out. */
  singles: number[];
  /** Margin without what is read from each random span. */
  nulls: number[];
  /** What these spans are, in words. */
  drawn: string;
}

function report(
  params: WeightParams,
  { weights, margins, control, slope, predicted, layers, singles, nulls, drawn }: Weighed,
): CommandOutcome {
  const name = quote(params.span);
  const at = (row: readonly number[], w: number): number => row[weights.indexOf(w)]!;
  const base = at(margins, 1);
  const effect = at(margins, 0) - base;
  const half = halfPoint(weights, margins);
  const dose: Cell = flipDose(weights, margins) ?? NEVER;
  const effects = singles.map((m) => m - base);
  const nullEffects = nulls.map((m) => Math.abs(m - base));
  const band = nullBand(effect, nullEffects, `leaving out the values of ${drawn}`, 'size');
  const p = band && band.p;
  const strongest = argmax(effects.map(Math.abs));
  const controlEffect = control && at(control, 0) - at(control, 1);
  const change = (value: number): string => `${value < 0 ? 'lowers' : 'raises'} the margin by ${nats(Math.abs(value))}`;
  return {
    name: 'WEIGHT',
    params: { ...params },
    evidence: 'caused',
    findings: [
      `Leaving out what the answer position reads from ${name} ${change(effect)}, from ${plain(base)} to ${plain(base + effect)} (tested by intervention).`,
      p === null
        ? 'The prompt has no room for random spans to compare this with.'
        : `Leaving out random spans of its length changes the margin by ${nats(mean(nullEffects))} on average (p = ${plain(p, 2)}; tested by intervention).`,
      `At w = 1 the margin changes by ${nats(slope)} per unit of w (tested by intervention); direct attribution predicts ${nats(predicted)} (read off).`,
      dose === NEVER
        ? `At no w up to ${plain(weights.at(-1)!)} does the answer stay ahead (tested by intervention).`
        : `The answer stays ahead from w = ${plain(Number(dose))} on (tested by intervention).`,
      ...(controlEffect === null ? [] : [`In the control leaving it out ${change(controlEffect)} (tested by intervention).`]),
    ],
    values: {
      effect,
      p,
      slope,
      predicted,
      halfPoint: half,
      dose,
      strongestLayer: layers[strongest]!,
      strongestLayerEffect: effects[strongest]!,
      controlEffect,
    },
    ...(band ? { nulls: { effect: band } } : {}),
    curves: [
      {
        title: `Margin as the values of ${name} are scaled`,
        evidence: 'caused',
        xLabel: 'w (times)',
        yLabel: 'margin',
        unit: 'nats',
        x: weights,
        series: [{ label: 'probe', y: margins }, ...(control ? [{ label: 'control', y: control }] : [])],
      },
      {
        title: `Effect of leaving out the values of ${name} in one layer`,
        evidence: 'caused',
        xLabel: 'layer',
        yLabel: 'effect',
        unit: 'nats',
        x: layers,
        series: [{ label: 'this layer alone', y: effects }],
      },
    ],
    tables: [
      {
        title: 'Dose and response',
        evidence: 'caused',
        columns: [
          { label: 'w', unit: '×' },
          { label: 'margin', unit: 'nats' },
          ...(control ? [{ label: 'margin in control', unit: 'nats' }] : []),
        ],
        rows: weights.map((w, i) => [w, margins[i]!, ...(control ? [control[i]!] : [])]),
      },
    ],
  };
}
