import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Model } from '../../src/engine/api.js';
import { packageRoot } from '../../src/paths.js';
import { parseResidue, readResidue } from '../../src/residue/read.js';
import type { Residue } from '../../src/residue/types.js';
import { cli } from '../helpers/cli.js';
import { temporaryFolder } from '../helpers/reference.js';
import { openPath, runText } from '../helpers/shells.js';

/** The answer is none that the model gives, so that every dose fails: the first is the headline. */
const shell = (times: string, answer = ' blue', rival = ' red'): string => `format: 1
shell: parted
family: memory
prompt: "Tom has a [[fact|red]] ball. {{walk}}Q: What color is Tom's ball? A:"
control: "Tom has a [[fact|red]] ball. {{walk}}Q: What is Tom's? A:"
answer: "${answer}"
rivals: ["${rival}"]
vary:
  walk: { repeat: "They walk for a while. ", times: [${times}] }
paraphrases: ["Sam has a [[fact|red]] hat. {{walk}}Q: What color is Sam's hat? A:"]
run: [{ RECALL: {} }, { INHIBIT: { span: fact } }]
expect: [{ failure: present }, { density.share: { above: 0.5 } }, { INHIBIT.effect: { below: 1000 } }]
`;
const FAILS = shell('0, 2, 4');

let model: Model;
let whole: Residue;
beforeAll(async () => {
  model = await openPath(`${packageRoot()}/media/models/pocket`);
  whole = await runText(model, FAILS, { verify: false });
});
afterAll(() => model?.close());

describe('a run of some doses', () => {
  it('has these alone, each with its control and paraphrases, and the same numbers', async () => {
    const part = await runText(model, FAILS, { vary: [{ walk: '4' }], verify: false });
    expect(part.runs.map(({ name, x }) => [name, x])).toEqual([['probe.walk=4', 4]]);
    expect(part.paraphrases.map(({ name }) => name)).toEqual(['paraphrase.1.walk=4']);
    expect(part.control!.tokens).not.toEqual(whole.control!.tokens);
    expect(part.density).toMatchObject({ total: 2 });
    const [own] = part.runs;
    const same = whole.runs[2]!;
    expect(own!.tokens).toEqual(same.tokens);
    expect(own!.scores!.margin).toBeCloseTo(same.scores!.margin, 3);
    expect(own!.commands!.map(({ name }) => name)).toEqual(['RECALL', 'INHIBIT']);
    expect(own!.commands![1]!.values['effect']).toBeCloseTo(same.commands![1]!.values['effect'] as number, 3);
  });

  it('judges nothing that takes them all, and says so', async () => {
    const part = await runText(model, FAILS, { vary: [{ walk: '4' }], verify: false });
    expect(part.status).toBe('complete');
    expect(part.expectations).toEqual([]);
    expect(part.notes.join('\n')).toMatch(/^Only walk=4 was run, 1 of the shell's 3 runs: /m);
    expect(part.notes.join('\n')).toMatch(/^Not judged, for that takes every value of vary: failure, density.share, INHIBIT.effect\.$/m);
    expect(part.provenance.settings).toMatchObject({ vary: 'walk=4' });
    expect(part.provenance.command).toMatch(/ --vary walk=4( |$)/);
  });

  it('judges what is about the headline where it tells which that is', async () => {
    expect(whole.primary).toBe(0);
    const part = await runText(model, FAILS, { vary: [{ walk: '0' }], verify: false });
    expect(part.expectations.map(({ path }) => path)).toEqual(['failure', 'INHIBIT.effect']);
    const wholly = new Map(whole.expectations.map((one) => [one.path, one.passed]));
    for (const { path, passed } of part.expectations) expect(passed, path).toBe(wholly.get(path));
    // It does not fail: a dose that was left out may.
    const holds = await runText(model, shell('0, 2, 4', ' red', ' blue'), { vary: [{ walk: '0' }], verify: false });
    expect(holds.runs[0]!.scores!.failed).toBe(false);
    expect(holds.expectations).toEqual([]);
  });

  it('is the whole run where it has all of them', async () => {
    const all = await runText(model, FAILS, { vary: [{ walk: '4' }, { walk: '0' }, { walk: '2' }], verify: false });
    expect({ ...all, created: '' }).toEqual({ ...whole, created: '' });
  });

  it('refuses a dose that the shell does not have, before anything is run', async () => {
    let began = false;
    await expect(runText(model, FAILS, { vary: [{ walk: '5' }], onPartial: () => (began = true) })).rejects.toThrow(
      'The shell has no run with "walk=5".',
    );
    expect(began).toBe(false);
  });
});

describe('residue run --vary', () => {
  const folder = temporaryFolder();
  const path = join(folder, 'parted.shell.yaml');
  writeFileSync(path, FAILS);

  it('runs the doses that are named, and the residue tells how', async () => {
    const out = join(folder, 'out');
    const { code, stderr } = await cli(['run', path, '--vary', 'walk=2', '--vary', 'walk=4', '--no-verify', '--out', out]);
    expect(code, stderr).toBe(0);
    const { runs, provenance } = readResidue(join(out, 'parted.residue.json'));
    expect(runs.map(({ name }) => name)).toEqual(['probe.walk=2', 'probe.walk=4']);
    expect(provenance.command).toBe('residue run parted.shell.yaml --model pocket --seed 0 --vary walk=2 --vary walk=4 --no-verify');
    const words = provenance.command.split(' ').slice(3);
    const again = await cli(['run', path, ...words, '--json']);
    expect({ ...parseResidue(again.stdout), created: '' }).toEqual({
      ...(JSON.parse(readFileSync(join(out, 'parted.residue.json'), 'utf8')) as Residue),
      created: '',
    });
  });

  it.each([
    [['--vary', 'walk=3'], /parted\.shell\.yaml: The shell has no run with "walk=3": did you mean "walk=/],
    [['--vary', 'walk'], /It must be a name of vary, = and one of its values: walk=30/],
    [['--vary', 'walk=2', '--models', 'pocket,pocket-small', '--out', 'never'], /--vary is for a run on one model/],
  ])('refuses %j', async (options, message) => {
    const { code, stdout, stderr } = await cli(['run', path, ...options]);
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toMatch(message);
    expect(existsSync('never')).toBe(false);
  });

  it('completes the values of the shells that are named before it', async () => {
    const { stdout } = await cli(['complete', '--', 'run', path, '--vary', 'walk=']);
    expect(
      stdout
        .trim()
        .split('\n')
        .slice(1)
        .map((line) => line.split('\t')[0]),
    ).toEqual(['walk=0', 'walk=2', 'walk=4']);
  });
});
