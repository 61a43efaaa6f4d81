import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { plantedSettings } from '../../src/planted/catalog.js';
import { buildPlanted, writePlanted } from '../../src/planted/files.js';
import { PLANTED_KINDS } from '../../src/planted/kinds.js';
import { shellOf } from '../../src/planted/shell.js';
import { fails, isRight, tryOne } from '../../src/planted/trial.js';
import { checkResidue } from '../../src/residue/read.js';
import { serializeResidue } from '../../src/residue/write.js';
import type { Residue } from '../../src/residue/types.js';
import { diagnose } from '../../src/run/diagnosis.js';
import { temporaryFolder } from '../helpers/reference.js';
import { openPath, runText } from '../helpers/shells.js';

/** Runs a shell on a model of which only the files are known. */
async function residueOf(files: ReadonlyMap<string, Uint8Array>, shell: string): Promise<Residue> {
  const folder = join(temporaryFolder(), 'model');
  mkdirSync(folder);
  for (const [name, bytes] of files) writeFileSync(join(folder, name), bytes);
  const model = await openPath(folder);
  try {
    return await runText(model, shell);
  } finally {
    await model.close();
  }
}

describe.each([0, 0.1])('a cause planted under noise of %f', (noise) => {
  it.each(PLANTED_KINDS)('of the kind %s is named with its head and what belongs to it', async (kind) => {
    const trial = await tryOne({ kind, seed: 2, noise, layers: 3 }, async ({ files, shell }) => {
      const residue = await residueOf(files, shell);
      checkResidue(JSON.parse(serializeResidue(residue)));
      const { diagnosis, failed, controlSucceeded } = residue.verdict!;
      const claim = residue.claims!.find(({ name }) => name === 'diagnosis');
      if (kind === 'none') expect(claim).toBeUndefined();
      else expect(claim).toMatchObject({ sentence: diagnosis!.sentence, evidence: 'caused' });
      return { diagnosis: diagnosis ?? null, failed, controlFailed: !controlSucceeded };
    });
    expect(trial).toMatchObject({ shows: true });
    expect(isRight(trial), JSON.stringify(trial)).toBe(true);
    expect(trial.found.caused).toBe(fails(kind) ? trial.truth.caused : trial.found.caused);
  });
});

it('a diagnosis reads neither names nor words: the same with all of them changed', async () => {
  const { files, circuit } = buildPlanted({ kind: 'conflict', seed: 4, noise: 0.1, layers: 3 });
  const shell = shellOf(circuit, { id: 'planted' });
  const residue = await residueOf(files, shell);
  const other = await residueOf(files, shell.replace('shell: planted', 'shell: another').replace('family: memory', 'family: value'));
  expect(other.verdict!.diagnosis).toEqual(residue.verdict!.diagnosis);
  const run = { ...residue.runs[0]!, name: 'x', tokens: [], vary: {} };
  expect(diagnose({ run, control: residue.control })).toEqual(residue.verdict!.diagnosis);
});

it('a failure without a control, or whose control fails too, is not explained', async () => {
  const { files, circuit } = buildPlanted({ kind: 'qk-collapse', seed: 2, noise: 0.1, layers: 3 });
  const { runs, control } = await residueOf(files, shellOf(circuit, { id: 'planted' }));
  const run = runs[0]!;
  expect(diagnose({ run, control })).toMatchObject({ kind: 'qk-collapse' });
  expect(diagnose({ run, control: null })).toMatchObject({ kind: 'unexplained', layer: null, evidence: 'observed' });
  const failing = { scores: { ...control!.scores!, failed: true } };
  expect(diagnose({ run, control: failing })).toMatchObject({ kind: 'unexplained', effect: null });
  expect(diagnose({ run: { ...run, headVerdicts: undefined }, control })).toBeNull();
});

it('a head that gives back less than half of the drop is told of, not named', async () => {
  const { files, circuit } = buildPlanted({ kind: 'qk-collapse', seed: 2, noise: 0.1, layers: 3 });
  const { runs, control } = await residueOf(files, shellOf(circuit, { id: 'planted' }));
  const run = structuredClone(runs[0]!);
  const drop = control!.scores!.margin - run.scores!.margin;
  for (const head of run.headVerdicts!.heads) if (head.test) head.test.effect = 0.49 * drop;
  const weak = diagnose({ run, control })!;
  expect(weak).toMatchObject({ kind: 'unexplained', layer: null, head: null });
  expect(weak.others).toMatchObject([{ kind: 'qk-collapse', ...circuit.copy }]);
  for (const head of run.headVerdicts!.heads) if (head.test) head.test.confirmed = false;
  expect(diagnose({ run, control })).toMatchObject({ kind: 'unexplained', others: [] });
});

it('a planted model opens as any folder does, without a note', async () => {
  const folder = temporaryFolder();
  writePlanted(buildPlanted(plantedSettings('planted:trace-drop?seed=9')!), folder);
  const model = await openPath(folder);
  try {
    expect(model.loaded.notes).toEqual([]);
    expect(model.tokenizer.encode('zap Tom red').map(({ text }) => text)).toEqual(['<bos>', ' zap', ' Tom', ' red']);
  } finally {
    await model.close();
  }
});
