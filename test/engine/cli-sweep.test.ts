import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { joinManifests, readManifest } from '../../src/sweep/manifest.js';
import { parseShard, partOf, unitsOf } from '../../src/sweep/units.js';
import { cli } from '../helpers/cli.js';
import { referencePath, temporaryFolder } from '../helpers/reference.js';

const folder = temporaryFolder();
const at = (...parts: string[]): string => join(folder, ...parts);
const models = `pocket,${referencePath('stories260K', 'stories260K.bin')},no-such-model`;
const sweep = (out: string, ...more: string[]) =>
  cli(['run', at('shells'), '--models', models, '--threads', '1', '--out', at(out), ...more]);

/** Every file of a folder, residues without their time stamp. */
const contents = (name: string): Record<string, string> =>
  Object.fromEntries(
    readdirSync(at(name))
      .sort()
      .map((file) => [file, readFileSync(at(name, file), 'utf8').replace(/"created": "[^"]*"/, '')]),
  );

beforeAll(async () => {
  mkdirSync(at('shells'));
  for (const thing of ['ball', 'hat'])
    writeFileSync(
      at('shells', `${thing}.shell.yaml`),
      `format: 1\nshell: ${thing}\nfamily: memory\nprompt: "Tom has a red ${thing}. Tom has a"\nanswer: " red"\n`,
    );
  const whole = await sweep('whole', '--table', at('whole.csv'), '--table', at('whole.md'));
  expect(whole.code, whole.stderr).toBe(2);
  for (const i of [1, 2, 3]) await sweep(`part${i}`, '--shard', `${i}/3`);
});

describe('a sweep of shells over models', () => {
  it('keeps a row that says why for a model that does not open, and the rest', () => {
    const rows = readFileSync(at('whole.csv'), 'utf8').trim().split('\r\n');
    expect(rows).toHaveLength(1 + 6);
    expect(rows.filter((row) => row.includes('No model is called'))).toHaveLength(2);
    expect(Object.keys(contents('whole')).filter((name) => name.endsWith('.residue.json'))).toHaveLength(4);
    expect(readFileSync(at('whole.md'), 'utf8')).toContain('could not run');
  });

  it('merges to what the unsplit one wrote, byte for byte but the time, in any order of its shards', async () => {
    const merged = await cli([
      'merge',
      at('part3'),
      at('part1'),
      at('part2'),
      '--out',
      at('merged'),
      '--table',
      at('merged.csv'),
      '--table',
      at('merged.md'),
    ]);
    expect(merged.code, merged.stderr).toBe(2);
    expect(contents('merged')).toEqual(contents('whole'));
    for (const end of ['csv', 'md']) expect(readFileSync(at(`merged.${end}`))).toEqual(readFileSync(at(`whole.${end}`)));
  });

  it('names a lost shard, and writes nothing', async () => {
    const { code, stderr } = await cli(['merge', at('part1'), at('part3'), '--out', at('lost')]);
    expect(code).toBe(2);
    expect(stderr).toMatch(/Shard 2\/3 is missing/);
    expect(() => readdirSync(at('lost'))).toThrow();
  });

  it('runs again only what is missing, altered or of another seed', async () => {
    cpSync(at('whole'), at('again'), { recursive: true, preserveTimestamps: true });
    rmSync(at('again', 'ball.pocket.residue.json'));
    const cut = readFileSync(at('again', 'hat.pocket.residue.json'), 'utf8');
    writeFileSync(at('again', 'hat.pocket.residue.json'), cut.slice(0, cut.length / 2));
    const other = at('again', 'ball.stories260K.bin.residue.json');
    const before = statSync(other).mtimeMs;
    const { stderr } = await sweep('again', '--resume');
    expect(stderr.match(/already there/g)).toHaveLength(2);
    expect(stderr.match(/wrote .*residue\.json/g)).toHaveLength(2);
    expect(statSync(other).mtimeMs).toBe(before);
    expect(contents('again')).toEqual(contents('whole'));
    expect((await sweep('again', '--resume', '--seed', '1')).stderr).not.toContain('already there');
  });

  it.each([
    [['--shard', '4/3'], /--shard must be i\/n/],
    [['--table', 'map.txt'], /ends in \.csv or \.md/],
    [['--json'], /--json is for a run on one model/],
    [['--model', 'pocket'], /exclude each other/],
  ])('refuses %j in one sentence', async (more, message) => {
    const { code, stdout, stderr } = await sweep('refused', ...more);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(message);
    expect(stderr.trim()).not.toContain('\n');
  });

  it('refuses a damaged manifest in one sentence', async () => {
    mkdirSync(at('damaged'));
    for (const text of [
      '{',
      '[]',
      '{"format":1,"kind":"sweep","sweep":"x"}',
      readFileSync(at('whole', 'sweep.json'), 'utf8').replace('"unit": "ball.pocket"', '"unit": "../ball"'),
    ]) {
      writeFileSync(at('damaged', 'sweep.json'), text);
      const { code, stderr } = await cli(['merge', at('damaged')]);
      expect(code).toBe(2);
      expect(stderr.trim()).toMatch(/^[^\n]*sweep\.json: [^\n]+\.$/);
    }
  });
});

describe('shards', () => {
  it('are together everything, nothing twice, of sizes that differ by one at most', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 1, max: 50 }), (size, count) => {
        const all = Array.from({ length: size }, (_, i) => i);
        const parts = Array.from({ length: count }, (_, i) => partOf(all, { index: i + 1, count }));
        expect(parts.flat()).toEqual(all);
        const sizes = parts.map(({ length }) => length);
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
      }),
    );
  });

  it('join to the same whatever their order; any that is left out is named', () => {
    const parts = [1, 2, 3].map((i) => ({ path: `part${i}`, manifest: readManifest(at(`part${i}`, `sweep.${i}-of-3.json`)) }));
    const whole = joinManifests(parts);
    fc.assert(
      fc.property(fc.shuffledSubarray(parts, { minLength: 1 }), (some) => {
        if (some.length === 3) expect(joinManifests(some)).toEqual(whole);
        else for (const { path } of parts.filter((p) => !some.includes(p))) expect(() => joinManifests(some)).toThrow(`${path.slice(4)}/3`);
      }),
    );
  });

  it('have names that never clash', () => {
    const units = unitsOf([{ name: 'a', sha256: '' }], ['x/model', 'y/model/', 'model']);
    expect(units.map(({ name }) => name)).toEqual(['a.model', 'a.model-2', 'a.model-3']);
    expect(parseShard('2/5')).toEqual({ index: 2, count: 5 });
    for (const text of ['0/3', '4/3', '1', 'a/b', '1/0', '-1/3']) expect(() => parseShard(text)).toThrow(/--shard must be/);
  });
});
