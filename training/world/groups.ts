/** Groups of facts of one kind, alike in all but their owner (or their thing, or their time), and what can be asked of them. */
import { BOXES, CAUSES, COLORS, FOODS, MOODS, NAMES, PLACES, THINGS, TIMES } from './lexicon.js';
import { hash } from './random.js';
import type { Random } from './random.js';
import { textOf } from './sentences.js';
import type { Fact, Question } from './sentences.js';
import type { Truth } from './truth.js';

/** The kinds a chapter of a story can be of. */
export const CHAPTER_KINDS = ['memory', 'time', 'wish', 'box', 'cause', 'negation'] as const;
export type ChapterKind = (typeof CHAPTER_KINDS)[number] | 'triple';

/** The words a story is written with. */
export interface Cast {
  names: readonly string[];
  things: readonly string[];
}

export const TRAINING_CAST: Cast = { names: NAMES, things: THINGS };

/** How the facts of a group resemble one another: the same thing (time, mood, pair of foods) for each owner, one owner, or neither. */
export type Likeness = 'by owner' | 'one owner' | 'free';

/** One fact, or the two hops that lead from a thing to its place. */
export type Unit = readonly Fact[];

/** Whom a unit is about; undefined where it is about a thing. */
export function ownerOf(unit: Unit): string | undefined {
  const fact = unit[0]!;
  return 'owner' in fact ? fact.owner : undefined;
}

/** The share of what can be told that no training text tells: one in eight, by a hash of all that the unit says. */
export function heldOut(unit: Unit): boolean {
  return hash(unit.map(textOf).join('+')) % 8 === 0;
}

/** `count` units of one kind, each of them new to `truth`; fewer where the words run out. Time facts come in the order of their times. */
export function group(r: Random, truth: Truth, cast: Cast, kind: ChapterKind, count: number, likeness: Likeness): Unit[] {
  const owners = r.sample(cast.names, Math.min(count, cast.names.length));
  const owner = (i: number): string => (likeness === 'one owner' ? owners[0]! : owners[i % owners.length]!);
  const same = <T>(items: readonly T[]): ((i: number) => T) => {
    const first = r.pick(items);
    const others = r.shuffle(items);
    return (i) => (likeness === 'by owner' ? first : likeness === 'one owner' ? others[i % others.length]! : r.pick(items));
  };
  const units: Unit[] = [];
  switch (kind) {
    case 'memory': {
      const [thing, colors] = [same(cast.things), r.shuffle(COLORS)];
      for (let i = 0; i < count; i++)
        units.push([{ kind, owner: owner(i), thing: thing(i), color: r.chance(0.1) ? r.pick(COLORS) : colors[i % 10]! }]);
      break;
    }
    case 'time': {
      const [time, places] = [same([0, 1, 2, 3]), r.shuffle(PLACES)];
      for (let i = 0; i < Math.min(count, likeness === 'one owner' ? TIMES.length : count); i++)
        units.push([{ kind, owner: owner(i), time: time(i), place: places[i % places.length]! }]);
      units.sort((a, b) => (a[0]!.kind === 'time' && b[0]!.kind === 'time' ? a[0]!.time - b[0]!.time : 0));
      break;
    }
    case 'wish': {
      const pair = r.sample(FOODS, 2);
      for (let i = 0; i < count; i++) {
        const [chosen, other] = r.shuffle(likeness === 'free' ? r.sample(FOODS, 2) : pair) as [string, string];
        units.push([{ kind, owner: owners[i % owners.length]!, chosen, other }]);
      }
      break;
    }
    case 'box': {
      const [things, boxes, places] = [r.shuffle(cast.things), r.shuffle(BOXES), r.shuffle(PLACES)];
      for (let i = 0; i < Math.min(count, BOXES.length); i++)
        units.push([
          { kind, thing: things[i]!, box: boxes[i]! },
          { kind: 'place', box: boxes[i]!, place: places[i]! },
        ]);
      break;
    }
    case 'cause': {
      const [mood, causes] = [same(MOODS), r.shuffle(CAUSES)];
      for (let i = 0; i < Math.min(count, likeness === 'one owner' ? MOODS.length : count); i++)
        units.push([{ kind, owner: owner(i), mood: mood(i), cause: causes[i % causes.length]! }]);
      break;
    }
    case 'negation': {
      const things = r.shuffle(cast.things);
      for (let i = 0; i < Math.min(count, things.length >> 1); i++)
        units.push([{ kind, owner: owners[i % owners.length]!, taken: things[2 * i]!, left: things[2 * i + 1]! }]);
      break;
    }
    case 'triple': {
      const [colors, things, places] = [r.shuffle(COLORS), r.shuffle(cast.things), r.shuffle(PLACES)];
      for (let i = 0; i < count; i++)
        units.push([
          {
            kind,
            owner: owners[i % owners.length]!,
            color: colors[i % 10]!,
            thing: things[i % things.length]!,
            place: places[i % places.length]!,
          },
        ]);
    }
  }
  return units.filter((unit) => unit.every((fact) => truth.allows(fact)));
}

/** Each of `count` owners in two places, at the same two times, the earlier time told first. */
export function twice(r: Random, cast: Cast, count: number): Unit[] {
  const times = r.sample([0, 1, 2, 3], 2).sort((a, b) => a - b);
  const [owners, places] = [r.sample(cast.names, count), r.sample(PLACES, 2 * count)];
  return times.flatMap((time, t) => r.shuffle(owners.map((owner, i): Unit => [{ kind: 'time', owner, time, place: places[2 * i + t]! }])));
}

/** The questions that a unit answers. */
export function questionsOf(r: Random, unit: Unit, isLast: boolean): Question[] {
  const f = unit[0]!;
  switch (f.kind) {
    case 'memory':
      return [{ kind: 'memory', owner: f.owner, thing: f.thing }];
    case 'time':
      return [{ kind: 'time', owner: f.owner, time: f.time }, ...(isLast ? [{ kind: 'last' as const, owner: f.owner }] : [])];
    case 'wish':
      return [{ kind: 'wish', owner: f.owner, options: r.shuffle([f.chosen, f.other]) as [string, string] }];
    case 'box': {
      const place = unit.find((x) => x.kind === 'place');
      const inside: Question = { kind: 'inside', thing: f.thing };
      if (place?.kind !== 'place') return [inside];
      return [inside, { kind: 'hop', thing: f.thing }, { kind: 'think', thing: f.thing, box: f.box, place: place.place }];
    }
    case 'cause':
      return [{ kind: 'cause', owner: f.owner, mood: f.mood }];
    case 'negation':
      return [{ kind: 'negation', owner: f.owner }];
    case 'triple':
      return [{ kind: 'rule', owner: f.owner }];
    case 'place':
      return [];
  }
}

/** A question of the units' kind about what was never told; undefined where everything was. */
export function unknownQuestion(r: Random, truth: Truth, cast: Cast, units: readonly Unit[]): Question | undefined {
  const model = r.pick(units)[0]!;
  const stranger = (): string => r.pick(cast.names);
  for (let i = 0; i < 20; i++) {
    const q = ((): Question => {
      switch (model.kind) {
        case 'memory':
          return r.chance(0.6)
            ? { kind: 'memory', owner: stranger(), thing: model.thing }
            : { kind: 'memory', owner: model.owner, thing: r.pick(cast.things) };
        case 'time':
          if (r.chance(0.25)) return { kind: 'last', owner: stranger() };
          return r.chance(0.5)
            ? { kind: 'time', owner: stranger(), time: model.time }
            : { kind: 'time', owner: model.owner, time: r.int(0, 3) };
        case 'wish':
          return { kind: 'wish', owner: stranger(), options: r.shuffle([model.chosen, model.other]) as [string, string] };
        case 'box':
        case 'place':
          return { kind: r.chance(0.6) ? 'hop' : 'inside', thing: r.pick(cast.things) };
        case 'cause':
          return r.chance(0.7)
            ? { kind: 'cause', owner: stranger(), mood: model.mood }
            : { kind: 'cause', owner: model.owner, mood: r.pick(MOODS) };
        case 'negation':
          return { kind: 'negation', owner: stranger() };
        case 'triple':
          return { kind: 'rule', owner: stranger() };
      }
    })();
    if (truth.answer(q) === 'unknown') return q;
  }
  return undefined;
}
