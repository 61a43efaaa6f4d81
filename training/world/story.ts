/** Stories for training: chapters of facts, fillers and questions, up to a number of tokens. */
import { BOXES, CAUSES, COLORS, FILLERS, FOODS, NAMES, PLACES, RULES, THINGS } from './lexicon.js';
import type { Rule } from './lexicon.js';
import { CHAPTER_KINDS, TRAINING_CAST, group, heldOut, ownerOf, questionsOf, twice, unknownQuestion } from './groups.js';
import type { Cast, ChapterKind, Likeness, Unit } from './groups.js';
import type { Random } from './random.js';
import { askings, completion, ruleTellings, says, tellings } from './sentences.js';
import type { Question } from './sentences.js';
import { Truth } from './truth.js';

/** A stretch of a story. `answer` is true for the word that a question or completion asks for. */
export interface Segment {
  text: string;
  answer?: boolean;
}

/** How the stories of a stage of training are. */
export interface StoryKind {
  /** The most facts of a chapter. */
  facts: number;
  /** The probability of a filler after each sentence. */
  filler: number;
  /** The probability that a chapter holds a block of fillers before its questions, as long as fits. */
  block: number;
  /** The share of stories under a rule, of questions about what was never told, of rows that are lists, and of rows that are drills. */
  ruled: number;
  unknown: number;
  lists: number;
  drills: number;
  /** Whether lists put words between a name and its value. */
  spaced: boolean;
  /** The most pairs of a list: with more, recall by the name pays more than a guess. */
  pairs: number;
  /** The share of chapters and drills that tell of each person at two times, so that the last place is not the only one. */
  moves?: number;
}

/** Counts the tokens of a text. */
export type Measure = (text: string) => number;

/** A story of at most `budget` tokens. Held-out facts are neither told nor, as unknown, asked for. */
export function story(r: Random, kind: StoryKind, budget: number, measure: Measure, cast: Cast = TRAINING_CAST): Segment[] {
  const out: Segment[] = [];
  let left = budget;
  const add = (...segments: Segment[]): boolean => {
    const size = segments.reduce((sum, s) => sum + measure(s.text), 0);
    if (size > left) return false;
    left -= size;
    out.push(...segments);
    return true;
  };
  if (r.chance(kind.lists)) {
    while (list(r, kind, add) || list(r, { ...kind, pairs: 3 }, add));
    return begin(out);
  }
  if (r.chance(kind.drills)) {
    const rule = r.chance(kind.ruled) ? r.pick(RULES) : undefined;
    if (rule !== undefined) add({ text: ` ${telling(r, ruleTellings(rule))}` });
    const truth = new Truth(rule);
    // What does not fit is not told: each try starts from what the row says so far.
    for (let next: Truth | undefined = truth; next;) {
      const before: Truth = next;
      next = drill(r, kind, before.copy(), cast, add) ?? drill(r, { ...kind, facts: 2, unknown: 0 }, before.copy(), cast, add);
    }
    return begin(out);
  }
  const rule = r.chance(kind.ruled) ? r.pick(RULES) : undefined;
  const truth = new Truth(rule);
  const ruleLater = rule !== undefined && r.chance(0.2);
  if (rule !== undefined && !ruleLater) add({ text: ` ${telling(r, ruleTellings(rule))}` });
  for (let chapter = 0; left >= 16 && chapter < 12; chapter++) {
    const filler = (): void => {
      if (r.chance(kind.filler)) add({ text: ` ${r.pick(FILLERS)}` });
    };
    const units = facts(r, truth, cast, kind, rule, chapter, add, filler);
    if (units.length === 0) break;
    if (ruleLater && chapter === 0 && !add({ text: ` ${telling(r, ruleTellings(rule))}` })) break;
    if (r.chance(kind.block)) {
      const room = Math.floor((left - 20 * Math.min(3, units.length)) / 6);
      for (let i = r.int(0, Math.max(0, room)); i > 0; i--) add({ text: ` ${r.pick(FILLERS)}` });
    }
    for (const q of asked(r, truth, cast, kind, units)) {
      if (!add(...ask(r, q, truth.answer(q)))) break;
      filler();
    }
  }
  return begin(out);
}

/** Tells a chapter's facts; what was told. */
function facts(
  r: Random,
  truth: Truth,
  cast: Cast,
  kind: StoryKind,
  rule: Rule | undefined,
  chapter: number,
  add: (...segments: Segment[]) => boolean,
  filler: () => void,
): Unit[] {
  const moves = kind.moves !== undefined && rule === undefined && r.chance(kind.moves);
  const chapterKind: ChapterKind = moves ? 'time' : rule === undefined ? r.pick(CHAPTER_KINDS) : 'triple';
  const count = chapter === 0 ? r.int(1, kind.facts) : r.int(1, Math.max(2, kind.facts - 1));
  const likeness: Likeness = r.chance(0.6) ? 'by owner' : r.chance(0.5) ? 'one owner' : 'free';
  const told: Unit[] = [];
  const fixed = r.chance(0.4) ? r.int(0, 2) : undefined;
  for (const unit of moves ? twice(r, cast, (count + 1) >> 1) : group(r, truth, cast, chapterKind, count, likeness)) {
    if (heldOut(unit) || !unit.every((f) => truth.allows(f))) continue;
    const order = unit.length > 1 && r.chance(0.3) ? [...unit].reverse() : unit;
    const sentences = order.map((f) => (fixed === undefined ? telling(r, tellings(f)) : tellings(f)[fixed]!));
    if (!add({ text: sentences.map((s) => ` ${s}`).join('') })) break;
    unit.forEach((f) => truth.tell(f));
    told.push(unit);
    filler();
  }
  return told;
}

/** A chapter's questions, in random order: each fact is asked for up to three times. */
function asked(r: Random, truth: Truth, cast: Cast, kind: StoryKind, units: readonly Unit[]): Question[] {
  const latest = new Map<string, Unit>();
  for (const unit of units) if (unit[0]!.kind === 'time') latest.set(unit[0]!.owner, unit);
  const questions: Question[] = [];
  for (const unit of units) {
    const isLast = [...latest.values()].includes(unit);
    const all = questionsOf(r, unit, isLast);
    questions.push(r.pick(all));
    for (let i = r.int(0, 2); i > 0; i--) questions.push(r.pick(all));
  }
  const unknown = Array.from({ length: questions.length + 1 }, () =>
    r.chance(kind.unknown) ? unknownQuestion(r, truth, cast, units) : undefined,
  );
  return r.shuffle([...questions, ...unknown.filter((q) => q !== undefined)]);
}

/** A question with its answer, or, where the answer is known, a statement that ends in it. */
function ask(r: Random, q: Question, answer: string): Segment[] {
  const statement = answer === 'unknown' ? undefined : r.chance(0.2) && q.kind === 'memory' ? says(q.owner, q.thing) : completion(q);
  if (statement && r.chance(0.35))
    return [{ text: ` ${statement.before}` }, { text: ` ${answer}`, answer: true }, { text: statement.after }];
  return [{ text: ` ${telling(r, askings(q))}` }, { text: ` ${answer}`, answer: true }, { text: '.' }];
}

/** How a list tells of a pair and asks for its value: up to before the value. Names stand at different distances, as they do in sentences. */
const LIST_TELLINGS = ['N', 'N:', 'N has', 'N has a', "N's T is", 'N is in the', 'N and the T:'];
const LIST_ASKINGS = ['N', 'N:', "N's", "N's T is", 'Q: N? A:', "Q: N's T? A:", 'Q: What about N? A:', "Q: Where is N's T? A:"];

/** The same where things are asked for, as in what lies where. */
const THING_TELLINGS = ['N', 'N:', 'the N:', 'the N is in the', 'the N in the'];
const THING_ASKINGS = ['N', 'N:', 'the N is in the', 'Q: N? A:', 'Q: Where is the N? A:', 'Q: What is the N in? A:'];

/** Names (or things) with values of one kind, then the same pairs again in another order: recall with little around it. */
function list(r: Random, kind: StoryKind, add: (...segments: Segment[]) => boolean): boolean {
  const count = r.int(3, kind.pairs);
  const things = kind.spaced && r.chance(0.4);
  const values = things ? r.pick([BOXES, PLACES]) : kind.spaced ? r.pick([COLORS, COLORS, PLACES, FOODS, CAUSES, THINGS]) : COLORS;
  const sampled = r.sample(values, Math.min(count, values.length));
  const pairs = r
    .sample(things ? (values === PLACES ? [...THINGS, ...BOXES] : THINGS) : NAMES, sampled.length)
    .map((key, i) => [key, sampled[i]!] as const);
  const thing = r.pick(THINGS);
  const way = (ways: readonly string[]): ((name: string) => string) => {
    const form = kind.spaced ? r.pick(ways) : ways[0]!;
    return (name) => ` ${form.replace('T', thing).replace('N', name)}`;
  };
  const [told, asked] = things ? [way(THING_TELLINGS), way(THING_ASKINGS)] : [way(LIST_TELLINGS), way(LIST_ASKINGS)];
  const segments: Segment[] = [{ text: ' List:' }];
  pairs.forEach(([name, value], i) => segments.push({ text: `${told(name)} ${value}${i + 1 < pairs.length ? ',' : '.'}` }));
  segments.push({ text: ' Again:' });
  r.shuffle(pairs).forEach(([name, value], i) =>
    segments.push({ text: asked(name) }, { text: ` ${value}`, answer: true }, { text: i + 1 < pairs.length ? ',' : '.' }),
  );
  return add(...segments);
}

/** Facts of one kind told in one way, then all of them asked for in one way, in another order: who has what can't be guessed. What is true then; undefined where it does not fit. */
function drill(r: Random, kind: StoryKind, truth: Truth, cast: Cast, add: (...segments: Segment[]) => boolean): Truth | undefined {
  const chapterKind: ChapterKind = truth.rule === undefined ? r.pick(CHAPTER_KINDS) : 'triple';
  const moves = kind.moves !== undefined && truth.rule === undefined && r.chance(kind.moves);
  const count = r.int(2, kind.facts);
  const all = moves ? twice(r, cast, (count + 1) >> 1) : group(r, truth, cast, chapterKind, count, 'by owner');
  const units = all.filter((unit) => !heldOut(unit) && unit.every((fact) => truth.allows(fact)));
  if (units.length < 2) return undefined;
  const way = r.chance(0.5) ? 0 : r.int(0, 2);
  const segments: Segment[] = [];
  for (const unit of units)
    for (const fact of unit) {
      truth.tell(fact);
      segments.push({ text: ` ${tellings(fact)[way]!}` });
    }
  const latest = new Map(units.map((unit) => [ownerOf(unit), unit]));
  const questions = units.map((unit) => r.pick(questionsOf(r, unit, latest.get(ownerOf(unit)) === unit)));
  const unknown = r.chance(3 * kind.unknown) ? unknownQuestion(r, truth, cast, units) : undefined;
  const [asking, stated] = [r.int(0, 2), r.chance(0.4)];
  for (const q of r.shuffle(unknown ? [...questions, unknown] : questions)) {
    const answer = truth.answer(q);
    const statement = stated && answer !== 'unknown' ? completion(q) : undefined;
    segments.push(
      { text: ` ${statement?.before ?? askings(q)[asking]!}` },
      { text: ` ${answer}`, answer: true },
      { text: statement?.after ?? '.' },
    );
  }
  return add(...segments) ? truth : undefined;
}

/** The plainest way half of the time, else any. */
function telling(r: Random, ways: readonly string[]): string {
  return r.chance(0.4) ? ways[0]! : r.pick(ways);
}

/** Without the space before the first word. */
function begin(segments: Segment[]): Segment[] {
  const first = segments[0];
  return first ? [{ ...first, text: first.text.replace(/^ /, '') }, ...segments.slice(1)] : [];
}
