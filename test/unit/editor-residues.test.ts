import { resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { answer } from '../../src/editor/residues/answer.js';
import type { Ask, AskParams, AskResult } from '../../src/editor/residues/protocol.js';
import { ResidueThread } from '../../src/editor/residues/thread.js';
import { contentOf } from '../../src/editor/results/fingerprint.js';
import { summarise } from '../../src/editor/results/summary.js';
import { parseResidue } from '../../src/residue/read.js';
import { serializeResidue } from '../../src/residue/write.js';
import { residueFixture } from './residue-fixture.js';

const residue = residueFixture();
const json = serializeResidue(residue);

describe('what the extension asks about the text of a residue', () => {
  it('is whether it can be shown, and if not why', () => {
    expect(answer('check', { json })).toBeNull();
    const wrong: [text: string, why: RegExp][] = [
      ['', /^it is not JSON/],
      [json.slice(0, 1000), /^it is not JSON/],
      ['[1, 2]', /^it is not a residue/],
      ['null', /^it is not a residue/],
      ['['.repeat(200_000), /^it is not /],
      ['{"format": 2}', /^it has format 2; this version of the extension reads format 1\.$/],
      [JSON.stringify({ ...residue, runs: undefined }), /^it is not a residue: .*runs/],
      [JSON.stringify({ ...residue, primary: 99 }), /^primary is 99, but there are \d+ runs\.$/],
    ];
    for (const [text, why] of wrong) expect(answer('check', { json: text }), text.slice(0, 40)).toMatch(why);
  });

  it('takes a residue of another version, with a section more', () => {
    expect(answer('check', { json: JSON.stringify({ ...residue, later: { what: 1 } }) })).toBeNull();
  });

  it('is its report, its summary, its file, and what the history keeps of it', () => {
    expect(answer('html', { json })).toMatch(/^<!DOCTYPE html>[^]*id="residue">/);
    expect(answer('markdown', { json })).toContain(`## ${residue.shell.id}`);
    expect(answer('file', { json: JSON.stringify(residue) })).toBe(json);
    const kept = parseResidue(json);
    const content = contentOf(residue.provenance.model.files);
    expect(answer('summary', { json, commands: null })).toEqual({ at: residue.created, summary: summarise(kept), content });
    expect(answer('tests', { text: 'format: 1\n' }).error).toMatch(/^\d+:\d+: /);
    expect(answer('summary', { json, commands: [0] }).summary.commands.length).toBeLessThanOrEqual(1);
  });

  it('is what has arrived of it where its run was stopped, and what tests came to', () => {
    const stopped = JSON.parse(answer('stopped', { json, at: 'probe: forward' })) as unknown;
    expect(stopped).toEqual({ ...parseResidue(json), status: 'cancelled', cancelledAt: 'probe: forward' });
    const copy = { ...residue, expectations: [{ path: 'drop', want: '1', got: 2, passed: false, message: 'drop is 2', line: 1 }] };
    const node = {
      id: 'x',
      label: 'drop: 1',
      spot: null,
      kind: 'expectation' as const,
      vary: null,
      command: null,
      expectation: 0,
      children: [],
    };
    const told = (nodes: (typeof node)[]) => answer('outcomes', { json: JSON.stringify(copy), nodes });
    expect(told([node])).toMatchObject({ nodes: [{ state: 'failed' }], shell: { state: 'passed' } });
    expect(told([])).toMatchObject({ nodes: [], shell: { state: 'failed' } });
  });
});

describe('the thread that answers', () => {
  const thread = new ResidueThread(resolve('dist', 'residues.cjs'));
  const ask = <A extends Ask>(what: A, params: AskParams<A>): Promise<AskResult<A>> => thread.ask(what, params);
  afterAll(() => thread.dispose());

  it('says what the functions say, each question its own answer', async () => {
    const [good, bad, markdown] = await Promise.all([ask('check', { json }), ask('check', { json: '{' }), ask('markdown', { json })]);
    expect([good, bad, markdown]).toEqual([null, answer('check', { json: '{' }), answer('markdown', { json })]);
  });

  it('tells a fault of one question and answers the next', async () => {
    await expect(ask('markdown', { json: '{' })).rejects.toThrow(/JSON/);
    expect(await ask('check', { json })).toBeNull();
  });

  it('fails what waits when it ends, and starts again', async () => {
    const pending = ask('html', { json });
    thread.dispose();
    await expect(pending).rejects.toThrow('The thread that reads residues and shells has ended');
    expect(await ask('check', { json })).toBeNull();
  });

  it('fails where its program is not there, and stays usable', async () => {
    const gone = new ResidueThread(resolve('dist', 'no-such.cjs'));
    await expect(gone.ask('check', { json })).rejects.toThrow('The thread that reads residues and shells has ended');
    await expect(gone.ask('check', { json })).rejects.toThrow('The thread that reads residues and shells has ended');
    gone.dispose();
  });
});
