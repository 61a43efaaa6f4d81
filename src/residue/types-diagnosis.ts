import type { NullBand, Opinion } from './types-claims.js';

/** What a prompt's failure comes down to, or what stands behind its success. */
export type DiagnosisKind = 'qk-collapse' | 'ov-misfire' | 'trace-drop' | 'conflict' | 'ghost' | 'self-repair' | 'unexplained' | 'none';

/**
 * The one statement that a run comes down to, from what was measured of it alone. A cause is named only where an intervention on it gave
 * back half of the drop or more.
 */
export interface Diagnosis {
  /** `unexplained`: it fails, and no single head accounts for half of it. `none`: it does not fail, and nothing stands out. */
  kind: DiagnosisKind;
  /** Where; null for `unexplained` and `none`, and `head` where an MLP takes over. */
  layer: number | null;
  head: number | null;
  /** The other part: of a trace-drop what cancels, of a conflict the head that is opposed, of self-repair what was removed. */
  partner: string | null;
  sentence: string;
  /** `caused` where an intervention bears it out. */
  evidence: 'observed' | 'caused';
  /** Change of the margin by that intervention, nats. */
  effect: number | null;
  /** The same as a share of the drop; null where there is none. */
  share: number | null;
  /** Null of the head's verdict that it rests on; null where none is defined, absent in older files. */
  null?: NullBand | null;
  /** Other interventions that bear on it. */
  opinion: Opinion | null;
  /** Other heads with a confirmed verdict that the prompt fails by, strongest first. */
  others: { kind: DiagnosisKind; layer: number; head: number; effect: number }[];
  /** Where the answer was lost as the lens shows it, and as patching does; null where it was not lost, or that was not measured. */
  observed: { kind: 'lost' | 'never-formed'; layer: number | null } | null;
  caused: { from: number | null; to: number | null } | null;
}
