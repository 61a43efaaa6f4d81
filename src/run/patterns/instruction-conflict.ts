import { conflict } from '../../methods/conflict.js';
import { plain } from '../words.js';
import type { Detector } from './detector.js';

/**
 * `instruction-conflict`, from SPLICE's numbers: both instructions are suppressed (each has less than half of its solo direction after
 * the last layer), or the output with both is another one than either gives alone: farther from each, by Jensen and Shannon, than half of
 * what the two are apart. Score: how far the nearer of the two is by what they are apart, or what is missing of the larger projection; at
 * most 1. Its null takes runs of its own (`spliceNulls`): the same score of random pairs of spans in the instructions' place.
 */
export const instructionConflict: Detector = {
  name: 'instruction-conflict',
  needs: ['SPLICE'],
  detect({ trace }) {
    const splice = trace.commands?.find(({ name }) => name === 'SPLICE');
    if (!splice) return { unmeasured: 'it needs SPLICE in `run`' };
    const [toA, toB, between, a, b] = ['jsToA', 'jsToB', 'jsBetween', 'projectionA', 'projectionB'].map((key) => splice.values[key]);
    if (typeof toA !== 'number' || typeof toB !== 'number' || typeof between !== 'number')
      return { unmeasured: 'SPLICE measured nothing on this prompt' };
    const projections = typeof a === 'number' && typeof b === 'number' ? { a, b } : null;
    const { present, score } = conflict(toA, toB, between, projections);
    const evidence = [
      `with both, the output is ${plain(toA)} nats from the first alone and ${plain(toB)} from the second (Jensen-Shannon); the two are ${plain(between)} apart`,
      ...(projections
        ? [`after the last layer ${plain(100 * projections.a)} % and ${plain(100 * projections.b)} % of their solo directions are left`]
        : []),
    ].join('; ');
    return { present, score, evidence, null: null };
  },
};
