import { tailPeriod } from '../../methods/looping.js';
import { recursiveLooping } from '../../methods/patterns.js';
import { NULL_SPANS } from '../../methods/random-spans.js';
import { Random } from '../../methods/random.js';
import { detection, type Detector } from './detector.js';

/**
 * `recursive-looping` (`recursiveLooping`). Null: the larger of the looping share of the continuation's own tokens in random order, and
 * the share of heads that are trapped away from a random span, 32 times.
 */
export const recursiveLoopingDetector: Detector = {
  name: 'recursive-looping',
  detect({ trace, trapped, seed }) {
    const { scores, generation, looping } = trace;
    if (!scores) return { unmeasured: 'the run was not scored' };
    if (!generation && !trapped) return { unmeasured: 'it needs a continuation (`generate`, or RECALL in `run`), or a control and a span' };
    const loops = looping?.loops && generation && looping.period !== null;
    const found = recursiveLooping({
      failed: scores.failed,
      generated: generation !== undefined,
      loop: loops ? { period: looping.period!, repeats: looping.repeats, generated: generation.ids.length } : null,
      trapped,
    });
    const random = new Random(seed);
    const nulls = Array.from({ length: NULL_SPANS }, (_, i) =>
      Math.max(generation ? loopShare(random.shuffled(generation.ids)) : 0, trapped?.nulls[i] ?? 0),
    );
    const { present, score, evidence } = found;
    return detection({ present, score, evidence }, score, nulls, `${NULL_SPANS} random orders of the continuation, and random spans`);
  },
};

/** Share of a text that the repetition at its end takes. */
function loopShare(ids: readonly number[]): number {
  const found = tailPeriod(ids);
  return found ? Math.min(1, (found.period * found.repeats) / ids.length) : 0;
}
