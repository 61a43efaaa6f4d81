import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LogOutputChannel, Uri } from 'vscode';
import { ResidueStore } from '../../src/editor/store.js';
import { residueFixture } from './residue-fixture.js';

const shell = (name: string): Uri => ({ path: `/${name}`, toString: () => `file:///${name}` }) as Uri;

describe('ResidueStore', () => {
  let folder: string;
  const warnings: string[] = [];
  const log = { warn: (line: string) => warnings.push(line) } as unknown as LogOutputChannel;
  const store = (): ResidueStore => new ResidueStore(folder, log);
  const json = JSON.stringify(residueFixture());

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'residue-store-'));
    warnings.length = 0;
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('gives another window what one has kept', async () => {
    await store().set(shell('a'), json);
    expect(await store().text(shell('a'))).toBe(json);
    expect(await store().get(shell('a'))).toEqual(JSON.parse(json));
    expect(await store().get(shell('b'))).toBeUndefined();
    expect(warnings).toEqual([]);
  });

  it.each(['{', '[]', '{"format":1}', ''])('takes a damaged file for none and says so: %j', async (text) => {
    await store().set(shell('a'), json);
    const [name] = readdirSync(folder);
    writeFileSync(join(folder, name ?? ''), text);
    expect(await store().text(shell('a'))).toBeUndefined();
    expect(warnings).toHaveLength(1);
  });

  it('keeps fifty, and leaves no draft behind', async () => {
    const one = store();
    for (let i = 0; i < 53; i++) await one.set(shell(`s${i}`), json);
    expect(readdirSync(folder)).toHaveLength(50);
    expect(readdirSync(folder).every((name) => name.endsWith('.residue.json'))).toBe(true);
    expect(await one.text(shell('s52'))).toBe(json);
    expect(readFileSync(join(folder, readdirSync(folder)[0] ?? ''), 'utf8')).toBe(json);
  });

  it('goes on without a disk', async () => {
    writeFileSync(join(folder, 'file'), '');
    const blocked = new ResidueStore(join(folder, 'file'), log);
    await blocked.set(shell('a'), json);
    expect(await blocked.text(shell('a'))).toBe(json);
    expect(warnings).toHaveLength(1);
  });
});
