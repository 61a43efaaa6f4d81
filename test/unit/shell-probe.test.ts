import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { parseShell } from '../../src/shell/parse.js';
import { probeShell } from '../../src/shell/probe.js';
import { fill } from '../../src/shell/template.js';

/** What the model will read of a probe's shell. */
function read(prompt: string, answer: string): { prompt: string; answer: unknown } {
  const { shell, diagnostics } = parseShell(probeShell({ prompt, answer, rivals: [' x'] }));
  const errors = diagnostics.filter(({ severity }) => severity === 'error');
  expect(errors).toEqual([]);
  if (!shell) throw new Error('No shell.');
  const filled = fill(shell.prompt, {});
  if (filled.kind !== 'text') throw new Error(filled.kind);
  return { prompt: filled.text, answer: shell.answer };
}

describe('probeShell', () => {
  it.each([
    'Tom has a red',
    ' leading and trailing ',
    'two\nlines\n\n',
    '\ttab and "quotes" and \'more\': # no comment',
    'a [[span|in]] {{braces}} \\[[ \\\\]] stay',
    '- not: a list\n? nor\n--- this\n... or that',
    '%YAML 1.2',
    'null',
    '1e3',
    'emoji 🦊 and \u0000 control \u0085\u2028 characters',
    'a deleted \u007f character',
  ])('keeps the prompt to the character: %j', (prompt) => {
    expect(read(prompt, ' a').prompt).toBe(prompt);
  });

  it('keeps any prompt and answer', () => {
    const piece = fc.constantFrom('[[', ']]', '{{', '}}', '\\', '|', ' ', '\n', '\t', '\u007f', '#', ':', '-', '"', "'", 'a', 'é', '🦊');
    const text = fc.array(piece, { minLength: 1, maxLength: 20 }).map((parts) => parts.join(''));
    fc.assert(
      fc.property(text, text, (prompt, answer) => {
        expect(read(`x${prompt}`, `y${answer}`)).toEqual({ prompt: `x${prompt}`, answer: { kind: 'text', text: `y${answer}` } });
      }),
      { seed: 7, numRuns: 300 },
    );
  });
});
