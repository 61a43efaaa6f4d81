import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { escapeMarks, readMarks } from '../../src/shell/marks.js';
import { parseShell } from '../../src/shell/parse.js';
import { expandVary, fill, fillText } from '../../src/shell/template.js';
import type { PromptTemplate, Shell } from '../../src/shell/types.js';

const range = { start: 0, end: 0 };

function shellOf(body: string): Shell {
  const { shell, diagnostics } = parseShell(`format: 1\nshell: test\nfamily: memory\nanswer: x\n${body}`);
  expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
  return shell!;
}

describe('fill', () => {
  it('removes marks, fills in names and keeps white space to the character', () => {
    const { text: filled, spans } = fillText('  Tom has a [[fact|red]] ball.\n\n{{walk}} A:  ', { walk: 'He walks.\t' });
    expect(filled).toBe('  Tom has a red ball.\n\nHe walks.\t A:  ');
    expect(spans).toEqual({ fact: [12, 15] });
    expect(filled.slice(12, 15)).toBe('red');
  });

  it('fills names in spans, and spans that values bring', () => {
    expect(fillText('a [[s|x{{n}}y]] {{story}}', { n: '--', story: '[[t|{{n}}]]!' })).toEqual({
      kind: 'text',
      text: 'a x--y --!',
      spans: { s: [2, 6], t: [7, 9] },
    });
  });

  it('takes marks after a backslash as text', () => {
    expect(fillText(String.raw`\[[a|b\]] \{{c\}} a\b \\[[s|t]] \\\[[ ]] }}`, {})).toEqual({
      kind: 'text',
      text: String.raw`[[a|b]] {{c}} a\b \t \[[ ]] }}`,
      spans: { s: [19, 20] },
    });
  });

  it('refuses what cannot be filled', () => {
    expect(() => fillText('{{a}}', {})).toThrow('{{a}} is filled by neither vary nor let.');
    expect(() => fillText('{{a}}', { a: '{{b}}', b: '{{a}}' })).toThrow('{{a}} leads back to itself (a → b → a).');
    expect(() => fillText('{{toString}}', {})).toThrow('{{toString}}');
    expect(() => fillText('[[s|x]] {{a}}', { a: '[[s|y]]' })).toThrow('marked twice');
    expect(() => fillText('[[s|{{a}}]]', { a: '[[t|y]]' })).toThrow('cannot be nested');
    expect(() => fillText('{{a}}{{a}}', { a: 'x'.repeat(600_000) })).toThrow('1200000 characters');
    const doubling: Record<string, string> = { a40: '' };
    for (let i = 0; i < 40; i++) doubling[`a${i}`] = `{{a${i + 1}}}{{a${i + 1}}}`;
    expect(() => fillText('{{a0}}', doubling)).toThrow('replacements');
  });

  it('keeps ids and conversations apart', () => {
    expect(fill({ source: { kind: 'tokens', tokens: [1, 2], spans: { s: [0, 1] } }, range }, {})).toEqual({
      kind: 'tokens',
      tokens: [1, 2],
      spans: { s: [0, 1] },
    });
    const chat: PromptTemplate = {
      source: {
        kind: 'chat',
        messages: [
          { role: 'user', content: 'a [[s|{{x}}]]' },
          { role: 'assistant', content: '[[t|b]]' },
        ],
      },
      range,
    };
    expect(fill(chat, { x: 'red' })).toEqual({
      kind: 'chat',
      messages: [
        { role: 'user', content: 'a red', spans: { s: [2, 5] } },
        { role: 'assistant', content: 'b', spans: { t: [0, 1] } },
      ],
    });
  });

  it('gives any text back once its marks are escaped', () => {
    const mark = fc.string({ unit: fc.constantFrom('[', ']', '{', '}', '\\', '|', 'a', ' ', '\n', '🙂'), maxLength: 30 });
    fc.assert(
      fc.property(mark, (written) => {
        expect(fillText(escapeMarks(written), {})).toEqual({ kind: 'text', text: written, spans: {} });
      }),
      { seed: 7, numRuns: 1000 },
    );
  });

  it('reads any text without a throw, and spans lie in what it becomes', () => {
    const mark = fc.string({
      unit: fc.constantFrom('[[', ']]', '{{', '}}', '\\', '|', 'a', 'b|', '[[s|', '{{n}}', ' ', '\n'),
      maxLength: 16,
    });
    let filled = 0;
    fc.assert(
      fc.property(mark, (written) => {
        const { problems } = readMarks(written);
        for (const { offset, length } of problems) expect(offset + Math.min(length, 2)).toBeLessThanOrEqual(written.length);
        if (problems.length > 0) return;
        try {
          const { text: out, spans } = fillText(written, { n: 'NN' });
          for (const [start, end] of Object.values(spans)) expect(start <= end && end <= out.length).toBe(true);
          filled++;
        } catch (error) {
          expect((error as Error).message).toMatch(/twice|filled by neither/);
        }
      }),
      { seed: 8, numRuns: 1000 },
    );
    expect(filled).toBeGreaterThan(100);
  });
});

describe('expandVary', () => {
  it('gives one run without vary', () => {
    expect(expandVary({ vary: [], let: { a: 'b' } })).toEqual([{ values: { a: 'b' }, vary: {}, label: '', x: null }]);
  });

  it('repeats a text and puts the number on the x axis', () => {
    const shell = shellOf('prompt: "{{walk}}A:"\nvary:\n  walk: { repeat: "x ", times: [0, 2, 3] }\n');
    const runs = expandVary(shell);
    expect(runs.map(({ label, x, vary }) => [label, x, vary])).toEqual([
      ['walk=0', 0, { walk: '0' }],
      ['walk=2', 2, { walk: '2' }],
      ['walk=3', 3, { walk: '3' }],
    ]);
    expect(runs.map(({ values }) => (fill(shell.prompt, values) as { text: string }).text)).toEqual(['A:', 'x x A:', 'x x x A:']);
  });

  it('makes every combination, the last name fastest, with readable labels', () => {
    const shell = shellOf(
      'prompt: "{{n}}{{word}}{{where}}"\nvary:\n  n: [1, 2.5]\n  word: ["red", " two\\nlines"]\n  where: { near: "here", far: "there" }\n',
    );
    const runs = expandVary(shell);
    expect(runs.map(({ label }) => label)).toEqual([
      'n=1,word=red,where=near',
      'n=1,word=red,where=far',
      'n=1,word=#2,where=near',
      'n=1,word=#2,where=far',
      'n=2.5,word=red,where=near',
      'n=2.5,word=red,where=far',
      'n=2.5,word=#2,where=near',
      'n=2.5,word=#2,where=far',
    ]);
    expect(fill(shell.prompt, runs[3]!.values)).toMatchObject({ text: '1 two\nlinesthere' });
    expect(new Set(runs.map(({ x }) => x))).toEqual(new Set([null]));
  });

  it('refuses more than a thousand runs', () => {
    const values = Array.from({ length: 40 }, (_, i) => ({ label: String(i), text: String(i), x: i }));
    const vary = ['a', 'b'].map((name) => ({ name, values }));
    expect(() => expandVary({ vary, let: {} })).toThrow('1600 runs');
  });
});
