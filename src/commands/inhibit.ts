import type { Edit, LayerSet } from '../engine/api.js';
import { InputError } from '../errors.js';
import { spanMass } from '../methods/attention.js';
import { Random } from '../methods/random.js';
import { argmax, mean, standardDeviation } from '../methods/statistics.js';
import type { ModelSpec } from '../model/spec.js';
import type { CommandOutcome } from '../residue/types.js';
import { marginsAtEnd } from '../run/edited.js';
import { prefixOf, type Prefix } from '../run/prefix.js';
import { patternRows } from '../run/trace.js';
import type { TracedRun } from '../run/types.js';
import { nats, plain, quote } from '../run/words.js';
import { indexesSchema, spanSchema } from './schema.js';
import { CLAIM, contest, range, resolveIndexes, withoutSpan } from './shared.js';
import type { Command, CommandContext } from './types.js';

export interface InhibitParams {
  span: string;
  layers?: LayerSet;
  heads?: LayerSet;
  rate?: number;
}

/** Random subsets drawn when `rate` is below 1. */
export const DRAWS = 16;
/** Heads that are cut one at a time; of more, those that attend to the span most. */
const SINGLE_HEADS = 128;

const NOTHING = {
  effect: null,
  spread: null,
  margin: null,
  controlEffect: null,
  strongestLayer: null,
  strongestLayerEffect: null,
  strongestHead: null,
  strongestHeadEffect: null,
};

interface Cut {
  layer: number;
  head: number;
}

/** Heads that are cut off together: all of `heads` in each of `layers`. */
export interface HeadsAt {
  layers: LayerSet;
  heads: LayerSet;
}

export const inhibit: Command<InhibitParams> = {
  name: 'INHIBIT',
  summary: 'Cuts the answer position off from a span and measures what that does to the margin.',
  docs: `**INHIBIT** forbids the answer position p to attend to the span (attention knockout, Geva et al. 2023): before the softmax the scores from p to the
span's tokens are set to −∞ in the chosen layers and heads.

- *effect* (nats): margin with the knockout − margin without. Negative: the model read the answer there. Near 0: it no longer looks, or no longer needs to.
- the same for each chosen layer alone, and for each chosen head alone (of more than ${SINGLE_HEADS}, those that attend to the span most).
- \`rate\` below 1: a random share \`rate\` of the chosen heads (at least one) is cut, in ${DRAWS} draws from the run's seed; *effect* is their mean, *spread* their standard deviation.

The null of *effect* is the same knockout of random spans of its length, with a rate below 1 over the same draws. This is **tested by intervention**. What later tokens have already taken from the span stays, so it is a lower bound of the span's influence.`,
  params: {
    type: 'object',
    required: ['span'],
    additionalProperties: false,
    properties: {
      span: spanSchema,
      layers: indexesSchema('layer', 'Layers to cut in, all at once. Default all.'),
      heads: indexesSchema('head', 'Heads to cut in each of these layers. Default all.'),
      rate: {
        type: 'number',
        exclusiveMinimum: 0,
        maximum: 1,
        default: 1,
        description: `Share of the chosen heads that is cut. Below 1: ${DRAWS} random draws, mean and spread.`,
      },
    },
  },
  snippet: 'INHIBIT: { span: ${1:fact}, layers: ${2:all} }',
  measures: {
    effect: { unit: 'nats', summary: 'Margin with the knockout minus margin without (the mean over draws where rate is below 1).' },
    spread: { unit: 'nats', summary: 'Standard deviation of the effect over the draws; 0 with rate 1.' },
    margin: { unit: 'nats', summary: 'Margin with the knockout.' },
    controlEffect: { unit: 'nats', summary: 'The same effect in the control.' },
    strongestLayer: { unit: 'layer', summary: 'The layer whose knockout alone changes the margin most.' },
    strongestLayerEffect: { unit: 'nats', summary: 'The effect of that layer alone.' },
    strongestHead: { unit: '', summary: 'The head whose knockout alone changes the margin most, as "layer.head".' },
    strongestHeadEffect: { unit: 'nats', summary: 'The effect of that head alone.' },
  },
  check(spec, probe, params) {
    chosenHeads(spec, params);
    const span = probe.spans[params.span];
    if (span && span[1] - span[0] === probe.ids.length) {
      throw new InputError('The span is the whole prompt, so the answer position would have nothing left to attend to.', {
        field: 'INHIBIT.span',
      });
    }
  },
  async run(context, params) {
    const { model, probe, control } = context;
    const span = probe.prompt.spans[params.span];
    if (!span) return withoutSpan('INHIBIT', { ...params }, params.span, NOTHING);
    const { layers, chosen } = chosenHeads(model.spec, params);
    const joint = draws(chosen, params.rate ?? 1, context.seed);
    const singles = mostAttentive(context, chosen, span);
    const sets = [...joint, ...layers.map((layer) => chosen.filter((cut) => cut.layer === layer)), ...singles.map((cut) => [cut])];
    const there = spanToCut(control, params.span);
    // Each list of margins begins with the unchanged run.
    const steps = sets.length + 1 + (there ? joint.length + 1 : 0);
    const here = await effects(context, await prefixOf(model, probe.prompt.ids, context.signal), span, sets, (done) =>
      context.progress(done, steps),
    );
    const twin =
      control && there
        ? await effects(context, await prefixOf(model, control.prompt.ids, context.signal), there, joint, (done) =>
            context.progress(sets.length + 1 + done, steps),
          )
        : null;
    return report(params, here.base, {
      joint: here.effects.slice(0, joint.length),
      layers: layers.map((layer, i) => ({ layer, effect: here.effects[joint.length + i]! })),
      heads: singles.map((cut, i) => ({ ...cut, effect: here.effects[joint.length + layers.length + i]! })),
      control: twin && mean(twin.effects),
      all: chosen.length,
    });
  },
  claims({ params, values: { effect } }) {
    if (typeof effect !== 'number' || Math.abs(effect) < CLAIM) return [];
    const span = quote(String(params['span']));
    const { rate = 1 } = params as { rate?: number };
    const [what, mean] =
      rate < 1 ? [`cutting a random ${plain(100 * rate)} % of the heads off from it`, ' on average'] : ['cutting it off', ''];
    return effect < 0
      ? [`the answer is read from ${span}: ${what} costs ${nats(-effect)}${mean}`]
      : [`reading ${span} works against the answer: ${what} gains ${nats(effect)}${mean}`];
  },
};

/** The span in the control, unless it is all of it. */
function spanToCut(control: TracedRun | null, name: string): readonly [number, number] | undefined {
  const span = control?.prompt.spans[name];
  return span && span[1] - span[0] < control!.prompt.ids.length ? span : undefined;
}

function chosenHeads(spec: ModelSpec, params: InhibitParams): { layers: number[]; chosen: Cut[] } {
  const layers = resolveIndexes(params.layers, spec.nLayers, 'INHIBIT.layers', 'layer');
  const heads = resolveIndexes(params.heads, spec.nHeads, 'INHIBIT.heads', 'head');
  return { layers, chosen: layers.flatMap((layer) => heads.map((head) => ({ layer, head }))) };
}

/** The sets of heads that an INHIBIT cuts off together, whose effects' mean its effect is: one, or with a rate below 1 those of its draws. */
export function cutTogether(spec: ModelSpec, params: InhibitParams, seed: number): HeadsAt[][] {
  const { layers = 'all', heads = 'all', rate = 1 } = params;
  if (rate >= 1) return [[{ layers, heads }]];
  return draws(chosenHeads(spec, params).chosen, rate, seed).map(byLayer);
}

/** Edits that keep a query from attending to some keys in a set of heads; `zero`: that let it attend, and read nothing there. */
export function cutEdits(set: readonly HeadsAt[], query: number, keys: readonly number[], zero = false): Edit[] {
  const at = { queries: [query], keys };
  return set.map((where): Edit => (zero ? { kind: 'scale-values', ...where, ...at, scale: 0 } : { kind: 'knockout', ...where, ...at }));
}

/** The sets of heads cut together: all of them, or random subsets of round(rate · n), at least one. */
function draws(chosen: readonly Cut[], rate: number, seed: number): Cut[][] {
  if (rate >= 1) return [[...chosen]];
  const random = new Random(seed);
  const size = Math.max(1, Math.round(rate * chosen.length));
  return range(DRAWS).map(() => random.sample(chosen.length, size).map((i) => chosen[i]!));
}

/** The chosen heads, or of too many those that attend to the span most, in the model's order. */
function mostAttentive({ model, probe }: CommandContext, chosen: readonly Cut[], span: readonly [number, number]): Cut[] {
  if (chosen.length <= SINGLE_HEADS) return [...chosen];
  const rows = range(model.spec.nLayers).map((layer) => patternRows(probe.result, layer, probe.position, model.spec.nHeads));
  return [...chosen]
    .map((cut) => ({ cut, mass: spanMass(rows[cut.layer]![cut.head]!, span) }))
    .sort((a, b) => b.mass - a.mass)
    .slice(0, SINGLE_HEADS)
    .map(({ cut }) => cut)
    .sort((a, b) => a.layer - b.layer || a.head - b.head);
}

async function effects(
  context: CommandContext,
  prefix: Prefix,
  [start, end]: readonly [number, number],
  sets: readonly (readonly Cut[])[],
  progress: (done: number) => void,
): Promise<{ base: number; effects: number[] }> {
  const last = prefix.ids.length - 1;
  const keys = range(end - start).map((i) => start + i);
  const variants = sets.map((set) => cutEdits(byLayer(set), last, keys));
  const [base, ...margins] = await marginsAtEnd(context.model, prefix, [[], ...variants], contest(context), {
    signal: context.signal,
    onProgress: (done) => progress(done),
  });
  return { base: base!, effects: margins.map((m) => m - base!) };
}

/** The heads of a set, layer by layer. */
function byLayer(set: readonly Cut[]): HeadsAt[] {
  const found = new Map<number, number[]>();
  for (const { layer, head } of set) found.set(layer, [...(found.get(layer) ?? []), head]);
  return [...found].map(([layer, heads]) => ({ layers: [layer], heads }));
}

interface Measured {
  /** One per draw. */
  joint: number[];
  layers: { layer: number; effect: number }[];
  heads: (Cut & { effect: number })[];
  control: number | null;
  /** Heads chosen, of which `heads` may be a part. */
  all: number;
}

function report(params: InhibitParams, base: number, { joint, layers, heads, control, all }: Measured): CommandOutcome {
  const name = JSON.stringify(params.span);
  const effect = mean(joint);
  const spread = standardDeviation(joint);
  const largest = <T extends { effect: number }>(of: readonly T[]): T => of[argmax(of.map((one) => Math.abs(one.effect)))]!;
  const layer = largest(layers);
  const head = largest(heads);
  const drawn = joint.length > 1;
  const change = (value: number): string => `${value < 0 ? 'lowers' : 'raises'} the margin by ${nats(Math.abs(value))}`;
  const findings = [
    drawn
      ? `Cutting a random ${plain(100 * (params.rate ?? 1))} % of the heads off from ${name} ${change(effect)} on average (${plain(spread)} standard deviation, ${joint.length} draws).`
      : `Cutting the answer position off from ${name} ${change(effect)}, from ${plain(base)} to ${plain(base + effect)}.`,
    ...(control === null ? [] : [`In the control the same ${change(control)}.`]),
    `Of single layers, layer ${layer.layer} alone ${change(layer.effect)}; of single heads, head ${head.layer}.${head.head} alone ${change(head.effect)}.`,
  ];
  return {
    name: 'INHIBIT',
    params: { ...params },
    evidence: 'caused',
    findings,
    values: {
      effect,
      spread,
      margin: base + effect,
      controlEffect: control,
      strongestLayer: layer.layer,
      strongestLayerEffect: layer.effect,
      strongestHead: `${head.layer}.${head.head}`,
      strongestHeadEffect: head.effect,
    },
    curves: [
      {
        title: `Effect of cutting one layer off from ${name}`,
        xLabel: 'layer',
        yLabel: 'effect',
        unit: 'nats',
        x: layers.map((one) => one.layer),
        series: [{ label: 'this layer alone', y: layers.map((one) => one.effect) }],
      },
    ],
    tables: [
      {
        title:
          heads.length < all
            ? `Effect of single heads: the ${heads.length} of ${all} that attend to ${name} most`
            : 'Effect of single heads',
        columns: [{ label: 'head' }, { label: 'effect', unit: 'nats' }],
        rows: [...heads].sort((a, b) => Math.abs(b.effect) - Math.abs(a.effect)).map((one) => [`${one.layer}.${one.head}`, one.effect]),
      },
    ],
  };
}
