import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import prettier from 'prettier';
import { describe, expect, it } from 'vitest';
import { packageRoot } from '../../src/paths.js';
import { lookBlind } from '../../src/planted/blind.js';
import { PLANTED_KINDS, type PlantedKind } from '../../src/planted/kinds.js';
import { isRight, type Answer, type Trial } from '../../src/planted/trial.js';
import { reportOf } from '../../src/planted/validity-report.js';
import { falseCauses, missed, NOISES, rowsOf, SEEDS, settingsOf, tableOf, trialsOf, tryAll } from '../../src/planted/validity.js';

const file = (name: string): string => join(packageRoot(), 'docs', name);
const table = readFileSync(file('validity.tsv'), 'utf8');
const stored = trialsOf(table);

describe('docs/validity', () => {
  it('has fifty models or more of each kind at each noise, in the order of the command', () => {
    expect(SEEDS).toBeGreaterThanOrEqual(50);
    expect(stored.map(({ kind, noise, seed }) => ({ kind, noise, seed }))).toEqual(settingsOf());
    expect(tableOf(stored)).toBe(table);
  });

  it('is the page that follows from the table', async () => {
    const page = file('validity.md');
    const text = await prettier.format(reportOf(stored), { ...(await prettier.resolveConfig(page)), filepath: page });
    expect(readFileSync(page, 'utf8')).toBe(text);
  });

  // A model of each kind at each noise; `npm run test:long` tries all.
  it.each(NOISES)('has in each line what the command finds today, at noise %f', async (noise) => {
    const some = PLANTED_KINDS.map((kind, i) =>
      stored.find((t) => t.kind === kind && t.noise === noise && t.seed === 1 + ((i * 7 + noise * 110) % SEEDS))!,
    );
    const again = await tryAll(
      some.map(({ kind, noise, seed }) => ({ kind, noise, seed })),
      lookBlind,
    );
    expect(again).toEqual(some);
  });
});

describe('rows of the table', () => {
  const answer = (kind: Answer['kind'], place = '1.1', more: Partial<Answer> = {}): Answer => ({
    kind,
    place,
    partner: '',
    observed: 'lost 2',
    caused: '1-2',
    ...more,
  });
  const trial = (kind: PlantedKind, found: Answer, shows = true): Trial => ({
    kind,
    noise: 0.1,
    seed: 1,
    layers: 3,
    shows,
    truth: answer(kind, kind === 'none' ? '' : '1.1'),
    found,
  });
  const none = answer('none', '');
  const trials = [
    trial('conflict', answer('conflict')),
    trial('conflict', answer('conflict', '1.1', { observed: 'lost 3' })),
    // The right kind in the wrong head counts against precision and recall alike.
    trial('conflict', answer('conflict', '2.1')),
    trial('conflict', answer('unexplained', ''), false),
    trial('none', none),
    trial('none', answer('unexplained', '')),
    trial('none', answer('conflict')),
  ];

  it('count what is right in everything, among what was named and among what was planted', () => {
    const row = rowsOf(trials, 0.1).find(({ kind }) => kind === 'conflict')!;
    expect(row).toMatchObject({
      models: 4,
      shows: { k: 3, n: 4 },
      precision: { k: 2, n: 4, share: 0.5 },
      recall: { k: 2, n: 4 },
      observed: { k: 2, n: 3 },
      caused: { k: 3, n: 3 },
    });
    expect(trials.filter(isRight)).toHaveLength(3);
    expect(falseCauses(trials, 0.1)).toMatchObject({ k: 1, n: 3 });
    expect(rowsOf(trials, 0.3)[0]).toMatchObject({ models: 0, precision: { share: null, interval: null } });
  });

  it('miss the target, and say by what', () => {
    const said = missed(trials);
    expect(said).toContain('the precision of conflict is 50 %');
    expect(said).toContain('the recall of conflict is 50 %');
    expect(said).toContain('in 33.3 % of the models without a cause one is named');
    expect(reportOf(trials)).toContain('**The target is missed**');
    expect(reportOf(trials)).toContain('| 0.1 | conflict in 1.1 | 1 | 3 | yes | conflict in 2.1 |');
    const good = PLANTED_KINDS.map((kind) => trial(kind, answer(kind, kind === 'none' ? '' : '1.1')));
    expect(missed(good)).toEqual([]);
    expect(reportOf(good)).toContain('**The target is met**');
  });
});
