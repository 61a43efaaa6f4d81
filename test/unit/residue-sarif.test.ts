import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatSarif, type SarifEntry } from '../../src/residue/sarif.js';
import { residueFixture } from './residue-fixture.js';

interface Log {
  runs: {
    tool: { driver: { rules: { id: string; help: { text: string }; helpUri: string }[] } };
    invocations: { executionSuccessful: boolean }[];
    artifacts: { location: { uri: string } }[];
    results: {
      ruleId: string;
      ruleIndex: number;
      level: string;
      message: { text: string };
      locations: {
        physicalLocation: { artifactLocation: { uri: string; uriBaseId?: string; index: number }; region: Record<string, number> };
      }[];
      partialFingerprints: Record<string, string>;
    }[];
  }[];
}

const schema = JSON.parse(readFileSync('test/reference/sarif/sarif-2.1.0-rtm.5.json', 'utf8')) as Record<string, unknown>;
// Of draft 4, whose words are those of later drafts but for this one.
const { id: $id, $schema: _, ...rest } = schema;
const ajv = new Ajv({ strict: false, allErrors: true, unicodeRegExp: false });
ajv.addFormat('uri', (text) => URL.canParse(text));
ajv.addFormat('uri-reference', (text) => URL.canParse(text, 'file:///base/') && /^[\w\-.~:/?#@!$&'()*+,;=%]*$/.test(text));
ajv.addFormat('date-time', (text) => !Number.isNaN(Date.parse(text)));
const validate = ajv.compile({ $id: String($id), ...rest });

const base = '/work space/repo';
const format = (...entries: SarifEntry[]): Log => {
  const log = JSON.parse(formatSarif(entries, { version: '0.1.0', base })) as Log;
  expect(validate(log), JSON.stringify(validate.errors?.slice(0, 3))).toBe(true);
  return log;
};

describe('SARIF', () => {
  it('has an error at its range for each expectation that does not hold, with a rule that says what it is of', () => {
    const place = { line: 32, column: 5, endLine: 32, endColumn: 40 };
    const [run] = format({ file: 'shells/a b.shell.yaml', findings: [], residue: residueFixture(), places: [undefined, place] }).runs;
    const errors = run!.results.filter(({ level }) => level === 'error');
    expect(errors).toHaveLength(1);
    expect(errors[0]).toMatchObject({
      ruleId: 'expectation/INHIBIT.effect',
      message: { text: 'INHIBIT.effect is -1.5 <nats>, expected below -2.' },
      locations: [
        {
          physicalLocation: {
            artifactLocation: { uri: 'shells/a%20b.shell.yaml', uriBaseId: '%SRCROOT%', index: 0 },
            region: { startLine: 32, startColumn: 5, endLine: 32, endColumn: 40 },
          },
        },
      ],
    });
    const rule = run!.tool.driver.rules[errors[0]!.ruleIndex]!;
    expect(rule.id).toBe('expectation/INHIBIT.effect');
    expect(rule.helpUri).toMatch(/methods\.md#attention-knockout$/);
    expect(run!.invocations[0]!.executionSuccessful).toBe(true);
    // Nothing of the machine is in it.
    expect(JSON.stringify(run)).not.toContain('work space');
  });

  it('tells of files that are wrong, of runs that failed, and of files outside of the folder', () => {
    const [run] = format(
      {
        file: 'bad.shell.yaml',
        findings: [{ severity: 'error', message: 'unknown key "promt".', line: 3, column: 1, endLine: 3, endColumn: 6, field: 'promt' }],
      },
      { file: '../out.shell.yaml', findings: [], error: { message: 'There is no model.', file: '/models/x', line: 7 } },
      {
        file: 'warn.shell.yaml',
        findings: [{ severity: 'warning', message: 'doubtful', line: 2, column: 1, endLine: 2, endColumn: 2 }],
        residue: residueFixture({ expectations: [] }),
      },
    ).runs;
    expect(run!.results.map(({ ruleId, level }) => [ruleId, level]).slice(0, 3)).toEqual([
      ['shell/error', 'error'],
      ['run/error', 'error'],
      ['shell/warning', 'warning'],
    ]);
    const [first, second] = run!.results.map(({ locations }) => locations[0]!.physicalLocation);
    expect(first!.region).toEqual({ startLine: 3, startColumn: 1, endLine: 3, endColumn: 6 });
    expect(second!.artifactLocation.uri).toBe('file:///work%20space/out.shell.yaml');
    // A line of the model's file is no line of the shell.
    expect(second!.region).toEqual({ startLine: 1 });
    expect(run!.invocations[0]!.executionSuccessful).toBe(false);
  });

  it('notes every pattern that is present', () => {
    const residue = residueFixture({ expectations: [] });
    residue.verdict!.patterns = [
      { name: 'recursive-looping', present: true, score: 0.7, evidence: 'a period of 4' },
      { name: 'value-competition', present: false, score: 0.1, evidence: '' },
    ];
    const [run] = format({ file: 'a.shell.yaml', findings: [], residue }).runs;
    expect(run!.results.map(({ ruleId, level, message }) => [ruleId, level, message.text])).toEqual([
      ['pattern/recursive-looping', 'note', 'recursive-looping is present, score 0.70: a period of 4'],
    ]);
  });

  it('knows a finding again when its line has moved, and tells two apart', () => {
    const at = (line: number) =>
      format({ file: 'a.shell.yaml', findings: [], residue: residueFixture(), places: [undefined, { line }] }).runs[0]!.results.map(
        ({ partialFingerprints }) => partialFingerprints['residue/v1'],
      );
    expect(at(3)).toEqual(at(30));
    const twice = residueFixture({
      expectations: [
        { path: 'margin', want: 'below 0', got: 1, passed: false, message: 'm', line: 1 },
        { path: 'margin', want: 'below -1', got: 1, passed: false, message: 'm', line: 2 },
      ],
    });
    const both = format({ file: 'a.shell.yaml', findings: [], residue: twice }).runs[0]!.results.filter(({ level }) => level === 'error');
    expect(new Set(both.map(({ partialFingerprints }) => partialFingerprints['residue/v1'])).size).toBe(2);
  });

  it('is valid whatever the texts are, and with nothing to tell', () => {
    expect(format().runs[0]!.results).toEqual([]);
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1, maxLength: 30 }), (text) => {
        const residue = residueFixture({ expectations: [{ path: text, want: text, got: text, passed: false, message: text, line: 1 }] });
        format({ file: join('x', text.replaceAll(/[/\\\0]/g, '_')), findings: [{ severity: 'error', message: text, line: 1 }], residue });
      }),
      { seed: 9, numRuns: 30 },
    );
  });
});
