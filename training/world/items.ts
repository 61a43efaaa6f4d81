/** Questions for measuring what a model has learned: one skill, so many facts of one kind, so many fillers before the question. */
import { FILLERS, HELD_OUT_NAMES, HELD_OUT_THINGS } from './lexicon.js';
import type { Rule } from './lexicon.js';
import { CHAPTER_KINDS, TRAINING_CAST, group, heldOut, ownerOf, questionsOf, twice, unknownQuestion } from './groups.js';
import type { Cast, ChapterKind, Unit } from './groups.js';
import type { Random } from './random.js';
import { askings, ruleTellings, tellings } from './sentences.js';
import type { Question } from './sentences.js';
import { Truth } from './truth.js';

export const SKILLS = [
  'memory',
  'time',
  'last',
  'wish',
  'hop',
  'think',
  'inside',
  'cause',
  'negation',
  'rule color',
  'rule thing',
  'rule place',
  'rule nothing',
  'unknown',
] as const;
export type Skill = (typeof SKILLS)[number];

/** The words that no training text holds. */
export const HELD_OUT_CAST: Cast = { names: HELD_OUT_NAMES, things: HELD_OUT_THINGS };

export interface Cell {
  skill: Skill;
  /** Facts told, the asked one included; they differ by owner (by thing where the question asks for a thing). */
  facts: number;
  /** Fillers between the last fact and the question. */
  fillers: number;
  cast?: Cast;
  /** Told and asked in the plainest way only. */
  plain?: boolean;
}

export interface Item {
  prompt: string;
  answer: string;
}

/** `count` fillers, each with the space after it: a dose of text that says nothing. */
export function dose(r: Random, count: number): string {
  return Array.from({ length: count }, () => `${r.pick(FILLERS)} `).join('');
}

/** Every way to tell a unit and ask for it, with `between` (a placeholder or fillers, its last space included) before the question. */
export function paraphrases(unit: Unit, question: Question, between = ''): string[] {
  const told = unit.map(tellings).reduce<string[]>((all, ways) => all.flatMap((a) => ways.map((w) => `${a}${w} `)), ['']);
  return told.flatMap((facts) => askings(question).map((q) => `${facts}${between}${q}`));
}

/** One item of a cell. The asked fact is one that no training text tells, except with held-out words, where every fact is. */
export function item(r: Random, cell: Cell): Item {
  const cast = cell.cast ?? TRAINING_CAST;
  for (let attempt = 0; attempt < 2000; attempt++) {
    const rule = cell.skill.startsWith('rule ') ? (cell.skill.slice(5) as Rule) : undefined;
    const truth = new Truth(rule);
    const units = unitsOf(r, truth, cast, cell);
    const told = (cell.skill === 'last' ? 2 : 1) * cell.facts;
    if (units.length < told) continue;
    const candidates = units.filter((unit) => cell.cast !== undefined || cell.skill === 'unknown' || heldOut(unit));
    if (candidates.length === 0) continue;
    const asked = r.pick(candidates);
    const pick = (ways: readonly string[]): string => (cell.plain ? ways[0]! : r.pick(ways));
    const sentences: string[] = rule === undefined ? [] : [pick(ruleTellings(rule))];
    for (const unit of units)
      for (const fact of unit) {
        truth.tell(fact);
        sentences.push(pick(tellings(fact)));
      }
    const kind = cell.skill === 'unknown' ? undefined : rule === undefined ? cell.skill : 'rule';
    const isLast = cell.skill === 'last' && units.findLast((u) => ownerOf(u) === ownerOf(asked)) === asked;
    const question =
      kind === undefined ? unknownQuestion(r, truth, cast, units) : questionsOf(r, asked, isLast).find((q) => q.kind === kind);
    if (question === undefined) continue;
    return { prompt: `${sentences.join(' ')} ${dose(r, cell.fillers)}${pick(askings(question))}`, answer: truth.answer(question) };
  }
  throw new RangeError(`There is no item with ${cell.facts} facts for ${cell.skill} with these words.`);
}

function unitsOf(r: Random, truth: Truth, cast: Cast, { skill, facts }: Cell): Unit[] {
  if (skill === 'last') return twice(r, cast, facts);
  const kinds: Partial<Record<Skill, ChapterKind>> = { hop: 'box', think: 'box', inside: 'box' };
  const kind = skill.startsWith('rule ')
    ? 'triple'
    : skill === 'unknown'
      ? r.pick(CHAPTER_KINDS)
      : (kinds[skill] ?? (skill as ChapterKind));
  return r.shuffle(group(r, truth, cast, kind, facts, 'by owner'));
}
