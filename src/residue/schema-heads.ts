import { boolean, choice, count, list, nats, nullable, object, ref, share, string, type Schema } from './schema-words.js';

const layerAndHead: Schema = { type: 'array', prefixItems: [count, count], items: false, minItems: 2, maxItems: 2 };
const size: Schema = { type: 'number', minimum: 0 };
const sizes = list(list(size));
const kinds = choice('qk-collapse', 'ov-misfire', 'trace-drop', 'conflict', 'ghost', 'none');
const pair = { probe: nats, control: nullable(nats) };

const head: Schema = object(
  {
    layer: count,
    head: count,
    verdict: kinds,
    attention: object({ probe: share, control: nullable(share), null95: nullable(share) }),
    write: object({ ...pair, null95: nullable(size) }),
    perAttention: object(pair),
    loss: nullable(nats),
    byAttention: nullable(nats),
    byWrite: nullable(nats),
    cancelledBy: list(object({ component: string, ...pair })),
    test: nullable(object({ what: string, effect: nats, null95: nullable(size), confirmed: boolean })),
    reason: string,
    null: nullable(ref('NullBand')),
    opinion: ref('Opinion'),
  },
  ['null', 'opinion'],
);

/** Sections of types-heads.ts. */
export const headSections: Record<string, Schema> = {
  HeadMeasure: object({
    value: { ...sizes, description: '[layer][head]' },
    control: nullable(sizes),
    percentile: { ...list(list(share)), description: 'Where it stands among its nulls; empty where there is none.' },
  }),
  AttentionDisruption: object({
    of: nullable(string),
    entropy: ref('HeadMeasure'),
    self: ref('HeadMeasure'),
    local: ref('HeadMeasure'),
    sink: ref('HeadMeasure'),
    span: nullable(ref('HeadMeasure')),
    distance: ref('HeadMeasure'),
    trapped: nullable(list(layerAndHead)),
  }),
  HeadVerdict: head,
  HeadVerdicts: object({
    span: string,
    scaleRatio: size,
    heads: list(ref('HeadVerdict')),
    touching: count,
    conflict: nullable(object({ toward: size, against: size, ratio: share })),
  }),
  NullAttribution: object({
    reason: choice('end-of-text', 'nothing-above-0.1'),
    endOfText: nullable(object({ token: string, terms: ref('Attribution') })),
    entropy: ref('Attribution'),
  }),
  ErrorPropagation: object({
    epsilon: size,
    seeds: count,
    layers: list(count),
    noise: { ...sizes, description: '[layer][k − l], rows l … L' },
    spread: sizes,
    difference: nullable(sizes),
  }),
  TraceShape: object({ complexity: size, parts: count, logitNull: nullable(share) }),
  NullSpace: object({ volume: share, byRun: list(object({ name: string, share })), directions: count, of: count }),
};
