import { NULL_SPANS } from '../../methods/random-spans.js';
import { Random } from '../../methods/random.js';
import { plain, quote } from '../words.js';
import { detection, type Detector, type Sighting } from './detector.js';

/** Probability from which a candidate counts. */
const CANDIDATE = 0.1;
/** Times the runner-up's probability at which a candidate has won. */
const WON = 2;
/** Sign changes of the margin in the later half that make it waver. */
const CHANGES = 2;

/**
 * `value-competition`: two candidates (answer and rivals) or more have 0.1 at the output, or the margin changes its sign twice or more in
 * the later half of the layers, and it is not resolved: the leader has less than twice the runner-up's probability. Score: the runner-up's probability by the
 * leader's where both have 0.1, or the share of steps of the later half that change the sign; 0 when it is resolved.
 * Null: the same for 32 sets of random tokens.
 */
export const valueCompetition: Detector = {
  name: 'value-competition',
  detect(sighting) {
    const { trace, lens, special, seed } = sighting;
    if (!trace.scores) return { unmeasured: 'the run was not scored' };
    const named = [trace.scores.answer, ...trace.scores.rivals];
    const ids = [...new Set(named.map(({ ids }) => ids[0]!))];
    if (ids.length < 2) return { unmeasured: 'it needs an answer and at least one rival' };
    const { leader, second, changes, score, present } = compete(lens, ids);
    const word = (id: number): string => quote(named.find((one) => one.ids[0] === id)!.text);
    const vocab = lens.shape[1]!;
    const random = new Random(seed);
    const nulls = Array.from({ length: NULL_SPANS }, () => compete(lens, randomTokens(random, vocab, ids, special)).score);
    const evidence = [
      `${word(leader.id)} has ${plain(leader.prob)} and ${word(second.id)} ${plain(second.prob)} at the output`,
      `the margin changes its sign ${changes} ${changes === 1 ? 'time' : 'times'} in the later half`,
      leader.prob >= WON * second.prob ? 'which is resolved' : 'none has twice the probability of the next',
    ].join('; ');
    return detection({ present, score, evidence }, score, nulls, `${NULL_SPANS} sets of ${ids.length} random tokens`);
  },
};

/** How a set of tokens competes; the first is the answer. */
export function compete(
  { data, shape }: Sighting['lens'],
  ids: readonly number[],
): { leader: Share; second: Share; changes: number; score: number; present: boolean } {
  const [rows, vocab] = shape as [number, number];
  const logprob = (row: number, id: number): number => data[row * vocab + id]!;
  const [leader, second] = ids.map((id) => ({ id, prob: Math.exp(logprob(rows - 1, id)) })).sort((a, b) => b.prob - a.prob) as [
    Share,
    Share,
  ];
  const [answer, ...rivals] = ids as [number, ...number[]];
  const later = Array.from({ length: rows }, (_, l) => l).filter((l) => l >= (rows - 1) / 2);
  const margins = later.map((l) => logprob(l, answer) - Math.max(...rivals.map((id) => logprob(l, id))));
  const changes = margins.filter((m, i) => i > 0 && m < 0 !== margins[i - 1]! < 0).length;
  const open = leader.prob < WON * second.prob;
  const together = second.prob >= CANDIDATE;
  const wavers = changes >= CHANGES;
  const score = open ? Math.max(together ? second.prob / leader.prob : 0, wavers ? changes / (margins.length - 1) : 0) : 0;
  return { leader, second, changes, score, present: open && (together || wavers) };
}

interface Share {
  id: number;
  prob: number;
}

/** As many different tokens as there are candidates, none of them one, none special. */
function randomTokens(random: Random, vocab: number, not: readonly number[], special: Sighting['special']): number[] {
  const chosen: number[] = [];
  for (let tries = 0; chosen.length < not.length && tries < 100 * not.length; tries++) {
    const id = random.below(vocab);
    if (!not.includes(id) && !chosen.includes(id) && !special.has(id)) chosen.push(id);
  }
  return chosen.length === not.length ? chosen : [...not];
}
