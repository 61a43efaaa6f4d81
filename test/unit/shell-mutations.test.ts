import { describe, expect, it } from 'vitest';
import { InputError } from '../../src/errors.js';
import { decodeShell } from '../../src/shell/check.js';
import { completions, lenses } from '../../src/shell/complete.js';
import { hoverAt } from '../../src/shell/hover.js';
import { parseShell } from '../../src/shell/parse.js';
import { expandVary, fill } from '../../src/shell/template.js';
import { cpuTime } from '../helpers/cpu-time.js';
import { mutations, Random, shells } from '../helpers/mutations.js';

describe('mutated shells', () => {
  it.each(Object.keys(mutations))('%s: always findings or a shell, never a throw, never slow', (name) => {
    const random = new Random(name.length * 7919 + 1);
    let runs = 0;
    let refused = 0;
    for (let i = 0; i < 140; i++) {
      const text = mutations[name]!(random.of(shells), random);
      let parsed: ReturnType<typeof parseShell> | undefined;
      const took = cpuTime(() => {
        parsed = parseShell(text);
        const offset = random.below(text.length + 1);
        completions(text, offset);
        hoverAt(text, offset);
        lenses(text);
      });
      expect(took, text.slice(0, 500)).toBeLessThan(5000);
      const { shell, diagnostics } = parsed!;
      const failed = diagnostics.some(({ severity }) => severity === 'error');
      expect(shell === null, text).toBe(failed);
      expect(diagnostics.length).toBeLessThanOrEqual(100);
      const lines = text.split('\n');
      for (const { message, line, column, endLine, endColumn } of diagnostics) {
        expect(message, text).toMatch(/^[^\n]+[.?]$/);
        expect(message.length).toBeLessThan(700);
        expect(line >= 1 && line <= lines.length && column >= 1 && column <= lines[line - 1]!.length + 1, `${line}:${column} ${text}`).toBe(
          true,
        );
        expect(endLine > line || (endLine === line && endColumn >= column)).toBe(true);
      }
      if (shell === null) {
        refused++;
        continue;
      }
      runs++;
      // What is said to be right can be filled in.
      for (const { values } of expandVary(shell).slice(0, 20)) {
        for (const prompt of [shell.prompt, ...(shell.control ? [shell.control] : []), ...shell.paraphrases.map((one) => one.prompt)]) {
          expect(fill(prompt, values).kind).toBe(prompt.source.kind);
        }
      }
    }
    expect(refused).toBeGreaterThan(20);
    if (name !== 'cut') expect(runs).toBeGreaterThan(3);
  });

  it('bytes that are not UTF-8 are named with their place', () => {
    const random = new Random(5);
    const good = Buffer.from(shells[0]!);
    for (let i = 0; i < 60; i++) {
      const at = random.below(good.length);
      const bytes = Buffer.concat([good.subarray(0, at), Buffer.from([random.of([0xff, 0xc3, 0x80, 0xf0, 0xed])]), good.subarray(at)]);
      try {
        decodeShell(bytes, 'x.shell.yaml');
      } catch (error) {
        expect(error).toBeInstanceOf(InputError);
        const { place } = error as InputError;
        const before = good.subarray(0, at).toString();
        expect([place.line, place.column]).toEqual([before.split('\n').length, before.length - before.lastIndexOf('\n')]);
      }
    }
    expect(() => decodeShell(Buffer.concat([good, Buffer.from([0xe2, 0x82])]), 'x')).toThrow(/0xE2/);
    // Overlong, a surrogate, above U+10FFFF, a lone continuation: the whole character is wrong, from its first byte.
    for (const wrong of [
      [0xe0, 0x80, 0x80],
      [0xed, 0xa0, 0x80],
      [0xf4, 0x90, 0x80, 0x80],
      [0xf0, 0x80, 0x80, 0x80],
      [0xc0, 0x80],
      [0x80],
    ]) {
      const hex = wrong[0]!.toString(16).toUpperCase();
      try {
        decodeShell(Buffer.concat([Buffer.from('a: é\nb: 日'), Buffer.from(wrong)]), 'x');
        throw new Error('accepted');
      } catch (error) {
        expect((error as InputError).format()).toBe(`x:2:5: The byte 0x${hex} here is not UTF-8; save the file as UTF-8.`);
      }
    }
    expect(() => decodeShell(new Uint8Array(1024 * 1024 + 1), 'x')).toThrow(/holds at most 1048576/);
    expect(decodeShell(Buffer.from('\ufeffformat: 1\n'), 'x')).toBe('\ufeffformat: 1\n');
    expect(parseShell('\ufeffformat: 2\n').diagnostics.find(({ field }) => field === 'format')).toMatchObject({
      line: 1,
      column: 9,
      endColumn: 10,
    });
  });
});

describe('hostile shells', () => {
  const n = 20_000;
  const head = 'format: 1\nshell: x\nfamily: memory\nanswer: x\n';
  it.each<[string, string]>([
    ['dashes', '- '.repeat(n)],
    ['question marks', '? '.repeat(n)],
    ['colons', ': '.repeat(n)],
    ['keys in keys', 'a: '.repeat(n)],
    ['brackets', '['.repeat(n)],
    ['braces', '{a: '.repeat(n)],
    ['explicit keys in flow', '[? '.repeat(n)],
    ['anchors', `${'&a '.repeat(n)}x`],
    ['tags', `${'!a '.repeat(n)}x`],
    ['staircase', Array.from({ length: 1000 }, (_, i) => `${' '.repeat(i)}a:`).join('\n')],
    ['many keys', Array.from({ length: n }, (_, i) => `k${i}: 1`).join('\n')],
    ['unclosed quotes', 'a: "x\n'.repeat(n)],
    ['directives', '%A\n'.repeat(n)],
    ['documents', '---\n'.repeat(n)],
    ['aliases', `a: &a [1]\nb: [${'*a,'.repeat(n)}]`],
    ['newlines', '\n'.repeat(1_000_000)],
    ['comments', '#\n'.repeat(500_000)],
    ['too large', 'a'.repeat(1024 * 1024 + 1)],
    ['spans that open', `${head}prompt: "${'[['.repeat(n)}"`],
    ['spans with one name', `${head}prompt: "${'[[a|b]]'.repeat(n)}"`],
    ['unknown placeholders', `${head}prompt: "${'{{a}}'.repeat(n)}"`],
    [
      'names that multiply',
      `${head}prompt: "{{a0}}"\nlet:\n${Array.from({ length: 60 }, (_, i) => `  a${i}: "{{a${i + 1}}}{{a${i + 1}}}"`).join('\n')}\n  a60: ""`,
    ],
    [
      'spans that multiply',
      `${head}prompt: "{{a0}}"\nlet:\n${Array.from({ length: 60 }, (_, i) => `  a${i}: "{{a${i + 1}}}{{a${i + 1}}}"`).join('\n')}\n  a60: "[[s|x]]"`,
    ],
    ['giant repeats', `${head}prompt: "{{a}}"\nvary:\n  a: { repeat: abcdefgh, times: [${'1000000,'.repeat(900)}] }`],
    ['ids', `${head}prompt: { tokens: [${'1,'.repeat(300_000)}] }`],
  ])('%s', (_, text) => {
    const took = cpuTime(() => {
      const { shell, diagnostics } = parseShell(text);
      completions(text, Math.min(500, text.length));
      lenses(text);
      expect(shell).toBeNull();
      expect(diagnostics.length).toBeGreaterThan(0);
    });
    expect(took).toBeLessThan(10_000);
  });
});
