import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PATTERNS } from '../../src/shell/schema.js';
import { describe, expect, it } from 'vitest';
import { COMMANDS } from '../../src/commands/table.js';
import { packageRoot } from '../../src/paths.js';
import { completions, lenses } from '../../src/shell/complete.js';
import { hoverAt } from '../../src/shell/hover.js';
import { FAMILIES } from '../../src/shell/families.js';
import { parseShell } from '../../src/shell/parse.js';

/** Labels offered at `¦`. */
function offered(marked: string): string[] {
  return items(marked).map(({ label }) => label);
}

function items(marked: string): ReturnType<typeof completions> {
  const offset = marked.indexOf('¦');
  return completions(marked.replace('¦', ''), offset);
}

/** The text once the item of that label is taken, its snippet places filled with their defaults. */
function taken(marked: string, label: string): string {
  const offset = marked.indexOf('¦');
  const text = marked.replace('¦', '');
  const item = completions(text, offset).find((one) => one.label === label);
  if (!item) throw new Error(`${label} is not offered`);
  const insert = item.insertText
    .replace(/\$\{\d+\|([^,|]*)[^}]*\|\}/g, '$1')
    .replace(/\$\{\d+:((?:\\.|[^}])*)\}/g, '$1')
    .replace(/\$\d/g, '')
    .replace(/\\([}$\\])/g, '$1');
  return text.slice(0, item.start) + insert + text.slice(item.end);
}

const head = 'prompt: "Tom has a [[fact|red]] [[thing|ball]]. {{walk}}"\nvary:\n  walk: [0, 1]\nlet:\n  place: "the lake"\n';
const keys = [
  'format',
  'shell',
  'title',
  'family',
  'motivation',
  'model',
  'prompt',
  'control',
  'answer',
  'rivals',
  'let',
  'vary',
  'paraphrases',
  'run',
  'graph',
  'generate',
  'verify',
  'expect',
];
const names = COMMANDS.map(({ name }) => name);

describe('completion', () => {
  it('of an empty file is a whole shell that is right as it stands', () => {
    for (const empty of ['¦', '\n¦\n', '# a comment\n¦']) {
      const labels = Object.keys(FAMILIES).map((family) => `shell: ${family}`);
      expect(offered(empty)).toEqual(labels);
      const called = labels.flatMap((label) => {
        const { shell, diagnostics } = parseShell(taken(empty, label));
        expect(diagnostics).toEqual([]);
        expect(shell?.family).toBe(label.slice('shell: '.length));
        return shell!.run.map(({ name }) => name);
      });
      // Between them the five call every command.
      expect(called).toEqual(names);
    }
  });

  it('of keys by nesting, without those that are there', () => {
    expect(offered('format: 1\n¦\n')).toEqual(keys.slice(1));
    expect(offered('format: 1\nfam¦')).toEqual(keys.slice(1));
    expect(offered('format: 1\n¦\nanswer: x\n')).toEqual(keys.filter((key) => key !== 'format' && key !== 'answer'));
    expect(offered('generate: { tokens: 4, ¦ }')).toEqual(['temperature', 'seed']);
    expect(offered('generate:\n  ¦')).toEqual(['tokens', 'temperature', 'seed']);
    expect(offered('prompt:\n  - role: user\n    ¦')).toEqual(['content']);
    expect(offered('paraphrases:\n  - prompt: a\n    ¦')).toEqual(expect.arrayContaining(['answer', 'rivals']));
    expect(items('format: 1\n¦\n').find(({ label }) => label === 'vary')).toMatchObject({
      kind: 'key',
      documentation: expect.stringContaining('dose-response') as unknown,
    });
  });

  it('of commands, their parameters and the spans they take', () => {
    for (const run of ['run:\n  - ¦', 'run:\n  - RECALL: {}\n  - ¦\nexpect:\n  - failure: present\n', 'run:\n  - ANC¦\n', 'run:\n  ¦\n'])
      expect(offered(head + run)).toEqual(names);
    expect(items(`${head}run:\n  - ¦`)[0]).toMatchObject({
      kind: 'command',
      insertText: 'ANCHOR: { span: ${1:fact} }',
      documentation: expect.stringContaining('ANCHOR') as unknown,
    });
    expect(taken(`${head}run:\n  ¦`, 'RECALL')).toMatch(/run:\n {2}- RECALL/);
    expect(offered(`${head}run:\n  - INHIBIT: { span: fact, ¦ }`)).toEqual(expect.arrayContaining(['layers', 'heads']));
    expect(offered(`${head}run:\n  - INHIBIT: { span: fact, ¦ }`)).not.toContain('span');
    expect(offered(`${head}run:\n  - INHIBIT:\n      span: ¦`)).toEqual(['fact', 'thing']);
    expect(offered(`${head}run:\n  - ANCHOR: { span: ¦ }`)).toEqual(['fact', 'thing']);
    expect(taken(`${head}run:\n  - ANCHOR: { span: fa¦ }`, 'fact')).toContain('ANCHOR: { span: fact }');
    expect(offered(`${head}run:\n  - INHIBIT: { span: fact, layers: ¦ }`)).toContain('all');
  });

  it('of values', () => {
    expect(offered('family: ¦')).toEqual(['memory', 'value', 'salience', 'temporal', 'instruction']);
    expect(taken('family: me¦\nanswer: x', 'memory')).toBe('family: memory\nanswer: x');
    expect(offered('model: ¦')).toEqual(['pocket']);
    expect(offered('expect:\n  - failure: ¦')).toEqual(['present', 'absent']);
    expect(offered('expect:\n  - pattern: ¦')).toEqual(Object.keys(PATTERNS));
    expect(offered('expect:\n  - collapse.kind: ¦')).toEqual(['none', 'lost', 'never-formed']);
    expect(offered('expect:\n  - margin: ¦')).toEqual(['{ below: 0 }', '{ above: 0 }', '{ between: [0, 1] }']);
    expect(offered('expect:\n  - margin: { ¦ }')).toEqual(['below', 'above', 'between', 'equals']);
    expect(offered('expect:\n  - ¦')).toEqual(expect.arrayContaining(['failure', 'collapse.layer', 'INHIBIT.effect']));
  });

  it('of names in placeholders and spans', () => {
    expect(offered(`${head}control: "Tom {{¦"`)).toEqual(['walk', 'place']);
    expect(offered(`${head}control: |-\n  Tom {{pl¦}} ball\nanswer: x`)).toEqual(['walk', 'place']);
    expect(taken(`${head}control: |-\n  Tom {{pl¦\nanswer: x`, 'place')).toContain('Tom {{place}}\n');
    expect(taken(`${head}control: |-\n  Tom {{pl¦}}\nanswer: x`, 'place')).toContain('Tom {{place}}\n');
    expect(offered(`${head}control: "Tom [[¦"`)).toEqual(['fact', 'thing']);
  });

  it('offers nothing in comments and plain text', () => {
    expect(offered('format: 1\n# fam¦')).toEqual([]);
    expect(offered(`${head}title: some wo¦`)).toEqual([]);
    expect(offered('prompt: |-\n  Tom has¦ a ball\nanswer: x')).toEqual([]);
  });
});

const memtrace = readFileSync(join(packageRoot(), 'shells', 'v1-memtrace.shell.yaml'), 'utf8');

describe('hovers', () => {
  const at = (word: string, shift = 1): string | undefined => hoverAt(memtrace, memtrace.indexOf(word) + shift)?.markdown;
  it('explain keys, commands, families and placeholders', () => {
    expect(at('vary:')).toContain('dose-response');
    expect(at('ANCHOR:')).toContain('**ANCHOR**');
    expect(at('memory')).toContain('fact');
    expect(at('{{walk', 3)).toContain('They walk for a while.');
    expect(at('span: fact')).toContain('span');
    expect(at('density.share')).toContain('fail');
    expect(at('Tom has')).toBeUndefined();
  });

  it('cover the word they explain', () => {
    const hover = hoverAt(memtrace, memtrace.indexOf('generate:') + 2)!;
    expect(memtrace.slice(hover.start, hover.end)).toBe('generate');
  });
});

describe('lenses', () => {
  it('stand over the id and each command', () => {
    const lines = memtrace.split('\n');
    const found = lenses(memtrace);
    expect(found.map(({ title, kind, command }) => [title, kind, command])).toEqual([
      ['Run shell', 'shell', null],
      ['Verify', 'verify', null],
      ['Run ANCHOR', 'command', 0],
      ['Run RECALL', 'command', 1],
      ['Run INHIBIT', 'command', 2],
    ]);
    for (const { title, command, line, column } of found)
      expect(lines[line - 1]!.slice(column - 1)).toMatch(command === null ? /^shell:/ : new RegExp(`^${title.slice(4)}:`));
  });

  it('stay in a file that has errors, and leave out what is no command', () => {
    const found = lenses('format: 1\nshell: x\nrun:\n  - RECAL: {}\n  - RECALL: {}\n  - 3\nfamly: memory\n');
    expect(found.map(({ title, command }) => [title, command])).toEqual([
      ['Run shell', null],
      ['Verify', null],
      ['Run RECALL', 1],
    ]);
    expect(lenses('')).toEqual([]);
    expect(lenses('- '.repeat(5000))).toEqual([]);
  });
});
