import { ownTokens } from '../../methods/anchors.js';
import { spansInWords } from '../../methods/significance.js';
import type { RunTrace } from '../../residue/types.js';
import { plain, quote } from '../words.js';
import { detection, type Detector } from './detector.js';

/**
 * `temporal-dislocation`: of the time anchors, the one that p attends to most, or writes most from, is not the right one, or another is
 * when the positions between them are shifted. Anchors are those of REMEMBER, or in a shell of the family temporal all marked spans in order; the right one is
 * REMEMBER's, or the one that holds the answer's token. Score: the largest wrong anchor's share of attention against the right one's
 * (1 when SHIFT changes it). Null: random spans in the wrong anchor's place.
 */
export const temporalDislocation: Detector = {
  name: 'temporal-dislocation',
  needs: ['REMEMBER', 'SHIFT'],
  detect({ trace, family, measure, random }) {
    const remembered = trace.commands?.find(({ name }) => name === 'REMEMBER');
    const shift = trace.commands?.find(({ name }) => name === 'SHIFT');
    if (!remembered && family !== 'temporal')
      return { unmeasured: 'its spans are not said to be moments: it needs REMEMBER in `run`, or a shell of the family temporal' };
    const anchors = anchorsOf(trace, remembered?.params['spans']);
    if (anchors.length < 2) return { unmeasured: 'it needs two marked spans in order, or REMEMBER in `run`' };
    const named = remembered?.values['right'];
    const right = typeof named === 'string' && anchors.includes(named) ? named : rightOf(trace, anchors);
    if (right === null) return { unmeasured: 'no marked span holds the answer, so none is the right moment' };
    const read = Object.fromEntries(anchors.map((name) => [name, measure(trace.spans[name]!)]));
    const most = (key: 'attention' | 'flow'): string => anchors.reduce((best, name) => (read[name]![key] > read[best]![key] ? name : best));
    const attended = most('attention');
    // Toward an anchor whose tokens others have as well nothing can be seen to be written, so another would be said to be in its place.
    const writtenBy = hasOwnTokens(trace, anchors, right) ? remembered?.values['written'] : null;
    const written = typeof writtenBy === 'string' && anchors.includes(writtenBy) ? writtenBy : most('flow');
    const changes = shift?.values['attendedChanges'] === true || shift?.values['writtenChanges'] === true;
    const wrong = anchors.filter((name) => name !== right).reduce((a, b) => (read[b]!.attention > read[a]!.attention ? b : a));
    const share = (mass: number): number => (mass > 0 ? mass / (mass + read[right]!.attention) : 0);
    const score = changes ? 1 : share(read[wrong]!.attention);
    const drawn = random(trace.spans[wrong]!);
    const present = attended !== right || written !== right || changes;
    const evidence = [
      `the right moment is ${quote(right)}; the answer position attends most to ${quote(attended)} and takes most from ${quote(written)}`,
      `${quote(wrong)} has ${plain(100 * share(read[wrong]!.attention))} % of the attention to the two`,
      ...(shift ? [changes ? 'another moment is read when the positions are shifted' : 'a shift of the positions changes neither'] : []),
    ].join('; ');
    return detection(
      { present, score, evidence },
      share(read[wrong]!.attention),
      drawn.map((span) => share(measure(span).attention)),
      `${spansInWords(drawn)} in place of the wrong moment`,
    );
  },
};

function anchorsOf({ spans }: RunTrace, asked: unknown): string[] {
  const names = Array.isArray(asked) ? asked.filter((name): name is string => typeof name === 'string' && name in spans) : [];
  const chosen = names.length > 0 ? names : Object.keys(spans);
  return [...chosen].sort((a, b) => spans[a]![0] - spans[b]![0]);
}

function hasOwnTokens({ tokens, spans }: RunTrace, anchors: readonly string[], name: string): boolean {
  const ids = anchors.map((anchor) => tokens.slice(...spans[anchor]!).map(({ id }) => id));
  return ownTokens(ids, new Set())[anchors.indexOf(name)]!.length > 0;
}

/** The anchor that holds the answer's first token. */
function rightOf({ spans, tokens, scores }: RunTrace, anchors: readonly string[]): string | null {
  const id = scores?.answer.ids[0];
  return anchors.find((name) => tokens.slice(...spans[name]!).some((token) => token.id === id)) ?? null;
}
