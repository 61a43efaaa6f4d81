/** What is true in a story, and the answers that follow from it. */
import { NOTHING, UNKNOWN } from './lexicon.js';
import type { Rule } from './lexicon.js';
import type { Fact, Question } from './sentences.js';

/** Keeps every fact told, refuses one that contradicts or doubles another, and answers questions. */
export class Truth {
  readonly facts: Fact[] = [];
  private readonly told = new Map<string, Fact>();

  constructor(readonly rule?: Rule) {}

  /** Another story in which the same was told so far. */
  copy(): Truth {
    const other = new Truth(this.rule);
    for (const fact of this.facts) other.tell(fact);
    return other;
  }

  /** True where the fact says something of what nothing was said of. */
  allows(fact: Fact): boolean {
    if (this.told.has(keyOf(fact))) return false;
    // A person's times are told in their order, so that the last told is the latest.
    if (fact.kind === 'time') return !this.facts.some((f) => f.kind === 'time' && f.owner === fact.owner && f.time > fact.time);
    // A box holds one thing.
    if (fact.kind === 'box') return !this.facts.some((f) => f.kind === 'box' && f.box === fact.box);
    return true;
  }

  tell(fact: Fact): void {
    if (!this.allows(fact)) throw new Error(`${keyOf(fact)} was told before.`);
    this.told.set(keyOf(fact), fact);
    this.facts.push(fact);
  }

  /** The one right answer to a question, "unknown" where it was never told. */
  answer(q: Question): string {
    switch (q.kind) {
      case 'memory':
        return this.get(`memory|${q.owner}|${q.thing}`, 'memory')?.color ?? UNKNOWN;
      case 'time':
        return this.get(`time|${q.owner}|${q.time}`, 'time')?.place ?? UNKNOWN;
      case 'last': {
        const seen = this.facts.filter((f) => f.kind === 'time' && f.owner === q.owner).at(-1);
        return seen?.kind === 'time' ? seen.place : UNKNOWN;
      }
      case 'wish': {
        const wish = this.get(`wish|${q.owner}`, 'wish');
        return wish && q.options.includes(wish.chosen) && q.options.includes(wish.other) ? wish.chosen : UNKNOWN;
      }
      case 'inside':
        return this.get(`box|${q.thing}`, 'box')?.box ?? UNKNOWN;
      case 'hop': {
        const box = this.get(`box|${q.thing}`, 'box')?.box;
        return (box && this.get(`place|${box}`, 'place')?.place) ?? UNKNOWN;
      }
      case 'think':
        return q.place;
      case 'cause':
        return this.get(`cause|${q.owner}|${q.mood}`, 'cause')?.cause ?? UNKNOWN;
      case 'negation':
        return this.get(`negation|${q.owner}`, 'negation')?.taken ?? UNKNOWN;
      case 'rule': {
        if (this.rule === undefined) throw new Error('There is no rule to answer by.');
        const triple = this.get(`triple|${q.owner}`, 'triple');
        return this.rule === 'nothing' ? NOTHING : (triple?.[this.rule] ?? UNKNOWN);
      }
    }
  }

  private get<K extends Fact['kind']>(key: string, kind: K): Extract<Fact, { kind: K }> | undefined {
    const fact = this.told.get(key);
    return fact?.kind === kind ? (fact as Extract<Fact, { kind: K }>) : undefined;
  }
}

/** What a fact is about, without what it says of it. */
export function keyOf(f: Fact): string {
  switch (f.kind) {
    case 'memory':
      return `memory|${f.owner}|${f.thing}`;
    case 'time':
      return `time|${f.owner}|${f.time}`;
    case 'wish':
      return `wish|${f.owner}`;
    case 'box':
      return `box|${f.thing}`;
    case 'place':
      return `place|${f.box}`;
    case 'cause':
      return `cause|${f.owner}|${f.mood}`;
    case 'negation':
      return `negation|${f.owner}`;
    case 'triple':
      return `triple|${f.owner}`;
  }
}
