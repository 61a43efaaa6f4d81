import { nats, percent, printable } from '../residue/report/text.js';
import { doubts, doubtsOf } from '../residue/standing.js';
import type { Residue } from '../residue/types.js';
import type { Manifest, Row } from './manifest.js';

/** What a residue comes to in the table of a sweep. */
export function rowOf(residue: Residue): Row {
  const run = residue.runs[residue.primary]!;
  const { density, verdict } = residue;
  return {
    failed: run.scores!.failed,
    margin: run.scores!.margin,
    drop: verdict?.drop ?? null,
    collapse: run.collapse?.kind ?? 'none',
    layer: run.collapse?.layer ?? null,
    layers: residue.provenance.model.layers,
    patterns: (verdict?.patterns ?? []).filter(({ present }) => present).map(({ name }) => name),
    doubts: doubtsIn(residue),
    failing: density?.failing ?? Number(run.scores!.failed),
    total: density?.total ?? 1,
    interval: density?.interval ?? [0, 1],
    expectations: [residue.expectations.filter(({ passed }) => passed).length, residue.expectations.length],
  };
}

/** The doubts of what a row tells, by name; what fails neither its null nor its second opinion is absent. */
function doubtsIn({ claims = [], verdict }: Residue): Record<string, string[]> {
  const collapse = claims.filter(({ name }) => name === 'collapse').map((one) => ['collapse', doubts(one)] as const);
  const patterns = (verdict?.patterns ?? []).filter(({ present }) => present).map((one) => [one.name, doubtsOf(one)] as const);
  return Object.fromEntries([...collapse, ...patterns].filter(([, why]) => why.length > 0));
}

const COLUMNS = [
  'shell',
  'model',
  'failed',
  'margin (nats)',
  'drop (nats)',
  'collapse',
  'collapse layer',
  'layers',
  'patterns',
  'doubts',
  'failing runs',
  'runs',
  'density',
  'density low',
  'density high',
  'expectations held',
  'expectations',
  'error',
];

/** One row per shell and model, RFC 4180. Texts that a spreadsheet would take for a formula get a leading apostrophe. */
export function sweepCsv({ plan, done }: Manifest): string {
  const cell = (value: string | number | boolean | null | undefined): string => {
    if (value === null || value === undefined) return '';
    if (typeof value !== 'string') return String(value);
    const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const rows = plan.map(({ unit, shell, model }) => {
    const entry = done.find((d) => d.unit === unit);
    const row = entry?.row;
    if (!row) return [shell, model, ...Array<null>(COLUMNS.length - 3).fill(null), entry?.error ?? 'not run'];
    const six = (value: number): number => Number(value.toPrecision(6));
    return [
      shell,
      model,
      row.failed,
      row.margin,
      row.drop,
      row.collapse,
      row.layer,
      row.layers,
      row.patterns.join(' '),
      Object.entries(row.doubts ?? {})
        .map(([name, why]) => `${name}: ${why.join(', ')}`)
        .join('; '),
      row.failing,
      row.total,
      six(row.failing / row.total),
      six(row.interval[0]),
      six(row.interval[1]),
      ...row.expectations,
      entry.error,
    ];
  });
  return [COLUMNS, ...rows].map((row) => row.map(cell).join(',')).join('\r\n') + '\r\n';
}

const escaped = (text: string): string => printable(text).replaceAll(/[\\`*_{}[\]<>#+!|~&]/g, (c) => `\\${c}`);

/** The generalization map: a line per shell, a column per model. */
export function sweepMarkdown({ plan, done }: Manifest): string {
  const models = [...new Set(plan.map(({ model }) => model))];
  const shells = [...new Set(plan.map(({ shell }) => shell))];
  const errors: string[] = [];
  const cell = (shell: string, model: string): string => {
    const unit = plan.find((p) => p.shell === shell && p.model === model)?.unit;
    const entry = done.find((d) => d.unit === unit);
    if (!entry?.row) {
      if (entry?.error) errors.push(`- ${escaped(shell)} on ${escaped(model)}: ${escaped(entry.error)}`);
      return entry?.error ? 'could not run' : 'not run';
    }
    const { row } = entry;
    const doubt = (name: string): string => {
      const why = row.doubts?.[name] ?? [];
      return why.length > 0 ? ` (${why.join(', ')})` : '';
    };
    const where = `${row.layer === null ? row.collapse : `${row.collapse} at ${row.layer}/${row.layers}`}${doubt('collapse')}`;
    const outcome = row.failed ? `fails ${nats(row.margin)}, ${where}` : `holds ${nats(row.margin)}`;
    const patterns = row.patterns.length > 0 ? `; ${row.patterns.map((name) => `${escaped(name)}${doubt(name)}`).join(', ')}` : '';
    return `${outcome}; ${row.failing} of ${row.total} fail (${row.interval.map(percent).join(' to ')})${patterns}`;
  };
  const lines = [
    `| shell | ${models.map(escaped).join(' | ')} |`,
    `|---|${models.map(() => '---').join('|')}|`,
    ...shells.map((shell) => `| ${escaped(shell)} | ${models.map((model) => cell(shell, model)).join(' | ')} |`),
  ];
  return `${[...lines, '', 'Margins in nats at the headline; collapse points are read off; shares with 95 % Wilson intervals over all values of vary and paraphrases. In brackets: what does not clear its null, or is not of one mind over the paraphrases (unstable).', ...(errors.length > 0 ? ['', ...errors] : [])].join('\n')}\n`;
}

/** The table in the form that a file's name asks for. */
export const sweepTable = (manifest: Manifest, file: string): string =>
  /\.md$/i.test(file) ? sweepMarkdown(manifest) : sweepCsv(manifest);
