import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseLimits, parseMessage } from '../../src/engine/requests.js';

const request = (method: string, params: unknown, id: unknown = 7) => parseMessage({ type: 'request', id, method, params });
const message = (method: string, params: unknown) => {
  const parsed = request(method, params);
  return parsed.type === 'rejected' ? parsed.message : 'accepted';
};

const good: [string, unknown][] = [
  ['info', {}],
  ['open', { model: 'pocket' }],
  ['open', { model: 'm', settings: { provider: 'cpu', threads: 2, memoryBudget: 1e9 } }],
  ['close', { model: 'm' }],
  ['encode', { model: 'm', text: '' }],
  ['decode', { model: 'm', ids: [1], skipSpecial: false }],
  ['run', { model: 'm', tokens: [1, 2], options: {} }],
  ['run', { model: 'm', tokens: [[1], [2]], options: { positions: [[0], [4]], hooks: 'all', logits: [0], keepCache: true, cache: 3 } }],
  [
    'run',
    {
      model: 'm',
      tokens: [1],
      options: {
        edits: [
          { kind: 'knockout', layers: 'all', heads: [0], queries: [1], keys: [0], row: 0 },
          { kind: 'scale-head', layer: 0, head: 1, scale: 0 },
          { kind: 'scale-values', layers: [1], heads: 'all', queries: 'all', keys: [], scale: 0.5 },
          { kind: 'replace', at: 'resid_pre', layer: 0, positions: 'all', value: new Float32Array(4) },
          { kind: 'add', at: 'z', layer: 0, head: 0, positions: [0], value: new Float32Array(4) },
          { kind: 'scale-out', at: 'mlp_out', layer: 0, scale: 0 },
          { kind: 'project-out', layer: 0, positions: [0], direction: new Float32Array(4) },
        ],
      },
    },
  ],
  ['read', { handle: 1, hook: 'logits', row: 0, slice: [null, 1, [0, 2]] }],
  ['release', { handles: [1, 2] }],
  ['lens', { handle: 1, request: { layers: 'all', positions: [0], topK: 5, tokens: [1], full: true, norm: 'frozen' } }],
  ['unembed', { model: 'm', vectors: new Float32Array(4), n: 1 }],
  ['generate', { model: 'm', tokens: [1], options: { maxTokens: 4, temperature: 0.7, topP: 0.9, topK: 40, seed: 1, stopIds: [2] } }],
  [
    'runShell',
    {
      text: 'format: 1',
      file: null,
      baseFolder: '.',
      model: 'm',
      defaultModel: 'n',
      seed: 0,
      commands: [0],
      vary: [{ walk: '2' }],
      npz: 'out',
    },
  ],
  ['probe', { text: 'Tom has', answer: ' red', rivals: [' blue'] }],
];

describe('requests to the engine', () => {
  test.each(good)('%s as a client sends it is accepted', (method, params) => {
    expect(request(method, params)).toEqual({ type: 'request', id: 7, method, params });
  });

  test.each([
    ['run', { model: 'm', tokens: [1, 1.5], options: {} }, 'params.tokens[1]'],
    ['run', { model: 'm', tokens: [-1], options: {} }, 'params.tokens[0]'],
    ['run', { model: 'm', tokens: [1], options: { hook: [] } }, 'Unrecognized key: "hook"'],
    ['run', { model: 'm', tokens: [1], options: { edits: [{ kind: 'scale-head', layer: 0, head: 0, scale: NaN }] } }, 'edits[0].scale'],
    [
      'run',
      { model: 'm', tokens: [1], options: { edits: [{ kind: 'replace', at: 'resid_pre', layer: 0, positions: 'all', value: [1] }] } },
      'value',
    ],
    ['open', { model: 'a\0b' }, 'NUL'],
    ['open', { model: 'm', settings: { threads: 0 } }, 'params.settings.threads'],
    ['generate', { model: 'm', tokens: [1], options: { maxTokens: Infinity } }, 'maxTokens'],
    ['read', { handle: 1, hook: 'x', slice: [[0]] }, 'slice[0]'],
    ['unembed', { model: 'm', vectors: [1, 2], n: 1 }, 'params.vectors'],
    ['constructor', {}, 'Unknown request'],
    ['__proto__', {}, 'Unknown request'],
  ])('%s with a wrong field names it', (method, params, part) => {
    expect(message(method, params)).toContain(part);
    expect(message(method, params)).not.toContain('\n');
  });

  test('whatever is not a request is rejected, and nothing throws', () => {
    const anything = fc.anything({
      withBigInt: true,
      withDate: true,
      withMap: true,
      withSet: true,
      withTypedArray: true,
      withObjectString: true,
    });
    fc.assert(
      fc.property(anything, (junk) => {
        expect(parseMessage(junk).type).toBe('rejected');
      }),
      { seed: 1, numRuns: 2000 },
    );
  });

  test('a good request with one part replaced is either rejected with one sentence or still well-formed', () => {
    const junk = fc.anything({ withBigInt: true, withMap: true, withTypedArray: true });
    let rejected = 0;
    fc.assert(
      fc.property(fc.constantFrom(...good), fc.nat(), junk, ([method, params], pick, value) => {
        const parsed = request(method, replaceOne(params, pick, value));
        if (parsed.type !== 'rejected') return;
        rejected++;
        expect(parsed.id).toBe(7);
        expect(parsed.message).toMatch(/^(Malformed|Unknown) [^\n]{1,700}\.$/);
      }),
      { seed: 2, numRuns: 3000 },
    );
    expect(rejected).toBeGreaterThan(1500);
  });

  test('limits from the command line are checked', () => {
    expect(parseLimits(undefined)).toEqual({});
    expect(parseLimits('{"maxModels":2}')).toEqual({ maxModels: 2 });
    expect(() => parseLimits('{"maxModels":0}')).toThrow();
    expect(() => parseLimits('{"models":2}')).toThrow();
  });
});

/** A copy of `value` with its `pick`-th part (counted depth first) replaced. */
function replaceOne(value: unknown, pick: number, by: unknown): unknown {
  const count = (v: unknown): number => (isTree(v) ? 1 + Object.values(v).reduce<number>((n, x) => n + count(x), 0) : 1);
  let at = pick % count(value);
  const visit = (v: unknown): unknown => {
    if (at-- === 0) return by;
    if (!isTree(v)) return v;
    return Array.isArray(v) ? v.map(visit) : Object.fromEntries(Object.entries(v).map(([k, x]) => [k, visit(x)]));
  };
  return visit(value);
}

const isTree = (v: unknown): v is object => typeof v === 'object' && v !== null && !ArrayBuffer.isView(v);
