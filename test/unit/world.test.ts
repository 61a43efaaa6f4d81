import { describe, expect, it } from 'vitest';
import * as world from '../../training/world/index.js';

const { lexicon, Random, SKILLS, WordEncoder, item, makeTokenizer, solve, story } = world;
const encoder = new WordEncoder(makeTokenizer());
const measure = (text: string): number => encoder.encode(text).length;

/** Stories of every stage of the curriculum. */
const stories = world.CURRICULUM.flatMap(({ length, kind }, s) =>
  Array.from({ length: 300 }, (_, i) => ({ length, segments: story(new Random(`${s}/${i}`), kind, length - 1, measure) })),
);

describe('the stories of the world', () => {
  it('answers every question and ends every statement as a solver that reads the text alone', () => {
    const wrong: string[] = [];
    let asked = 0;
    for (const { segments } of stories) {
      let text = '';
      for (const { text: part, answer } of segments) {
        if (answer) {
          asked++;
          // What was answered before is no fact: the solver reads the facts alone.
          const told = text.includes('List:') ? text : text.replace(/Q: (?:(?! A:).)* A: \w+\./g, '').replace(/\w+ says, "[^"]*"/g, '');
          if (solve(told) !== part.trim()) wrong.push(`${text} →${part}, not ${solve(told)}`);
        }
        text += part;
      }
    }
    expect(wrong).toEqual([]);
    expect(asked).toBeGreaterThan(5000);
  });

  it('fits the rows, and each answer is one token', () => {
    for (const { length, segments } of stories) {
      expect(measure(segments.map((s) => s.text).join(''))).toBeLessThan(length);
      for (const s of segments) if (s.answer) expect(measure(s.text)).toBe(1);
    }
  });

  it('holds no held-out name or thing, and tells no held-out fact', () => {
    const held = [...lexicon.HELD_OUT_NAMES, ...lexicon.HELD_OUT_THINGS];
    for (const { segments } of stories) {
      const words =
        segments
          .map((s) => s.text)
          .join('')
          .match(/\w+/g) ?? [];
      expect(words.filter((w) => held.includes(w))).toEqual([]);
    }
    const memory = /(?<!, )\b(\w+) (?:has|finds|buys) a (\w+) (\w+)\. /g;
    for (const { segments } of stories)
      for (const [, owner, color, thing] of segments
        .map((s) => s.text)
        .join('')
        .matchAll(memory))
        expect(world.heldOut([{ kind: 'memory', owner: owner!, thing: thing!, color: color! }])).toBe(false);
  });

  it('asks more often, in the finish, for what was never told and for the last of several places', () => {
    const share = (stage: number, pattern: RegExp): number => {
      const texts = Array.from({ length: 400 }, (_, i) =>
        story(new Random(`share/${i}`), world.CURRICULUM[stage]!.kind, world.CURRICULUM[stage]!.length - 1, measure)
          .map((s) => s.text)
          .join(''),
      ).join(' ');
      return (texts.match(pattern) ?? []).length / (texts.match(/A:/g) ?? []).length;
    };
    const finish = world.CURRICULUM.length - 1;
    for (const pattern of [/A: unknown/g, /Q: Where (?:is|does) \w+ (?:last|end up|in the end)\? A: (?!unknown)/g])
      expect(share(finish, pattern)).toBeGreaterThan(1.3 * share(finish - 1, pattern));
  });

  it('is the same for the same seed', () => {
    const once = (seed: string): string => JSON.stringify(story(new Random(seed), world.CURRICULUM[3]!.kind, 255, measure));
    expect(once('a')).toBe(once('a'));
    expect(once('a')).not.toBe(once('b'));
  });
});

describe('items', () => {
  const cells = SKILLS.flatMap((skill) => [1, 2, 4].map((facts) => ({ skill, facts })));
  it.each(cells)('$skill with $facts facts are answered as the solver answers them', ({ skill, facts }) => {
    const r = new Random(`${skill}/${facts}`);
    for (let i = 0; i < 100; i++) {
      const { prompt, answer } = item(r, { skill, facts, fillers: i % 4 });
      expect(`${prompt} ${solve(prompt)}`).toBe(`${prompt} ${answer}`);
      expect(answer === lexicon.UNKNOWN).toBe(skill === 'unknown');
    }
  });

  it('with held-out words hold no others', () => {
    const r = new Random(5);
    for (const skill of SKILLS) {
      const { prompt } = item(r, { skill, facts: 2, fillers: 0, cast: world.HELD_OUT_CAST });
      for (const word of prompt.match(/\w+/g)!) expect([...lexicon.NAMES, ...lexicon.THINGS]).not.toContain(word);
    }
  });
});

describe('paraphrases', () => {
  it('are three or more of every kind of sentence, all different', () => {
    const unit = [
      { kind: 'box', thing: 'ball', box: 'chest' },
      { kind: 'place', box: 'chest', place: 'park' },
    ] as const;
    const texts = world.paraphrases(unit, { kind: 'hop', thing: 'ball' }, '{{walk}}');
    expect(new Set(texts).size).toBe(27);
    for (const text of texts) expect(solve(text.replace('{{walk}}', 'They walk for a while. '))).toBe('park');
  });
});
