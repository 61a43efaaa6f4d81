import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import type { Model } from '../../src/engine/api.js';
import { packageRoot } from '../../src/paths.js';
import type { Residue } from '../../src/residue/types.js';
import { openPath, runText } from '../helpers/shells.js';

const SHELLS = ['attenuation-1', 'attenuation-2', 'attenuation-3'].map((id) =>
  readFileSync(join(packageRoot(), 'test', 'patterns', `${id}.shell.yaml`), 'utf8'),
);

/** The shell with its control as its probe: the same fact, asked for. */
function asked(text: string): string {
  const shell = parse(text) as { prompt: string; control: string };
  return stringify({ ...shell, prompt: shell.control, paraphrases: undefined });
}

const attenuation = ({ verdict }: Residue) => verdict!.patterns.find(({ name }) => name === 'signal-attenuation')!;

describe.each(['pocket', 'pocket-gpt2'])('signal attenuation on %s', (id) => {
  let model: Model;
  beforeAll(async () => void (model = await openPath(`${packageRoot()}/media/models/${id}`)));
  afterAll(() => model.close());

  it.each(SHELLS)('is there where a fact is not asked for, and not where it is', async (text) => {
    const residue = await runText(model, text, { verify: false });
    expect(residue.runs[0]!.scores!.failed).toBe(true);
    expect(attenuation(residue)).toMatchObject({ present: true });
    const twin = await runText(model, asked(text), { verify: false });
    expect(twin.runs[0]!.scores!.failed).toBe(false);
    expect(attenuation(twin)).toMatchObject({ present: false });
  });
});
