import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { packageRoot } from '../../src/paths.js';

/** Real shells: those of the package and the well-formed ones of the tests. */
const folders = [join(packageRoot(), 'shells'), join(packageRoot(), 'test', 'unit', 'shells')];
export const shells = folders.flatMap((folder) =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.shell.yaml') && (folder === folders[0] || name.startsWith('good')))
    .map((name) => readFileSync(join(folder, name), 'utf8')),
);

/** A linear congruential generator: the same texts in every run. */
export class Random {
  constructor(private state: number) {}
  below(n: number): number {
    this.state = (Math.imul(this.state, 1664525) + 1013904223) >>> 0;
    return Math.floor((this.state / 2 ** 32) * n);
  }
  of<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }
}

const SCRAPS = [
  '[[',
  ']]',
  '{{',
  '}}',
  '|',
  '\\',
  '"',
  "'",
  ':',
  ': ',
  '- ',
  '\n',
  '\n\n',
  '\t',
  '  ',
  '#',
  '&a ',
  '*a',
  '!!str ',
  '? ',
  '{',
  '}',
  '[',
  ']',
  ',',
  '\0',
  '\ufeff',
  '\r\n',
  '---\n',
  '%',
  '@',
  '`',
  '~',
  'null',
  '.nan',
  '.inf',
  '1e999',
  '-1',
  '0x10',
  'true',
  '🙂',
  '\ud800',
  '{{walk}}',
  '[[fact|',
  '<<: ',
  '__proto__: 1\n',
  'format: 1\n',
];
const VALUES: unknown[] = [
  null,
  true,
  0,
  -1,
  1.5,
  1e21,
  NaN,
  Infinity,
  '',
  ' ',
  'x',
  'fact',
  '[[a|b]]',
  '{{walk}}',
  '{{nobody}}',
  [],
  {},
  [[]],
  [1, 2],
  ['a'],
  { a: 1 },
  { tokens: [1] },
  { tokens: [] },
  { repeat: 'x', times: [1] },
  { repeat: 'x'.repeat(2000), times: [1000000] },
  'y'.repeat(5000),
  Array.from({ length: 3000 }, (_, i) => i),
  new Array(20).fill({ role: 'user', content: '[[a|b]]' }),
];

export type Mutation = (text: string, random: Random) => string;

/** Ways to break a shell, from a few bytes to other values in its fields. */
export const mutations: Record<string, Mutation> = {
  bytes: (text, random) => {
    const bytes = Buffer.from(text);
    for (let i = random.below(6); i >= 0; i--) bytes[random.below(bytes.length)] = random.below(256);
    return bytes.toString('latin1');
  },
  scraps: (text, random) => {
    let out = text;
    for (let i = random.below(3); i >= 0; i--) {
      const at = random.below(out.length);
      out = out.slice(0, at) + random.of(SCRAPS) + out.slice(at + random.below(4));
    }
    return out;
  },
  lines: (text, random) => {
    const lines = text.split('\n');
    for (let i = random.below(4); i >= 0; i--) {
      const at = random.below(lines.length);
      const what = random.below(5);
      if (what === 0) lines.splice(at, 1);
      else if (what === 1) lines.splice(at, 0, random.of(lines));
      else if (what === 2) [lines[at], lines[random.below(lines.length)]] = [random.of(lines), lines[at]!];
      else if (what === 3) lines[at] = `${' '.repeat(random.below(6))}${lines[at]!.trimStart()}`;
      else lines[at] = lines[at]!.slice(0, random.below(lines[at]!.length + 1));
    }
    return lines.join('\n');
  },
  cut: (text, random) => text.slice(random.below(20) === 0 ? random.below(text.length) : 0, random.below(text.length)),
  grown: (text, random) => {
    const at = random.below(text.length);
    return text.slice(0, at) + random.of(SCRAPS).repeat(1 + random.below(3000)) + text.slice(at);
  },
  values: (text, random) => {
    const root = parse(text) as Record<string, unknown>;
    for (let i = random.below(3); i >= 0; i--) {
      let parent: Record<string, unknown> = root;
      for (;;) {
        const keys = Object.keys(parent);
        if (keys.length === 0) break;
        const key = random.of(keys);
        const child = parent[key];
        if (typeof child === 'object' && child !== null && random.below(3) > 0) {
          parent = child as Record<string, unknown>;
          continue;
        }
        const what = random.below(4);
        if (what === 0) delete parent[key];
        else if (what === 1) parent[`${key}${random.of(['x', 's', ' ', '.y'])}`] = child;
        else parent[key] = random.of(VALUES);
        break;
      }
    }
    return stringify(root, { aliasDuplicateObjects: false });
  },
};
