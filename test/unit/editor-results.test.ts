import { mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { answer } from '../../src/editor/residues/answer.js';
import { askKey, changesSince, changeWords, contentOf, keyOf, type Fingerprint } from '../../src/editor/results/fingerprint.js';
import { printModel } from '../../src/editor/results/model-print.js';
import { ENTRIES, ResultStore, type RunEntry } from '../../src/editor/results/store.js';
import { summarise } from '../../src/editor/results/summary.js';
import { residueFixture } from './residue-fixture.js';

const print: Fingerprint = {
  shell: 'a'.repeat(64),
  file: 'a.shell.yaml',
  model: { id: 'pocket', path: '/models/pocket', stamp: 'model.safetensors:10:1:1:1', content: 'b'.repeat(64) },
  settings: { provider: 'cpu', threads: null, memoryBudget: null, seed: 0 },
  ask: askKey({}),
  program: '0.1.0',
};

const residue = residueFixture();
const json = JSON.stringify(residue);

const entry = (at: string, key = 'k'): RunEntry => ({ at, seconds: 1, key, print, summary: summarise(residue) });
const day = (n: number): string => new Date(Date.UTC(2026, 0, 1) + n * 86_400_000).toISOString();

describe('the key of a result', () => {
  const other: { [what: string]: Fingerprint } = {
    text: { ...print, shell: 'c'.repeat(64) },
    'file name': { ...print, file: 'b.shell.yaml' },
    'model id': { ...print, model: { ...print.model, id: 'gpt2' } },
    "model's content": { ...print, model: { ...print.model, content: 'd'.repeat(64) } },
    provider: { ...print, settings: { ...print.settings, provider: 'dml' } },
    threads: { ...print, settings: { ...print.settings, threads: 1 } },
    'memory budget': { ...print, settings: { ...print.settings, memoryBudget: 1 } },
    seed: { ...print, settings: { ...print.settings, seed: 1 } },
    commands: { ...print, ask: askKey({ commands: [0] }) },
    doses: { ...print, ask: askKey({ vary: [{ walk: '2' }] }) },
    verification: { ...print, ask: askKey({ verify: 'full' }) },
    graph: { ...print, ask: askKey({ graph: true }) },
    program: { ...print, program: '0.1.1' },
  };

  it.each(Object.keys(other))('is another for another %s', (what) => {
    expect(keyOf(other[what]!)).not.toBe(keyOf(print));
  });

  it('is the same wherever the same files lie and whenever they were written', () => {
    expect(keyOf({ ...print, model: { ...print.model, path: '/elsewhere', stamp: 'x' } })).toBe(keyOf(print));
  });

  it('is not there before a run has found what the files hold', () => {
    expect(keyOf({ ...print, model: { ...print.model, content: null } })).toBeNull();
  });

  it('spells what is asked the same for every order of the commands', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(9)), (commands) => {
        expect(askKey({ commands: [...commands].reverse() })).toBe(askKey({ commands }));
      }),
    );
    expect(askKey({ commands: [] })).not.toBe(askKey({}));
    const [a, b] = [{ walk: '1', colour: 'red' }, { walk: '2' }];
    expect(askKey({ vary: [b, { colour: 'red', walk: '1' }] })).toBe(askKey({ vary: [a, b, b] }));
    expect(askKey({ vary: [a] })).not.toBe(askKey({ vary: [b] }));
  });

  it('takes the content of a model from every file, in any order', () => {
    const files = [
      { role: 'weights', name: 'model.safetensors', sha256: '1' },
      { role: 'config', name: 'config.json', sha256: '2' },
    ];
    expect(contentOf([...files].reverse())).toBe(contentOf(files));
    expect(contentOf([files[0]!, { ...files[1]!, sha256: '3' }])).not.toBe(contentOf(files));
  });
});

describe('what has changed since a run', () => {
  it('is nothing where all is the same, whatever was asked', () => {
    expect(changesSince(print, { ...print, ask: askKey({ verify: 'full' }) })).toEqual([]);
  });

  it('is told by kind, in words', () => {
    const now: Fingerprint = { ...print, shell: 'x', settings: { ...print.settings, seed: 3 } };
    expect(changesSince(print, now)).toEqual(['shell', 'settings']);
    expect(changeWords(changesSince(print, now))).toBe('the shell was edited and the settings were changed');
    expect(changesSince(print, { ...print, program: '2' })).toEqual(['version']);
    expect(changeWords([])).toBe('');
  });

  it('goes by the content of the model where it is known, else by its place and stamp', () => {
    const model = (change: Partial<Fingerprint['model']>): Fingerprint => ({ ...print, model: { ...print.model, ...change } });
    expect(changesSince(print, model({ stamp: 'touched' }))).toEqual([]);
    expect(changesSince(print, model({ content: 'other' }))).toEqual(['model']);
    expect(changesSince(print, model({ stamp: 'written', content: null }))).toEqual(['model']);
    expect(changesSince(print, model({ content: null }))).toEqual([]);
    expect(changesSince(print, model({ id: 'gpt2' }))).toEqual(['model']);
    // A workspace that is not trusted: nothing was looked at.
    expect(changesSince(print, model({ id: '', path: '', stamp: '', content: null }))).toEqual([]);
  });
});

describe('the print of a model', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'residue-model-'));
    writeFileSync(join(folder, 'config.json'), '{}');
    writeFileSync(join(folder, 'model.safetensors'), 'weights');
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('changes with its weights, config and tokenizer, and with nothing else in the folder', async () => {
    const first = await printModel(folder, '/');
    writeFileSync(join(folder, 'my.residue.json'), '{}');
    writeFileSync(join(folder, 'README.md'), '');
    expect(await printModel(folder, '/')).toEqual(first);
    writeFileSync(join(folder, 'tokenizer.json'), '{}');
    const second = await printModel(folder, '/');
    expect(second.stamp).not.toBe(first.stamp);
    // Same size, same time of modification: the time of the inode's change tells.
    writeFileSync(join(folder, 'model.safetensors'), 'WEIGHTS');
    utimesSync(join(folder, 'model.safetensors'), 0, 0);
    expect((await printModel(folder, '/')).stamp).not.toBe(second.stamp);
  });

  it('takes a GGUF file alone', async () => {
    writeFileSync(join(folder, 'a.gguf'), 'x');
    const first = await printModel('a.gguf', folder);
    expect(first.id).toBe('a.gguf');
    writeFileSync(join(folder, 'config.json'), '{"other": 1}');
    expect(await printModel('a.gguf', folder)).toEqual(first);
  });

  it('refuses what is not there', async () => {
    await expect(printModel('./nowhere.gguf', folder)).rejects.toThrow('no such file');
  });
});

describe('ResultStore', () => {
  let folder: string;
  let room: number;
  const warnings: string[] = [];
  const log = { warn: (line: string) => warnings.push(line) };
  const holds = (text: string): Promise<boolean> => Promise.resolve(answer('check', { json: text }) === null);
  const store = (): ResultStore => new ResultStore(folder, () => room, log, holds);
  const kept = (): string[] => readdirSync(join(folder, 'residues')).sort();

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'residue-store-'));
    room = 1e9;
    warnings.length = 0;
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('gives another window what one has kept', async () => {
    await store().record('file:///a', entry(day(1)), json);
    expect(await store().text('k')).toBe(json);
    expect(await store().history('file:///a')).toEqual([entry(day(1))]);
    expect(await store().history('file:///b')).toEqual([]);
    expect(await store().text('other')).toBeUndefined();
    expect((await store().shells()).map(({ shell }) => shell)).toEqual(['file:///a']);
    expect(warnings).toEqual([]);
  });

  it('has a run at once, before it is on the disk', async () => {
    const one = store();
    const written = one.record('file:///a', entry(day(1)), json);
    expect(await one.text('k')).toBe(json);
    expect(await one.history('file:///a')).toHaveLength(1);
    await written;
  });

  it('loses nothing of what two windows add to one history', async () => {
    const [one, two] = [store(), store()];
    await one.history('file:///a');
    await two.history('file:///a');
    await one.record('file:///a', entry(day(1), 'k1'), json);
    await two.record('file:///a', entry(day(2), 'k2'), json);
    await one.record('file:///a', entry(day(3), 'k3'), json);
    expect((await store().history('file:///a')).map(({ key }) => key)).toEqual(['k1', 'k2', 'k3']);
  });

  it.each(['{', '[]', '{"format":1}', ''])('takes a damaged residue for none, says so and removes it: %j', async (text) => {
    await store().record('file:///a', entry(day(1)), json);
    writeFileSync(join(folder, 'residues', 'k.residue.json'), text);
    expect(await store().text('k')).toBeUndefined();
    expect(warnings).toHaveLength(1);
    expect(kept()).toEqual([]);
  });

  it.each(['{', 'null', '{"shell":"file:///a","entries":[{}]}', '{"shell":"file:///a","entries":[null]}'])(
    'takes a damaged history for none and goes on: %j',
    async (text) => {
      await store().record('file:///a', entry(day(1)), json);
      const [name] = readdirSync(join(folder, 'history'));
      writeFileSync(join(folder, 'history', name!), text);
      expect(await store().history('file:///a')).toEqual([]);
      await store().record('file:///a', entry(day(2)), json);
      expect(await store().history('file:///a')).toHaveLength(1);
      expect(warnings.length).toBeGreaterThan(0);
    },
  );

  it('keeps to its room: the least recently used go, the latest stays however large', async () => {
    room = 2.5 * json.length;
    const one = store();
    for (let i = 0; i < 3; i++) {
      await one.record('file:///a', entry(day(i), `k${i}`), json);
      utimesSync(join(folder, 'residues', `k${i}.residue.json`), i + 1, i + 1);
    }
    expect(kept()).toEqual(['k1.residue.json', 'k2.residue.json']);
    // Used: k1 is now the younger one.
    await store().text('k1');
    await one.record('file:///a', entry(day(3), 'k3'), json);
    expect(kept()).toEqual(['k1.residue.json', 'k3.residue.json']);
    room = 1;
    await one.record('file:///a', entry(day(4), 'k4'), json);
    expect(kept()).toEqual(['k4.residue.json']);
    expect(await one.history('file:///a')).toHaveLength(5);
  });

  it('keeps a bounded history of each shell, each run once, and leaves no draft behind', async () => {
    const one = store();
    await one.record('file:///a', entry(day(0)), json);
    await one.record('file:///a', entry(day(0)), json);
    expect(await one.history('file:///a')).toHaveLength(1);
    const [name] = readdirSync(join(folder, 'history'));
    const full = Array.from({ length: ENTRIES }, (_, i) => entry(day(i)));
    writeFileSync(join(folder, 'history', name!), JSON.stringify({ shell: 'file:///a', entries: full }));
    await store().record('file:///a', entry(day(ENTRIES)));
    const history = await store().history('file:///a');
    expect(history).toHaveLength(ENTRIES);
    expect([history[0]?.at, history.at(-1)?.at]).toEqual([day(1), day(ENTRIES)]);
    expect([...kept(), ...readdirSync(join(folder, 'history'))].filter((name) => name.endsWith('.part'))).toEqual([]);
  });

  it('removes one run, and its residue unless another run has the same', async () => {
    const one = store();
    await one.record('file:///a', entry(day(1), 'k1'), json);
    await one.record('file:///a', entry(day(2), 'k1'), json);
    await one.remove('file:///a', entry(day(1), 'k1'));
    expect(kept()).toEqual(['k1.residue.json']);
    await one.remove('file:///a', entry(day(2), 'k1'));
    expect(kept()).toEqual([]);
    expect(await store().history('file:///a')).toEqual([]);
    expect(await one.text('k1')).toBeUndefined();
  });

  it('clears the residues alone, or all of it', async () => {
    const one = store();
    await one.record('file:///a', entry(day(1)), json);
    await one.clear(false);
    expect(await one.text('k')).toBeUndefined();
    expect(await one.history('file:///a')).toHaveLength(1);
    await one.clear(true);
    expect(await one.history('file:///a')).toEqual([]);
    expect(await one.shells()).toEqual([]);
  });

  it('remembers what the files of a model hold', async () => {
    await store().learn('/models/pocket', 'stamp', 'content');
    expect(await store().content('/models/pocket', 'stamp')).toBe('content');
    expect(await store().content('/models/pocket', 'other')).toBeNull();
    writeFileSync(join(folder, 'models.json'), '[1, ["a"]');
    expect(await store().content('/models/pocket', 'stamp')).toBeNull();
  });

  it('goes on without a disk', async () => {
    writeFileSync(join(folder, 'file'), '');
    const blocked = new ResultStore(join(folder, 'file'), () => room, log, holds);
    await blocked.record('file:///a', entry(day(1)), json);
    expect(await blocked.text('k')).toBe(json);
    expect(await blocked.history('file:///a')).toHaveLength(1);
    expect(warnings.length).toBeGreaterThan(0);
  });
});
