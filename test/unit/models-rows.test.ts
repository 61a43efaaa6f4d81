import { describe, expect, it } from 'vitest';
import { checkText, downloadLine, factLines, modelLine, type DownloadView, type Look } from '../../src/editor/models/rows.js';
import { isFromHub, isToHub, type ModelRow } from '../../src/hub/protocol.js';

const row: ModelRow = {
  id: 'a/b',
  path: '/models/a',
  origin: 'downloaded',
  source: { repo: 'a/b', revision: 'main', commit: 'c0'.repeat(20), endpoint: 'https://x', licence: 'mit' },
};
const facts = { family: 'llama', layers: 30, parameters: 134_515_008, dtype: 'BF16', context: 8192, vocabulary: 49152, notes: ['A note.'] };
const look: Look = {
  inspection: { facts, fault: null, bytes: 272_000_000, licence: 'mit' },
  check: { status: 'verified', at: '2026-01-02T03:04:05.000Z', fault: null },
};
const broken: Look = {
  inspection: { facts: null, fault: 'config.json is not JSON.', bytes: 5, licence: null },
  check: { status: 'none', at: null, fault: null },
};
const download: DownloadView = {
  id: 'a/b',
  reference: { repo: 'a/b', revision: 'main', file: null },
  received: 50_000_000,
  bytes: 200_000_000,
  busy: true,
  fault: null,
  running: true,
  rate: 10_000_000,
  waiting: null,
};

describe('a model’s line', () => {
  it('says in words what its icon and place say', () => {
    const line = modelLine(row, look, true);
    expect(line.description).toBe('in use · llama · 134.5 M parameters · BF16 · 272 MB');
    expect(line.spoken).toBe(
      'a/b, downloaded, in use, llama, 134.5 M parameters, BF16, 272 MB. It opens: llama, 30 layers, licence mit. Verified on 2026-01-02: all files are as the Hub lists them.',
    );
    expect(line).toMatchObject({ icon: 'verified', context: 'model.downloaded' });
    expect(modelLine(row, undefined, false)).toMatchObject({ description: '…', icon: 'loading~spin' });
  });

  it('gives the sentence why a model does not open, in the tooltip and among its facts', () => {
    expect(modelLine(row, broken, false)).toMatchObject({ icon: 'error', description: 'does not open · 5 B' });
    expect(modelLine(row, broken, false).tooltip).toContain('It does not open: config.json is not JSON.');
    expect(factLines(row, broken)).toContainEqual({ label: 'Opens', value: 'config.json is not JSON.', icon: 'error' });
  });

  it('unfolds to family, size, dtype, licence, checks, source and path', () => {
    expect(factLines(row, look).map(({ label, value }) => `${label}: ${value}`)).toEqual([
      'Family: llama, 30 layers, context 8192, 49152 tokens',
      'Size: 272 MB, 134.5 M parameters',
      'Dtype: BF16',
      'Licence: mit',
      'Opens: yes',
      'SHA-256: Verified on 2026-01-02: all files are as the Hub lists them.',
      'Note: A note.',
      'From: a/b @ main (c0c0c0c0c0c0)',
      'Path: /models/a',
    ]);
  });

  it.each([
    [{ status: 'none', at: null, fault: null }, 'Not checked yet.'],
    [{ status: 'differs', at: '2026-01-02T00:00:00Z', fault: 'x has 3 bytes.' }, 'Differs on 2026-01-02: x has 3 bytes.'],
    [{ status: 'recorded', at: '2026-01-02T00:00:00Z', fault: null }, 'Noted on 2026-01-02; nobody has published sums to compare with.'],
    [{ status: 'changed', at: '2026-01-02T00:00:00Z', fault: null }, 'The files have changed since they were looked at on 2026-01-02.'],
  ] as const)('tells the check %j', (check, text) => expect(checkText(check)).toBe(text));
});

describe('a download’s line', () => {
  it.each([
    [{}, '25 % · 10 MB/s · 15 s left · of 200 MB', 'download.running', 'a/b, downloading, 25 % of 200 MB, 10 MB/s, 15 s left'],
    [{ waiting: 'x is busy.' }, 'waiting · 25 % of 200 MB', 'download.running', 'a/b, waiting, 25 % of 200 MB. x is busy.'],
    [{ running: false, busy: false }, 'paused · 25 % of 200 MB', 'download.paused', 'a/b, paused, 25 % of 200 MB'],
    [{ running: false, busy: false, fault: 'No.' }, 'stopped · 25 % of 200 MB', 'download.paused', 'a/b, stopped, 25 % of 200 MB. No.'],
    [{ running: false }, 'in another window · 25 % of 200 MB', 'download.busy', 'a/b, in another window, 25 % of 200 MB'],
  ])('%j', (change, description, context, spoken) => {
    const rate = 'running' in change ? null : download.rate;
    expect(downloadLine({ ...download, rate, ...change })).toMatchObject({ description, context, spoken });
  });
});

describe('the boundary to the thread', () => {
  it('knows its messages and no others', () => {
    expect(isToHub({ type: 'request', id: 1, method: 'shelf', params: {} })).toBe(true);
    expect(isToHub({ type: 'abort', id: 1 })).toBe(true);
    for (const wrong of [
      null,
      'x',
      {},
      { type: 'request', id: 1, method: 'toString', params: {} },
      { type: 'request', id: 1.5, method: 'shelf', params: {} },
    ])
      expect(isToHub(wrong)).toBe(false);
    expect(isFromHub({ type: 'reply', id: 1, result: null })).toBe(true);
    expect(isFromHub({ type: 'error', id: 1, error: { kind: 'input', message: 'x' } })).toBe(true);
    for (const wrong of [
      undefined,
      { type: 'reply', id: 1 },
      { type: 'error', id: 1, error: {} },
      { type: 'event', id: 1, event: { kind: 'other' } },
    ])
      expect(isFromHub(wrong)).toBe(false);
  });
});
