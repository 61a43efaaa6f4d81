import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { decodeShell } from '../../src/shell/check.js';
import { parseShell } from '../../src/shell/parse.js';
import type { Diagnostic } from '../../src/shell/types.js';

/**
 * Every `NAME.shell.yaml` in test/unit/shells is read, and what is found must be what stands in `NAME.expected.txt` beside it, which
 * `UPDATE_SHELLS=1` writes: look at it before it is committed.
 */
const folder = join(dirname(fileURLToPath(import.meta.url)), 'shells');
const names = readdirSync(folder)
  .filter((name) => name.endsWith('.shell.yaml'))
  .map((name) => name.slice(0, -'.shell.yaml'.length));

function told({ severity, line, column, endLine, endColumn, field, message, suggestion }: Diagnostic): string {
  const place = `${line}:${column}-${endLine}:${endColumn}`;
  return `${severity} ${place}${field ? ` [${field}]` : ''}\n  ${message}${suggestion === undefined ? '' : `\n  fix: ${suggestion}`}\n`;
}

describe('shell files', () => {
  it.each(names)('%s', (name) => {
    const text = decodeShell(readFileSync(join(folder, `${name}.shell.yaml`)), name);
    const { shell, diagnostics } = parseShell(text);
    const found = `${shell ? 'runs' : 'cannot run'}\n${diagnostics.map(told).join('')}`;
    const expected = join(folder, `${name}.expected.txt`);
    if (process.env['UPDATE_SHELLS'] || !existsSync(expected)) {
      if (!process.env['UPDATE_SHELLS']) throw new Error(`${expected} is missing`);
      writeFileSync(expected, found);
    }
    expect(found).toBe(readFileSync(expected, 'utf8'));
    expect(shell !== null).toBe(name.startsWith('good') || diagnostics.every(({ severity }) => severity !== 'error'));
    for (const { message } of diagnostics) {
      // One sentence: ends in one full stop (or in what it quotes), on one line.
      expect(message).toMatch(/^[^\n]*[.?]$/);
    }
  });
});
