import { plain } from '../words.js';
import type { Detector } from './detector.js';

/** Part of an instruction's solo direction below which it is suppressed. */
const SUPPRESSED = 0.5;

/**
 * `instruction-conflict`, from SPLICE's numbers: both instructions are suppressed (each has less than half of its solo direction after
 * the last layer), or the output with both is farther from each alone, by Jensen and Shannon, than half of what the two are apart.
 * Score: how far the nearer of the two is by what they are apart, or what is missing of the larger projection; at most 1. No null is defined on it: SPLICE's runs leave out the instructions themselves, and no other text
 * stands in their place.
 */
export const instructionConflict: Detector = {
  name: 'instruction-conflict',
  detect({ trace }) {
    const splice = trace.commands?.find(({ name }) => name === 'SPLICE');
    if (!splice) return { unmeasured: 'it needs SPLICE in `run`' };
    const [toA, toB, between, a, b] = ['jsToA', 'jsToB', 'jsBetween', 'projectionA', 'projectionB'].map((key) => splice.values[key]);
    if (typeof toA !== 'number' || typeof toB !== 'number' || typeof between !== 'number')
      return { unmeasured: 'SPLICE measured nothing on this prompt' };
    const nearer = between > 0 ? Math.min(toA, toB) / between : 0;
    const far = nearer > 0.5;
    const projections = typeof a === 'number' && typeof b === 'number' ? { a, b } : null;
    const suppressed = projections !== null && projections.a < SUPPRESSED && projections.b < SUPPRESSED;
    const missing = projections ? Math.min(1, Math.max(0, 1 - Math.max(projections.a, projections.b))) : 0;
    const evidence = [
      `with both, the output is ${plain(toA)} nats from the first alone and ${plain(toB)} from the second (Jensen-Shannon); the two are ${plain(between)} apart`,
      ...(projections
        ? [`after the last layer ${plain(100 * projections.a)} % and ${plain(100 * projections.b)} % of their solo directions are left`]
        : []),
    ].join('; ');
    return { present: far || suppressed, score: Math.min(1, Math.max(nearer, suppressed ? missing : 0)), evidence, null: null };
  },
};
