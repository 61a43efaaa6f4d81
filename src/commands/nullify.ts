import type { Edit } from '../engine/api.js';
import { InputError } from '../errors.js';
import { difference, isDirection } from '../methods/directions.js';
import { jensenShannon } from '../methods/divergence.js';
import { logSoftmax } from '../methods/lens.js';
import { Random, scrambling } from '../methods/random.js';
import { nullBand } from '../methods/significance.js';
import { editedOutputs, marginsAtEnd, outputsAtEnd, type Variant } from '../run/edited.js';
import { prefixOf } from '../run/prefix.js';
import { checkPair, runSolo, type Solo } from '../run/instruction/solo.js';
import type { CommandOutcome } from '../residue/types.js';
import { count, nats, plain, quote } from '../run/words.js';
import { missingSpan } from './anchors.js';
import { describeOutput, positionsSchema } from './instructions.js';
import { indexesSchema, spanSchema } from './schema.js';
import { CLAIM, contest, range, resolveIndexes, withoutSpan } from './shared.js';
import type { Command, CommandContext } from './types.js';

interface NullifyParams {
  span: string;
  other: string;
  layers?: number[] | 'all';
  positions?: 'kept' | 'closed';
}

const NOTHING = {
  effect: null,
  says: null,
  survives: null,
  jsToSpan: null,
  jsToOther: null,
  knockoutEffect: null,
  knockoutSays: null,
  knockoutSurvives: null,
  knockoutJsToOther: null,
  reverseSurvives: null,
  reverseSays: null,
  strongestLayer: null,
  strongestLayerEffect: null,
};

export const nullify: Command<NullifyParams> = {
  name: 'NULLIFY',
  summary: 'Takes one of two instructions out of the running model, by its direction or by its span, and asks whose output survives.',
  docs: `**NULLIFY** takes the instruction \`span\` out of a prompt that also has the instruction \`other\`, in the chosen layers, in three ways:

- *projection*: its solo direction d (see DISTILL) is projected out of the residual stream at the answer position p as it enters each layer, r − (r · d̂) d̂.
- *knockout at p*: p may not attend to its tokens (Geva et al. 2023). *Knockout everywhere*: no later token may; in all layers that is the prompt without it, its positions kept.

The output is then compared with that of each instruction alone (Jensen-Shannon divergence, Lin 1991): the nearer one **survives**. The same is done the other way round, with \`other\` taken out, and the projection at each
layer alone. *effect* (nats): margin with the projection − margin without. All of it is **tested by intervention**. A projection takes out whatever else lies along d.`,
  params: {
    type: 'object',
    required: ['span', 'other'],
    additionalProperties: false,
    properties: {
      span: { ...spanSchema, description: 'The span of the instruction that is taken out.' },
      other: { ...spanSchema, description: 'The span of the instruction that stays.' },
      layers: indexesSchema('layer', 'Layers in which it is taken out, all at once. Default all.'),
      positions: positionsSchema,
    },
  },
  snippet: 'NULLIFY: { span: ${1:second}, other: ${2:first} }',
  measures: {
    effect: { unit: 'nats', summary: 'Margin with the direction projected out minus margin without.' },
    says: { unit: '', summary: 'The likeliest token then.' },
    survives: { unit: '', summary: 'The span whose solo output is nearer then.' },
    jsToSpan: { unit: 'nats', summary: 'Divergence from the output of the nullified instruction alone, after the projection.' },
    jsToOther: { unit: 'nats', summary: 'Divergence from the output of the other instruction alone, after the projection.' },
    knockoutEffect: { unit: 'nats', summary: 'Margin with the answer position cut off from the span minus margin without.' },
    knockoutSays: { unit: '', summary: 'The likeliest token then.' },
    knockoutSurvives: { unit: '', summary: 'The span whose solo output is nearer then.' },
    knockoutJsToOther: { unit: 'nats', summary: 'Divergence from the output of the other instruction alone, after that knockout.' },
    reverseSays: { unit: '', summary: 'The likeliest token when the other instruction is projected out instead.' },
    reverseSurvives: { unit: '', summary: 'The span whose solo output is nearer when the other is projected out instead.' },
    strongestLayer: { unit: 'layer', summary: 'The layer at which projecting out alone changes the margin most.' },
    strongestLayerEffect: { unit: 'nats', summary: 'That change.' },
  },
  check(spec, probe, { span, other, layers }) {
    checkPair(probe, { a: span, b: other }, 'NULLIFY', ['span', 'other']);
    resolveIndexes(layers, spec.nLayers, 'NULLIFY.layers', 'layer');
  },
  async run(context, params) {
    const { model, probe, signal } = context;
    const missing = missingSpan(probe.prompt, [params.span, params.other]);
    if (missing !== null) return withoutSpan('NULLIFY', { ...params }, missing, NOTHING);
    const solo = await runSolo(model, probe, { a: params.span, b: params.other }, params.positions ?? 'kept', signal);
    const layers = resolveIndexes(params.layers, model.spec.nLayers, 'NULLIFY.layers', 'layer');
    const out = (of: 'a' | 'b'): Variant => projectOut(solo, of, layers, probe.position);
    const single = layers.map((layer) => projectOut(solo, 'a', [layer], probe.position));
    const cut = (name: string, everywhere: boolean): Variant => knockout(context, name, layers, everywhere);
    const atEnd = [
      [],
      out('a'),
      out('b'),
      cut(params.span, false),
      cut(params.other, false),
      ...single,
      ...unrelated(solo, layers, context),
    ];
    const everywhere = [cut(params.span, true), cut(params.other, true)];
    const total = atEnd.length + everywhere.length;
    const { ids } = probe.prompt;
    // Before the first edit that a variant makes at p the prefix is the same for all of them.
    const first = await outputsAtEnd(model, await prefixOf(model, ids, signal), atEnd, logSoftmax, {
      signal,
      onProgress: (done) => context.progress(done, total),
    });
    const rest = await editedOutputs(model, ids, everywhere, logSoftmax, {
      signal,
      onProgress: (done) => context.progress(atEnd.length + done, total),
    });
    const [unchanged, ...changed] = first;
    return report(context, params, solo, layers, {
      unchanged: unchanged!,
      projected: changed[0]!,
      reverse: changed[1]!,
      knocked: changed[2]!,
      reverseKnocked: changed[3]!,
      single: changed.slice(4, 4 + layers.length),
      unrelated: changed.slice(4 + layers.length),
      everywhere: rest[0]!,
      reverseEverywhere: rest[1]!,
    });
  },
  claims({ params, values: { effect, survives } }) {
    if (typeof effect !== 'number' || typeof survives !== 'string' || Math.abs(effect) < CLAIM) return [];
    const span = quote(String(params['span']));
    return [
      `${span} works ${effect > 0 ? 'against' : 'for'} the answer: its direction taken out ${effect > 0 ? 'gains' : 'costs'} ${nats(Math.abs(effect))}, and ${quote(survives)} survives`,
    ];
  },
  async again(context, params) {
    const { model, probe, trace, signal } = context;
    try {
      checkPair(probe.prompt, { a: params.span, b: params.other }, 'NULLIFY');
    } catch (error) {
      if (error instanceof InputError) return null;
      throw error;
    }
    if (missingSpan(probe.prompt, [params.span, params.other]) !== null) return null;
    const solo = await runSolo(model, probe, { a: params.span, b: params.other }, params.positions ?? 'kept', signal);
    const layers = resolveIndexes(params.layers, model.spec.nLayers, 'NULLIFY.layers', 'layer');
    const prefix = await prefixOf(model, probe.prompt.ids, signal);
    const [margin] = await marginsAtEnd(model, prefix, [projectOut(solo, 'a', layers, probe.position)], contest(context), { signal });
    return margin! - trace.scores!.margin;
  },
};

/** Directions without meaning that are projected out beside the instruction's own. */
const NULL_DIRECTIONS = 32;

/**
 * The null of a projection: at every chosen layer the instruction's direction with its coordinates shuffled and signs flipped, alike at all
 * layers, so that lengths and the angles between layers are its own and the direction means nothing.
 */
function unrelated(solo: Solo, layers: readonly number[], { probe, seed }: CommandContext): Variant[] {
  const own = projectOut(solo, 'a', layers, probe.position);
  if (own.length === 0) return [];
  const random = new Random(seed);
  return range(NULL_DIRECTIONS).map(() => {
    const scrambled = scrambling(random, solo.neither.rows[0]!.length);
    return own.map((edit) => (edit.kind === 'project-out' ? { ...edit, direction: scrambled(edit.direction) } : edit));
  });
}

/** Edits that project an instruction's solo direction out of p's stream as it enters these layers; none where it has no direction. */
export function projectOut(solo: Solo, of: 'a' | 'b', layers: readonly number[], position: number): Edit[] {
  return layers.flatMap((layer): Edit[] => {
    const base = solo.neither.rows[layer]!;
    const direction = difference(solo[of].rows[layer]!, base);
    if (!isDirection(direction, base)) return [];
    return [{ kind: 'project-out', layer, positions: [position], direction: Float32Array.from(direction) }];
  });
}

/** Cuts p, or every token after the span, off from it. */
function knockout({ probe }: CommandContext, name: string, layers: readonly number[], everywhere: boolean): Edit[] {
  const [start, end] = probe.prompt.spans[name]!;
  const keys = range(end - start).map((i) => start + i);
  const last = probe.position;
  // A query needs a key of its own: those after the span have themselves.
  const queries = everywhere ? range(last + 1 - end).map((i) => end + i) : [last];
  return [{ kind: 'knockout', layers, heads: 'all', queries, keys }];
}

type Output = Float64Array;

interface Outputs {
  unchanged: Output;
  projected: Output;
  reverse: Output;
  knocked: Output;
  reverseKnocked: Output;
  everywhere: Output;
  reverseEverywhere: Output;
  /** One per chosen layer. */
  single: Output[];
  /** One per direction that means nothing. */
  unrelated: Output[];
}

function report(context: CommandContext, params: NullifyParams, solo: Solo, layers: readonly number[], outputs: Outputs): CommandOutcome {
  const token = (id: number): string => context.model.tokenizer.token(id);
  const read = (output: Output) => {
    const toSpan = jensenShannon(output, solo.a.logprobs);
    const toOther = jensenShannon(output, solo.b.logprobs);
    return { ...describeOutput(output, contest(context), token), toSpan, toOther, survives: toSpan < toOther ? params.span : params.other };
  };
  const base = read(outputs.unchanged);
  const projected = read(outputs.projected);
  const knocked = read(outputs.knocked);
  const reverse = read(outputs.reverse);
  const single = outputs.single.map(read);
  const effects = single.map(({ margin }) => margin - base.margin);
  const strongest = effects.reduce((best, effect, i) => (Math.abs(effect) > Math.abs(effects[best]!) ? i : best), 0);
  const effect = projected.margin - base.margin;
  const nulls = outputs.unrelated.map((output) => read(output).margin - base.margin);
  const band = nullBand(effect, nulls, `${count(nulls.length, 'direction')} without meaning projected out in its place`, 'size');
  const [name, other] = [quote(params.span), quote(params.other)];
  const told = (what: string, one: typeof base): string =>
    `${what}, the model says ${quote(one.says)} (${plain(100 * one.probability)} %), ${nats(one.toSpan)} from ${name} alone and ${nats(one.toOther)} from ${other} alone: ${quote(one.survives)} survives.`;
  const row = (label: string, one: typeof base): CommandOutcome['tables'][number]['rows'][number] => [
    label,
    one.says,
    one.probability,
    one.margin,
    one.toSpan,
    one.toOther,
    one.survives,
  ];
  return {
    name: 'NULLIFY',
    params: { ...params },
    evidence: 'caused',
    findings: [
      told(`With the direction of ${name} projected out`, projected),
      told(`With the answer position cut off from ${name}`, knocked),
      `The other way round, with ${other} projected out, it says ${quote(reverse.says)} and ${quote(reverse.survives)} survives; with nothing taken out it says ${quote(base.says)}.`,
    ],
    values: {
      effect,
      says: projected.says,
      survives: projected.survives,
      jsToSpan: projected.toSpan,
      jsToOther: projected.toOther,
      knockoutEffect: knocked.margin - base.margin,
      knockoutSays: knocked.says,
      knockoutSurvives: knocked.survives,
      knockoutJsToOther: knocked.toOther,
      reverseSays: reverse.says,
      reverseSurvives: reverse.survives,
      strongestLayer: layers[strongest]!,
      strongestLayerEffect: effects[strongest]!,
    },
    ...(band ? { nulls: { effect: band } } : {}),
    curves: [
      {
        title: `Divergence with ${name} projected out at one layer`,
        xLabel: 'layer',
        yLabel: 'divergence',
        unit: 'nats',
        x: [...layers],
        series: [
          { label: `from ${params.span} alone`, y: single.map(({ toSpan }) => toSpan) },
          { label: `from ${params.other} alone`, y: single.map(({ toOther }) => toOther) },
        ],
      },
      {
        title: `Effect of projecting ${name} out at one layer`,
        xLabel: 'layer',
        yLabel: 'effect',
        unit: 'nats',
        x: [...layers],
        series: [{ label: 'this layer alone', y: effects }],
      },
    ],
    tables: [
      {
        title: 'Which instruction survives',
        columns: [
          { label: 'taken out' },
          { label: 'says' },
          { label: 'probability' },
          { label: 'margin', unit: 'nats' },
          { label: `from ${params.span} alone`, unit: 'nats' },
          { label: `from ${params.other} alone`, unit: 'nats' },
          { label: 'survives' },
        ],
        rows: [
          row('nothing', base),
          row(`${params.span}, projected out`, projected),
          row(`${params.span}, knocked out at p`, knocked),
          row(`${params.span}, knocked out everywhere`, read(outputs.everywhere)),
          row(`${params.other}, projected out`, reverse),
          row(`${params.other}, knocked out at p`, read(outputs.reverseKnocked)),
          row(`${params.other}, knocked out everywhere`, read(outputs.reverseEverywhere)),
        ],
      },
    ],
  };
}
