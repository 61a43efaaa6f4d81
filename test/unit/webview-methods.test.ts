import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { packageRoot } from '../../src/paths.js';
import { COMMANDS } from '../../src/commands/table.js';
import { formulaOf } from '../../webview/model/formulas.js';
import { commandAnchor, METHODS } from '../../src/method-anchors.js';

it('every link to a method leads to a heading of docs/methods.md', () => {
  const text = readFileSync(join(packageRoot(), 'docs', 'methods.md'), 'utf8');
  const slug = (heading: string): string =>
    heading
      .toLowerCase()
      .replace(/[^\w\s-]/g, '')
      .trim()
      .replace(/\s+/g, '-');
  const headings = [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading]) => slug(heading!));
  const commands = COMMANDS.map(({ name }) => commandAnchor(name));
  for (const anchor of [...Object.values(METHODS), ...commands]) {
    expect(headings).toContain(anchor);
    // What is linked to has its formula for whoever only points at it.
    expect(formulaOf(anchor!), anchor!).toMatch(/\S/);
  }
  expect(formulaOf('constructor')).toBeNull();
  expect(commandAnchor('toString')).toBeNull();
});
