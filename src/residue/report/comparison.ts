import { LEVEL, round } from '../../compare/findings.js';
import { clears } from '../standing.js';
import type { NullBand } from '../types-claims.js';
import type { ClaimStanding, ComparedHead, Comparison, Difference, DifferenceTest } from '../types-comparison.js';
import { curve, marginChart } from './chart.js';
import { nats, paintOf, percent, plain, printable, share, table, wrap, type Look } from './text.js';
import { MAX_WIDTH, MIN_WIDTH } from '../report.js';

/** A comparison as text for a terminal: what it comes to, the two margins over relative depth, every difference with its null. Pure. */
export function formatComparison(comparison: Comparison, options: Partial<Look> = {}): string {
  const look: Look = { width: Math.max(MIN_WIDTH, Math.min(MAX_WIDTH, options.width ?? 100)), color: options.color ?? false };
  const paint = paintOf(look);
  const { a, b } = comparison;
  const blocks: string[][] = [
    [paint.title(printable(`${a.label} → ${b.label}`)), ...sides(comparison, look)],
    comparison.findings.flatMap((finding, i) => wrap(finding, look.width).map((line) => (i === 0 ? paint.strong(line) : line))),
  ];
  const section = (title: string, evidence: string, lines: string[]): void => {
    if (lines.length > 0) {
      const fits = title.length + 1 + evidence.length <= look.width;
      const hint = fits ? [] : wrap(evidence, look.width - 2).map((line) => `  ${paint.faint(line)}`);
      blocks.push([paint.title(title) + (evidence && fits ? ` ${paint.faint(evidence)}` : ''), ...hint, ...lines]);
    }
  };
  section('Margin over relative depth', '(read off: logit lens)', marginLines(comparison, look));
  section(
    'Differences',
    'B − A; q: permutation test, adjusted over all tests; null: p of A and of B in its own run, ° no more than its null',
    differenceLines(comparison, look),
  );
  section('Dose and response', '', doseLines(comparison, look));
  section('Heads', headTitle(comparison), headLines(comparison, look));
  section(
    'Tokens',
    `${comparison.tokens.pairs.length} aligned, ${comparison.tokens.onlyA} only in A, ${comparison.tokens.onlyB} only in B`,
    tokenLines(comparison, look),
  );
  section('Patterns', '', patternLines(comparison, look));
  section(
    'What is claimed',
    'of each headline: value, p or q of its own null, agreement; ° within its null, ~ unstable',
    claimLines(comparison, look),
  );
  section(
    'Notes',
    '',
    comparison.notes.flatMap((note) => wrap(printable(note), look.width - 2, 2).map((line) => `  ${line}`)),
  );
  return `${blocks.map((lines) => lines.join('\n')).join('\n\n')}\n`;
}

const right = 'right' as const;

function sides({ a, b }: Comparison, look: Look): string[] {
  const rows = [a, b].map((side, i) => [
    'AB'[i]!,
    printable(side.label),
    printable(side.shell.id),
    printable(side.model.id),
    String(side.model.layers),
    printable(side.run),
    side.density ? `${side.density.failing} of ${side.density.total} (${side.density.interval.map(percent).join(' to ')})` : '',
  ]);
  const columns = ['', 'called', 'shell', 'model', 'layers', 'run', 'fails, 95 % interval'].map((label) => ({ label }));
  return table(columns, rows, look);
}

function marginLines({ curves, a, b }: Comparison, look: Look): string[] {
  const margin = curves.find(({ name }) => name === 'margin');
  if (!margin) return [];
  const paint = paintOf(look);
  // Models of one depth share their rows, and are drawn row by row.
  if (margin.a.x.length === margin.b.x.length) {
    const chart = marginChart({ probe: margin.a.y, control: margin.b.y, collapse: a.collapse.layer }, look, paint);
    return [
      ...chart,
      `        ● ${printable(a.label)}   ○ ${printable(b.label)}${a.collapse.layer === null ? '' : `   ◇ collapse of ${printable(a.label)}`}`,
    ];
  }
  const range: [number, number] = [Math.min(...margin.a.y, ...margin.b.y), Math.max(...margin.a.y, ...margin.b.y)];
  const width = Math.min(60, look.width - 40);
  const line = (values: readonly number[], last: string): string => {
    // One character per step of depth, so that the two lie under each other.
    const stretched = Array.from({ length: width }, (_, i) => values[Math.round((i / (width - 1)) * (values.length - 1))]!);
    return `${curve(stretched, width, range)} ${last}`;
  };
  return [
    `  A ${line(margin.a.y, `${nats(a.margin)} nats after ${a.model.layers} layers`)}`,
    `  B ${line(margin.b.y, `${nats(b.margin)} nats after ${b.model.layers} layers`)}`,
    `    ${paint.faint(`0${'depth'.padStart(Math.floor(width / 2)).padEnd(width - 2)}1   from ${nats(range[0])} to ${nats(range[1])} nats`)}`,
  ];
}

function value(v: number | null, unit: string): string {
  if (v === null) return '–';
  if (unit === 'nats') return nats(v);
  return unit === 'share' && v >= 0 ? share(v) : plain(Number(v.toPrecision(3)));
}

/** `0.004`, with `*` where it clears the level; why there is none otherwise. */
function q(test: DifferenceTest | null): string {
  return test === null ? '' : `${round(test.q)}${test.q <= LEVEL ? ' *' : ''}`;
}

function differenceLines({ differences }: Comparison, look: Look): string[] {
  const rows = differences.map((d: Difference) => [
    printable(d.label),
    d.evidence === 'caused' ? 'tested' : 'read off',
    value(d.a, d.unit),
    value(d.b, d.unit),
    d.difference === null ? '–' : value(d.difference, d.unit === 'share' ? '' : d.unit),
    d.test ? String(d.test.n[0]) : '',
    d.test ? round(d.test.p) : '',
    q(d.test),
    d.nulls ? `${beside(d.nulls.a)}, ${beside(d.nulls.b)}` : '',
    d.wording ? `±${plain(Number(d.wording.p95.toPrecision(3)))}${d.wording.beyond ? ' beyond' : ''}` : '',
  ]);
  const columns = [
    { label: 'what' },
    { label: 'evidence' },
    { label: 'A', align: right },
    { label: 'B', align: right },
    { label: 'B − A', align: right },
    { label: 'n', align: right },
    { label: 'p', align: right },
    { label: 'q', align: right },
    { label: 'null' },
    { label: 'wording 95 %' },
  ];
  const lines = table(columns, rows, look);
  const why = [...new Set(differences.flatMap(({ untested }) => untested ?? []))];
  return why.length === 0 ? lines : [...lines, ...wrap(`Not tested: ${why.join('; ')}.`, look.width - 2, 2).map((line) => `  ${line}`)];
}

/** A side's own null: `0.030`, `0.12°` where the number is no more than it. */
const beside = (band: NullBand | null): string => (band ? `${round(band.q ?? band.p)}${clears(band) === false ? '°' : ''}` : '–');

function claimLines({ claims = [] }: Comparison, look: Look): string[] {
  const cell = (claim: ClaimStanding | null): string => {
    if (!claim) return '–';
    const { unit, value: v, null: band, agreement, stable } = claim;
    return [
      value(v, unit),
      ...(band ? [`${band.q === undefined ? 'p' : 'q'} ${beside(band)}`] : []),
      ...(agreement ? [`${agreement.agree}/${agreement.of}${stable === false ? '~' : ''}`] : []),
    ].join(', ');
  };
  const evidence = (claim: ClaimStanding): string => (claim.evidence === 'caused' ? 'tested' : 'read off');
  return claims.length === 0
    ? []
    : table(
        [{ label: 'claim' }, { label: 'A' }, { label: '' }, { label: 'B' }, { label: '' }],
        claims.map(({ name, a, b }) => [printable(name), cell(a), a ? evidence(a) : '', cell(b), b ? evidence(b) : '']),
        look,
      );
}

function doseLines({ doses }: Comparison, look: Look): string[] {
  const rows = doses.map((dose) => [
    Object.entries(dose.vary)
      .map(([name, v]) => printable(`${name} = ${v}`))
      .join(', '),
    `${nats(dose.a.margin)}${dose.a.failed ? ' fails' : ''}`,
    `${nats(dose.b.margin)}${dose.b.failed ? ' fails' : ''}`,
    nats(dose.difference),
    q(dose.test),
  ]);
  if (rows.length === 0) return [];
  return table(
    [{ label: 'vary' }, { label: 'margin A' }, { label: 'margin B' }, { label: 'B − A', align: right }, { label: 'q', align: right }],
    rows,
    look,
  );
}

function headTitle({ heads }: Comparison): string {
  if (!heads) return '';
  return heads.by === 'index'
    ? 'of the same weights, by index (read off)'
    : 'matched by role: attention to the span, contribution, depth (read off)';
}

function headLines({ heads }: Comparison, look: Look): string[] {
  if (!heads) return [];
  const name = ({ layer, head }: ComparedHead): string => `${layer}.${head}`;
  const both = (p: ComparedHead, r: ComparedHead, of: (h: ComparedHead) => string): string => `${of(p)} → ${of(r)}`;
  const rows = heads.pairs.map(({ a, b, chance, test }) => [
    both(a, b, name),
    both(a, b, ({ attention }) => (attention === null ? '–' : share(attention))),
    both(a, b, ({ contribution }) => nats(contribution)),
    chance === null ? '' : share(chance),
    q(test),
  ]);
  const alone = (side: string, list: ComparedHead[]): string[] =>
    list.length ? [`  No counterpart in ${side}: ${list.map(name).join(', ')}`] : [];
  return [
    ...table(
      [
        { label: 'head A → B' },
        { label: 'attention to the span' },
        { label: 'contribution (nats)' },
        { label: heads.by === 'role' ? 'as alike by chance' : '' },
        { label: 'q', align: right },
      ],
      rows,
      look,
    ),
    ...alone('B', heads.unmatched.a),
    ...alone('A', heads.unmatched.b),
  ];
}

function tokenLines({ tokens }: Comparison, look: Look): string[] {
  const rows = tokens.rows
    .slice(0, 6)
    .map(({ text, contribution, attention }) => [
      JSON.stringify(printable(text)),
      contribution.map((v) => nats(v)).join(' → '),
      attention.map(share).join(' → '),
    ]);
  return rows.length === 0
    ? []
    : table([{ label: 'token' }, { label: 'contribution A → B (nats)' }, { label: 'attention A → B' }], rows, look);
}

function patternLines({ patterns }: Comparison, look: Look): string[] {
  const cell = (score: Comparison['patterns'][number]['a']): string =>
    score === null ? 'not looked for' : `${score.present ? 'present' : 'absent'} (${score.score.toFixed(2)})`;
  return patterns.length === 0
    ? []
    : table(
        [{ label: 'pattern' }, { label: 'A' }, { label: 'B' }],
        patterns.map(({ name, a, b }) => [printable(name), cell(a), cell(b)]),
        look,
      );
}
