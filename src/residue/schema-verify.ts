import { boolean, choice, count, list, matrix, nats, nullable, number, object, range, ref, string, type Schema } from './schema-words.js';

/** Sections of types-verify.ts. */
export const verifySections: Record<string, Schema> = {
  PatchMap: object({
    at: choice('resid_pre', 'attn_out', 'mlp_out'),
    groups: list(range, "Half-open ranges of the probe's positions that were patched together."),
    complete: boolean,
    recovery: { ...matrix, description: '[layer][group]' },
  }),
  ComponentEffect: object(
    {
      component: string,
      layer: count,
      head: nullable(count),
      predicted: nats,
      zero: nats,
      mean: nats,
      resample: nats,
      resampleSpread: { type: 'number', minimum: 0 },
      repair: object({ total: nats, later: nats, norm: nats, by: list(object({ component: string, change: nats })) }),
      null: nullable(ref('NullBand')),
      opinion: ref('Opinion'),
    },
    ['null', 'opinion'],
  ),
  Verification: object(
    {
      ends: object({ probe: nats, control: nullable(nats) }),
      source: nullable(string),
      aligned: count,
      curves: nullable(object({ source: nullable(list(number)), answer: list(number) })),
      interval: nullable(object({ from: nullable(count), to: nullable(count), opinion: nullable(ref('Opinion')) }, ['opinion'])),
      maps: list(ref('PatchMap')),
      heads: nullable(matrix),
      knockout: nullable(
        object({ span: string, effect: nats, byLayer: list(nats), null: nullable(ref('NullBand')), opinion: nullable(ref('Opinion')) }, [
          'null',
          'opinion',
        ]),
      ),
      effects: list(ref('ComponentEffect')),
      open: list(string, 'What could not be verified, and why.'),
    },
    [],
    'What interventions did to the margin, nats; recoveries as shares of the drop.',
  ),
};
