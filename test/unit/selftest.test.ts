import { expect, it } from 'vitest';
import { PLANTED_KINDS } from '../../src/planted/kinds.js';
import { complaint, holds, selftest } from '../../src/planted/selftest.js';
import { plantedSettings } from '../../src/planted/catalog.js';
import type { Residue } from '../../src/residue/types.js';
import { generateResidue } from '../helpers/residue-generator.js';

/** A residue of an installation that fails every prompt, and puts it down to the same head each time. */
function stubborn(): Residue {
  const residue = generateResidue({ seed: 2 });
  residue.runs[0]!.scores!.failed = true;
  residue.control!.scores!.failed = false;
  return residue;
}

it('an installation that finds the same everywhere does not hold, and each wrong model has its sentence', async () => {
  const told: string[] = [];
  const tested = await selftest({
    clock: () => 0,
    onProgress: (kind, done, total) => told.push(`${done}/${total} ${kind}`),
    run: () => Promise.resolve(stubborn()),
  });
  expect(tested).toHaveLength(2 * PLANTED_KINDS.length);
  expect(told.at(-1)).toBe(`${tested.length - 1}/${tested.length} self-repair`);
  for (const { model } of tested) expect(plantedSettings(model)).toMatchObject({ noise: 0.1 });
  const said = tested.filter((one) => !holds(one)).map(complaint);
  expect(said).toContain('planted:none?seed=1&noise=0.1: what was planted does not show in what the model says.');
  expect(said.find((line) => line.startsWith('planted:conflict?seed=1'))).toMatch(
    /: conflict in head \d\.\d, head \d\.\d was planted, but qk-collapse in head 2\.1 was found\.$/,
  );
  expect(said).toHaveLength(tested.length - tested.filter(holds).length);
  expect(tested.filter(holds).every(({ trial }) => trial.kind === 'qk-collapse')).toBe(true);
});

it('a broken identity does not hold either', async () => {
  const [first] = await selftest({
    clock: () => 99,
    run: () => {
      const residue = stubborn();
      residue.runs[0]!.scores!.failed = false;
      residue.verdict!.diagnosis = undefined;
      residue.checks = [{ name: 'no-attention-to-the-future', run: 'probe', residual: 1, tolerance: 0, passed: false }];
      return Promise.resolve(residue);
    },
  });
  expect(first!.right).toBe(true);
  expect(holds(first!)).toBe(false);
  expect(complaint(first!)).toBe(
    'planted:none?seed=1&noise=0.1: an identity that holds for any weights does not (no-attention-to-the-future).',
  );
});

it('ends in time on a slow machine: the second round, then further models, are left out', async () => {
  const at = async (seconds: number): Promise<number> => {
    let now = 0;
    const run = (): Promise<Residue> => {
      now += seconds;
      return Promise.resolve(stubborn());
    };
    return (await selftest({ clock: () => now, run })).length;
  };
  expect(await at(0.5)).toBe(14);
  expect(await at(1.5)).toBe(7);
  expect(await at(5)).toBe(4);
  expect(await at(60)).toBe(1);
});
