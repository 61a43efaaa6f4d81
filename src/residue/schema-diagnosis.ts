import { choice, count, list, nats, nullable, number, object, ref, string, type Schema } from './schema-words.js';

export const DIAGNOSES = ['qk-collapse', 'ov-misfire', 'trace-drop', 'conflict', 'ghost', 'self-repair', 'unexplained', 'none'] as const;

/** Sections of types-diagnosis.ts. */
export const diagnosisSections: Record<string, Schema> = {
  Diagnosis: object(
    {
      kind: choice(...DIAGNOSES),
      layer: nullable(count),
      head: nullable(count),
      partner: nullable(string),
      sentence: string,
      evidence: choice('observed', 'caused'),
      effect: nullable(nats),
      share: nullable(number),
      null: nullable(ref('NullBand')),
      opinion: nullable(ref('Opinion')),
      others: list(object({ kind: choice(...DIAGNOSES), layer: count, head: count, effect: nats })),
      observed: nullable(object({ kind: choice('lost', 'never-formed'), layer: nullable(count) })),
      caused: nullable(object({ from: nullable(count), to: nullable(count) })),
    },
    ['null'],
    'What the headline comes down to, from what was measured alone.',
  ),
};
