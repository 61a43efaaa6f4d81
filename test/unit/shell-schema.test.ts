import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { COMMANDS } from '../../src/commands/table.js';
import { packageRoot } from '../../src/paths.js';
import { checkShell, firstError, formatDiagnostic } from '../../src/shell/check.js';
import { parseShell } from '../../src/shell/parse.js';
import { shellSchema } from '../../src/shell/published.js';
import { buildShellSchema } from '../../src/shell/schema.js';
import type { CommandInfo } from '../../src/shell/schema.js';

const published = JSON.parse(readFileSync(join(packageRoot(), 'media', 'schemas', 'shell.schema.json'), 'utf8')) as object;
const shells = readdirSync(join(packageRoot(), 'shells')).filter((name) => name.endsWith('.shell.yaml'));

describe('the published schema', () => {
  it('is what `node scripts/write-schemas.mjs` writes', () => {
    expect(published).toEqual(JSON.parse(JSON.stringify(shellSchema())));
  });

  it('is a JSON Schema by which the bundled shells are right and a wrong one is not', () => {
    const ajv = new Ajv2020({ strict: false, allErrors: true });
    const validate = ajv.compile(published);
    expect(shells.length).toBeGreaterThan(0);
    for (const name of shells) {
      const shell = parse(readFileSync(join(packageRoot(), 'shells', name), 'utf8')) as Record<string, unknown>;
      expect(validate(shell), JSON.stringify(validate.errors)).toBe(true);
      expect(validate({ ...shell, colour: 'blue' })).toBe(false);
      expect(validate({ ...shell, run: [{ ANCHOR: { spam: 'fact' } }] })).toBe(false);
    }
  });

  it('describes every key', () => {
    const { properties } = published as { properties: Record<string, { description?: string }> };
    for (const [key, { description }] of Object.entries(properties)) expect(description, key).toMatch(/^.{10,}[.]$/s);
  });
});

describe('a command is a line in a table', () => {
  const fresh: CommandInfo = {
    name: 'FLOAT',
    summary: 'Lets a span float.',
    docs: '**FLOAT**',
    params: { type: 'object', required: ['spans'], properties: { spans: { type: 'array', items: { type: 'string', 'x-span': true } } } },
    snippet: 'FLOAT: { spans: [${1:fact}] }',
    measures: { lift: { unit: 'nats', summary: 'How far.' } },
  };
  const commands = [...COMMANDS, fresh];
  const body =
    'format: 1\nshell: x\nfamily: memory\nprompt: "[[fact|red]]"\nanswer: x\nrun:\n  - FLOAT: { spans: [fact] }\nexpect:\n  - FLOAT.lift: { above: 0 }\n';

  it('that feeds the schema, the checks and the expectations', () => {
    expect(JSON.stringify(buildShellSchema(commands))).toContain('FLOAT.lift');
    expect(parseShell(body, { commands }).shell?.run[0]).toMatchObject({ name: 'FLOAT', params: { spans: ['fact'] } });
    expect(parseShell(body).shell).toBeNull();
    expect(parseShell(body.replace('[fact]', '[fact, nobody]'), { commands }).diagnostics).toMatchObject([
      { message: 'The prompt has no span "nobody"; known are fact.', line: 7 },
    ]);
    expect(parseShell(body.replace('spans:', 'span:'), { commands }).diagnostics.map(({ message }) => message)).toEqual(
      expect.arrayContaining(['FLOAT has no parameter "span"; did you mean "spans"?']),
    );
  });
});

describe('what is said of a shell', () => {
  it('has a place and a severity in the terminal', () => {
    const diagnostics = checkShell('format: 1\nshell: x\nfamily: memory\nprompt: a\nanswer: x\nlet: { b: c }\n');
    expect(diagnostics.map((one) => formatDiagnostic(one, 'x.shell.yaml'))).toEqual(['x.shell.yaml:6:8: warning: let.b is never used.']);
    expect(firstError(diagnostics, 'x')).toBeNull();
    const wrong = checkShell('format: 1\nshell: x\nfamily: mem\nprompt: a\nanswer: x\n');
    expect(firstError(wrong, 'x.shell.yaml')?.format()).toBe('x.shell.yaml:3:9: `family` cannot be "mem"; did you mean "memory"?');
  });

  it('of the examples in docs/shells.md is nothing', () => {
    const blocks = [...readFileSync(join(packageRoot(), 'docs', 'shells.md'), 'utf8').matchAll(/```yaml\n([^]*?)```/g)].map(
      ([, block]) => block!,
    );
    expect(blocks.length).toBe(2);
    const head =
      'format: 1\nshell: x\nfamily: memory\nprompt: "[[fact|a]] {{walk}} {{count}} {{colour}} {{place}}"\ncontrol: "[[fact|a]]"\nanswer: x\n';
    expect(checkShell(`${head}run:\n  - INHIBIT: { span: fact }\n${blocks.join('')}`)).toEqual([]);
  });

  it('of the bundled shells is nothing', () => {
    for (const name of shells) {
      const { shell, diagnostics } = parseShell(readFileSync(join(packageRoot(), 'shells', name), 'utf8'));
      expect(diagnostics).toEqual([]);
      expect(shell).not.toBeNull();
    }
  });
});
