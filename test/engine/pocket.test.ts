import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Model } from '../../src/engine/api.js';
import { bundledModels } from '../../src/model/catalog.js';
import * as world from '../../training/world/index.js';
import { openPath } from '../helpers/shells.js';

const { Random, item } = world;
type Cell = Parameters<typeof item>[1];

let pocket: Model;
beforeAll(async () => {
  pocket = await openPath(bundledModels().find(({ id }) => id === 'pocket')!.path);
});
afterAll(() => pocket.close());

/** How many of `count` fresh items are answered with their answer as the likeliest token. */
async function right(cell: Cell, count: number): Promise<number> {
  const r = new Random(`fresh/${JSON.stringify(cell)}`);
  let total = 0;
  for (let i = 0; i < count; i++) {
    const { prompt, answer } = item(r, cell);
    const ids = pocket.tokenizer.encode(prompt).map(({ id }) => id);
    const logits = (await pocket.run([ids], { logits: 'last' })).logits!.data;
    if (logits.indexOf(Math.max(...logits)) === pocket.tokenizer.encode(` ${answer}`).at(-1)!.id) total++;
  }
  return total;
}

// What the model card claims, on items that its tables do not hold.
describe('Pocket', () => {
  it.each(['memory', 'time', 'wish', 'cause', 'rule color', 'rule nothing', 'hop'] as const)(
    'answers questions about one fact: %s',
    async (skill) => {
      expect(await right({ skill, facts: 1, fillers: 4 }, 40)).toBeGreaterThanOrEqual(38);
    },
  );

  it.each(['memory', 'time', 'cause'] as const)('tells two to four facts apart by their owner: %s', async (skill) => {
    for (const facts of [2, 3, 4]) expect(await right({ skill, facts, fillers: 0 }, 40)).toBeGreaterThanOrEqual(34);
  });

  it.each(['memory', 'time', 'cause'] as const)('knows one fact of a name that no training text holds: %s', async (skill) => {
    // Not as surely as with names that it was taught, but far above a guess among ten.
    expect(await right({ skill, facts: 1, fillers: 0, cast: world.HELD_OUT_CAST }, 40)).toBeGreaterThanOrEqual(24);
  });
});
