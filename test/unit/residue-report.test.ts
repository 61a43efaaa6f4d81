import { XMLParser, XMLValidator } from 'fast-xml-parser';
import fc from 'fast-check';
import stringWidth from 'string-width';
import { describe, expect, it } from 'vitest';
import { formatJUnit } from '../../src/residue/junit.js';
import { formatMarkdown } from '../../src/residue/markdown.js';
import { REFERENCES } from '../../src/residue/references.js';
import { formatReport, MIN_WIDTH } from '../../src/residue/report.js';
import { marginChart, sparkline } from '../../src/residue/report/chart.js';
import { cut, nats, paintOf, printable, table, wrap } from '../../src/residue/report/text.js';
import type { Residue, RunTrace } from '../../src/residue/types.js';
import { generateResidue } from '../helpers/residue-generator.js';
import { residueFixture, runTrace } from './residue-fixture.js';

const ESC = '\u001b';
const plainLook = { width: 80, color: false };

describe('report', () => {
  it('answers the reader in the order of the panel', () => {
    const text = formatReport(residueFixture(), { width: 100 });
    const order = [
      'v1.MEMTRACE',
      'Failed: says " blue", should say " red".',
      '1 of 2 paraphrases agree',
      'fails in 2 of 4 runs (50 %, 95 % interval 15 % to 85 %)',
      'The prompt',
      '⟦fact: red⟧',
      'Where was it lost',
      '◇',
      'Lost at layer 2 of 2 (read off), after its best margin: +3.00 nats at layer 1, noise there 0.40.',
      'Dose and response',
      'Which heads did it',
      'Layer salience',
      'Almost said',
      'Went on to say',
      'INHIBIT',
      'Cutting fact off takes 1.5 nats from the margin.',
      'Does it hold',
      'Expectations',
      'Identity checks',
      'Provenance',
      'residue run v1.shell.yaml --model pocket --seed 7',
    ];
    let at = -1;
    for (const part of order) {
      const next = text.replaceAll(/\n {2,}/g, ' ').indexOf(part, at + 1);
      expect(next, part).toBeGreaterThan(at);
      at = next;
    }
  });

  it('never mixes what was read off with what an intervention tested', () => {
    const text = formatReport(residueFixture());
    expect(text).toMatch(/INHIBIT .*\(tested by intervention\)/);
    expect(text).toMatch(/direct, attention \(read off\)/);
    expect(text).toMatch(/lost without attention \(tested by intervention\)/);
    expect(text).toContain('cause not checked');
    const confirmed = residueFixture();
    if (confirmed.verdict) confirmed.verdict.confirmed = ['cause confirmed in layers 3-5'];
    expect(formatReport(confirmed)).toContain('cause confirmed in layers 3-5 (tested by intervention)');
  });

  it('tells that nothing failed as plainly as a failure', () => {
    const residue = residueFixture({ primary: 0 });
    if (residue.verdict)
      Object.assign(residue.verdict, { failed: false, sentence: 'Did not fail: " red" wins by 4 nats; closest at layer 0 (0.5).' });
    const text = formatReport(residue);
    expect(text).toContain('Did not fail: " red" wins by 4 nats; closest at layer 0 (0.5).');
    expect(text).toContain('did not fail');
    expect(text).not.toContain('Lost at layer');
  });

  it('shows a failed identity check and its worst run', () => {
    expect(formatReport(residueFixture(), { width: 120 })).toMatch(
      /contributions sum to the margin\s+✗ 1 of 1 runs, first probe\.walk=40\s+5\.0e-1\s+1e-3/,
    );
  });

  it('uses colour only when asked and lets no escape sequence of a model through', () => {
    expect(formatReport(residueFixture())).not.toContain(ESC);
    expect(formatReport(residueFixture())).toContain('\\x1b[31mmove\\n');
    const coloured = formatReport(residueFixture(), { color: true });
    expect(coloured).toContain(`${ESC}[1m`);
    // eslint-disable-next-line no-control-regex
    expect(coloured.replaceAll(/\u001b\[\d+m/g, '').replaceAll(/ +$/gm, '')).toBe(formatReport(residueFixture()));
  });

  it('keeps within its width, wide characters and long words included', () => {
    const residue = residueFixture();
    residue.notes.push('長い'.repeat(80), 'x'.repeat(300), `${ESC}[2J wiped`);
    for (const width of [20, 60, 61, 73, 80, 100, 120, 500]) {
      for (const line of formatReport(residue, { width }).split('\n'))
        expect(stringWidth(line), line).toBeLessThanOrEqual(Math.min(120, Math.max(MIN_WIDTH, width)));
    }
  });

  it('draws whatever part of a residue there is', () => {
    const optional: (keyof RunTrace)[] = [
      'scores',
      'lens',
      'collapse',
      'attribution',
      'attention',
      'salience',
      'map',
      'almostSaid',
      'generation',
      'looping',
      'commands',
    ];
    fc.assert(
      fc.property(fc.subarray(optional), fc.subarray(['verdict', 'density'] as const), fc.boolean(), (gone, top, control) => {
        const residue: Residue = residueFixture(control ? {} : { control: null });
        for (const name of top) delete residue[name];
        residue.status = top.includes('verdict') ? 'cancelled' : 'complete';
        for (const run of [...residue.runs, ...residue.paraphrases]) for (const name of gone) delete run[name];
        const text = formatReport(residue, { width: 80 });
        expect(text).not.toMatch(/undefined|NaN|\[object/);
        expect(formatMarkdown(residue)).not.toMatch(/undefined|NaN|\[object/);
      }),
      { seed: 11, numRuns: 150 },
    );
    const empty = { ...residueFixture({ status: 'cancelled', cancelledAt: 'loading pocket', runs: [], control: null, paraphrases: [] }) };
    delete empty.verdict;
    expect(formatReport(empty)).toContain('Cancelled at loading pocket.');
  });
});

describe('margin chart', () => {
  const draw = (probe: number[], control: number[] | null, collapse: number | null, width = 80) =>
    marginChart({ probe, control, collapse }, { width, color: false }, paintOf(plainLook));

  it('puts each mark on its side of zero', () => {
    const lines = draw([-3, 2, -1], [-3, 4, 5], 2);
    const zero = lines.findIndex((line) => line.includes('┼'));
    const columns = (mark: string) => lines.flatMap((line, row) => [...line].flatMap((c, column) => (c === mark ? [{ row, column }] : [])));
    expect(columns('◉')).toHaveLength(1);
    expect(columns('◉')[0]?.row).toBeGreaterThan(zero);
    expect(columns('●')).toHaveLength(1);
    expect(columns('●')[0]?.row).toBeLessThan(zero);
    expect(columns('◇')[0]?.row).toBeGreaterThan(zero);
    expect(columns('○').every(({ row }) => row < zero)).toBe(true);
    expect(columns('◇')[0]?.column).toBe(Math.max(...columns('○').map(({ column }) => column)));
    expect(lines.at(-1)).toMatch(/layer\s+0\s+1\s+2$/);
  });

  it('thins a deep model to the width, but keeps the collapse and the last row', () => {
    const probe = Array.from({ length: 97 }, (_, l) => Math.sin(l));
    const lines = draw(probe, null, 33, 60);
    expect(Math.max(...lines.map((l) => stringWidth(l)))).toBeLessThanOrEqual(60);
    expect(lines.join('')).toContain('◇');
    expect(draw(probe, null, null, 60).join('')).not.toContain('◇');
  });

  it('survives a flat line and a line of zeros', () => {
    expect(draw([0, 0], null, null)).toHaveLength(12);
    expect(draw([5, 5], null, null).join('')).toContain('●');
  });

  it('draws values by size, and a negative one lower than any', () => {
    expect(sparkline([0, 1, 2, 4, 8], 10)).toBe('▁▁▂▄█');
    expect(sparkline([8, -8, null], 10)).toBe('█▾ ');
    expect(sparkline([0, 0], 10)).toBe('▁▁');
    expect(sparkline([1, 9, 1, 1], 2)).toBe('█▁');
  });
});

describe('text', () => {
  it('escapes controls, separators, direction marks and half characters', () => {
    expect(printable('a\u001b[0m\u009b\u202e\u2028\ud800é\u0000')).toBe('a\\x1b[0m\\x9b\\u202e\\u2028\\ud800é\\x00');
  });

  it('cuts and wraps by columns', () => {
    expect(cut('漢字漢字', 5)).toBe('漢字…');
    expect(stringWidth(cut('👩‍👩‍👧👩‍👩‍👧👩‍👩‍👧', 4))).toBeLessThanOrEqual(4);
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 120 }), fc.integer({ min: 10, max: 40 }), (text, width) => {
        const lines = wrap(printable(text), width, 2);
        for (const line of lines) expect(stringWidth(line)).toBeLessThanOrEqual(width);
        expect(lines.join('').replaceAll(/\s/g, '')).toBe(printable(text).replaceAll(/\s/g, ''));
      }),
      { seed: 2, numRuns: 300 },
    );
  });

  it('drops the last columns of a table before it overflows', () => {
    const lines = table([{ label: 'a', align: 'right' }, { label: 'b' }, { label: 'c', align: 'right' }], [['1', 'x'.repeat(90), '3']], {
      width: 30,
      color: false,
    });
    expect(Math.max(...lines.map((l) => stringWidth(l)))).toBeLessThanOrEqual(30);
    expect(lines[1]).toContain('…');
  });

  it('writes no minus zero', () => {
    expect([nats(-0.001), nats(0), nats(-0.01), nats(1.005, 1)]).toEqual(['0.00', '0.00', '−0.01', '+1.0']);
  });
});

describe('JUnit', () => {
  const parse = (xml: string) =>
    new XMLParser({
      ignoreAttributes: false,
      attributeNamePrefix: '',
      processEntities: { enabled: true, maxEntitySize: 1e6, maxTotalExpansions: 1e6 },
      htmlEntities: true,
      isArray: (name) => ['testsuite', 'testcase'].includes(name),
    }).parse(xml) as {
      testsuites: { tests: string; failures: string; errors: string; testsuite: { name: string; testcase: Record<string, unknown>[] }[] };
    };

  it('makes a case of each expectation, a failure with message and line of those that do not hold', () => {
    const xml = formatJUnit([{ residue: residueFixture(), seconds: 1.5, file: 'shells/a.shell.yaml' }]);
    expect(XMLValidator.validate(xml)).toBe(true);
    const { testsuites } = parse(xml);
    expect([testsuites.tests, testsuites.failures, testsuites.errors]).toEqual(['2', '1', '0']);
    const [held, broke] = testsuites.testsuite[0]?.testcase ?? [];
    expect(held).not.toHaveProperty('failure');
    expect(broke).toMatchObject({
      name: 'INHIBIT.effect: below -2',
      classname: 'v1.MEMTRACE',
      failure: { message: 'INHIBIT.effect is -1.5 <nats>, expected below -2.' },
    });
    expect(JSON.stringify(broke)).toContain('shells/a.shell.yaml:32');
  });

  it('makes a case of each run where nothing is expected, an error of a shell that could not be run', () => {
    const xml = formatJUnit([
      { residue: residueFixture({ expectations: [] }), seconds: 1, file: 'a' },
      { error: 'b.shell.yaml:3:1: unknown key "promt".', seconds: 0, file: 'b' },
      { residue: residueFixture({ status: 'cancelled', cancelledAt: 'probe' }), seconds: 0, file: 'c' },
    ]);
    expect(XMLValidator.validate(xml)).toBe(true);
    const { testsuites } = parse(xml);
    expect([testsuites.tests, testsuites.failures, testsuites.errors]).toEqual(['4', '0', '2']);
    expect(testsuites.testsuite[0]?.testcase.map((c) => c.name)).toEqual(['probe.walk=0', 'probe.walk=40']);
    expect(xml).toContain('unknown key &#34;promt&#34;');
  });

  it('is well-formed whatever the texts are', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (text) => {
        const residue = residueFixture({ expectations: [{ path: text, want: text, got: text, passed: false, message: text, line: 1 }] });
        residue.shell.id = text;
        const xml = formatJUnit([{ residue, seconds: 0, file: text }]);
        expect(XMLValidator.validate(xml)).toBe(true);
        expect(xml).not.toMatch(/[^\t\n\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u);
      }),
      { seed: 4, numRuns: 200 },
    );
  });
});

describe('Markdown', () => {
  it('holds verdict, doses, findings and expectations, and no markup of a model', () => {
    const residue = residueFixture();
    const run = residue.runs[1];
    if (run?.scores) run.scores = { ...run.scores, top: [{ id: 1, text: '`|<script>', prob: 0.5, logprob: -0.7 }] };
    const text = formatMarkdown(residue);
    expect(text).toContain('**Failed: says " blue", should say " red".**');
    expect(text).toContain('| walk = 40 | 69 | −2.25 | 0.030 | ``"`\\|<script>"`` | lost at layer 2 |');
    expect(text).toContain('- INHIBIT (tested by intervention): Cutting fact off takes 1.5 nats from the margin.');
    expect(text).toContain('✗ INHIBIT.effect is -1.5 \\<nats\\>');
    expect(formatMarkdown(residueFixture({ shell: { ...residue.shell, title: '<img src=x onerror=alert(1)>' } }))).not.toMatch(/[^\\]</);
    expect(runTrace().name).toBe('probe.walk=40');
  });

  it('gives each dose its interval, each head its test, each claim its null, and a command to get it again', () => {
    const residue = generateResidue({ runs: 4, paraphrases: 7 });
    const text = formatMarkdown(residue);
    const { failing, total, interval } = residue.density!.byRun[2]!;
    expect(text).toContain(`| ${failing} of ${total} | ${Math.round(interval[0] * 100)} % to ${Math.round(interval[1] * 100)} % |`);
    const heads = residue.runs[residue.primary]!.attribution!.head.flatMap((row, l) => row.map((c, h) => ({ name: `${l}.${h}`, c })));
    const largest = heads.reduce((a, b) => (Math.abs(b.c) > Math.abs(a.c) ? b : a));
    expect(text).toMatch(new RegExp(`^\\| ${largest.name} \\| [+−]${Math.abs(largest.c).toFixed(2)} \\|`, 'm'));
    for (const { opinion } of residue.claims ?? []) if (opinion) expect(text).toContain(`| ${opinion.agree} of ${opinion.of} |`);
    expect(text).toContain(`\`\`\`sh\n${residue.provenance.command}\n\`\`\``);
    // Every row of a table has as many cells as its head.
    for (const table of text.split('\n\n').filter((part) => part.startsWith('| '))) {
      const widths = table.split('\n').map((line) => line.split(/(?<!\\)\|/).length);
      expect(new Set(widths).size, table).toBe(1);
    }
  });

  it('names the publications of what was measured and of nothing else', () => {
    const residue = generateResidue({});
    const keys = (one: Residue): string[] => [...formatMarkdown(one).matchAll(/^@\w+\{([\w]+),/gm)].map((match) => match[1]!);
    expect(keys(residue)).toContain('meng2022rome');
    const bare = residueFixture();
    for (const run of bare.runs) for (const part of ['lens', 'attention', 'commands'] as const) delete run[part];
    expect(keys(bare)).not.toContain('nostalgebraist2020logitlens');
    expect(keys(bare)).not.toContain('geva2023recall');
    expect(keys(bare).at(-1)).toBe('symbolicresidue');
    for (const { bibtex, key } of REFERENCES) {
      expect(bibtex.split('{').length, key).toBe(bibtex.split('}').length);
      expect(bibtex).toMatch(/^@(article|inproceedings|misc)\{\w+,\n {2}author = \{.+\},\n {2}title = \{.+\},\n {2}year = \{\d{4}\},\n/);
    }
    expect(new Set(REFERENCES.map(({ key }) => key)).size).toBe(REFERENCES.length);
  });
});
