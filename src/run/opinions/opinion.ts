import type { Opinion } from '../../residue/types-claims.js';
import type { HeadVerdict } from '../../residue/types-heads.js';
import { nats } from '../words.js';
import type { ParaphraseReading } from './reading.js';

/** What one repetition of a question came to. */
export type Answer = Opinion['by'][number];

/** Null where nothing else was asked. */
export const opinionOf = (by: Answer[]): Opinion | null =>
  by.length === 0 ? null : { agree: by.filter(({ agrees }) => agrees).length, of: by.length, by };

/** `costs 1.2 nats` */
export const costsOrGains = (effect: number): string => `${effect < 0 ? 'costs' : 'gains'} ${nats(Math.abs(effect))}`;

/** Least effect, nats, that counts as one: below it the odds change by less than a tenth. */
export const LEAST_EFFECT = 0.1;

/** Another measurement agrees when it is an effect of the same sign, or, where there was none, when it is none. */
export function sayOf(name: string, effect: number, observed: number): Answer {
  const kind = (x: number): number => (Math.abs(x) < LEAST_EFFECT ? 0 : Math.sign(x));
  return { name, agrees: kind(effect) === kind(observed), says: costsOrGains(effect) };
}

/** A verdict asked again: its intervention, and the verdict of the same head in every paraphrase that has a control of its own. */
export function judged(verdict: HeadVerdict, read: readonly Pick<ParaphraseReading, 'name' | 'verdicts'>[] = []): HeadVerdict {
  if (verdict.verdict === 'none') return verdict;
  const by: Answer[] = [];
  const { test } = verdict;
  if (test) by.push({ name: test.what, agrees: test.confirmed, says: costsOrGains(test.effect) });
  for (const { name, verdicts } of read) {
    if (!verdicts) continue;
    const there = verdicts.get(`${verdict.layer}.${verdict.head}`);
    const agrees = verdict.verdict === 'ghost' ? there?.silent === true : there?.kind === verdict.verdict;
    by.push({ name, agrees, says: !there ? 'does not look at the span' : there.silent ? 'looks and writes nothing' : there.kind });
  }
  const opinion = opinionOf(by);
  return opinion ? { ...verdict, opinion } : verdict;
}
