import { programReference, referencesOf } from './references.js';
import { kindsOf } from './evidence.js';
import { collapseWords, diagnosisStanding, runLabel } from './report/verdict.js';
import { nats, percent, plain, printable, quote, share } from './report/text.js';
import { collapseDoubts, doubtOf, doubtsOf, isRefuted, nothingConfirmed, standing, standingOf, valuesStanding } from './standing.js';
import type { Residue, RunTrace } from './types.js';

/** Text that Markdown and HTML leave as it is. */
function literal(text: string): string {
  return printable(text).replaceAll(/[\\`*_[\]<>|~&$]/g, (c) => `\\${c}`);
}

/** A code span that holds any text. */
function code(text: string): string {
  const shown = printable(text);
  const fence = '`'.repeat(Math.max(0, ...(shown.match(/`+/g) ?? []).map((run) => run.length)) + 1);
  const space = shown.startsWith('`') || shown.endsWith('`') ? ' ' : '';
  return `${fence}${space}${shown}${space}${fence}`;
}

/** A code block that holds any text. */
function block(text: string, language = ''): string[] {
  const fence = '`'.repeat(Math.max(3, ...(text.match(/`+/g) ?? []).map((run) => run.length + 1)));
  return [`${fence}${language}`, ...text.split('\n'), fence];
}

/** A table; a column of numbers is set right. */
function table(columns: readonly (string | { right: string })[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]): string => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [
    line(columns.map((column) => (typeof column === 'string' ? column : column.right))),
    `|${columns.map((column) => (typeof column === 'string' ? ' --- ' : ' ---: ')).join('|')}|`,
    ...rows.map((row) => line(row)),
  ];
}

/** `literal` escapes a bar, and so does a table: once is enough. */
const cell = (text: string): string => literal(text).replaceAll('\\|', '|');

const section = (title: string, lines: readonly string[]): string[] => (lines.length === 0 ? [] : ['', `### ${title}`, '', ...lines]);

/**
 * A summary for a paper, a pull request or an issue: verdict, doses with their intervals, heads, what is claimed against its null,
 * provenance, the command that gives it again, and the publications behind what was measured as BibTeX. Texts of the model and of the
 * shell are escaped: they stand as text, never as markup.
 */
export function formatMarkdown(residue: Residue): string {
  const { shell } = residue;
  const run = residue.runs[residue.primary];
  const title = shell.title.toLowerCase() === shell.id.toLowerCase() || shell.title === '' ? '' : `: ${literal(shell.title)}`;
  const lines = [
    `## ${literal(shell.id)}${title}`,
    '',
    ...verdictLines(residue, run),
    ...section('Doses', doseTable(residue)),
    ...section('Heads', run ? headTable(residue, run) : []),
    ...section('What is claimed, against its null', claimTable(residue)),
    ...section('Commands', run ? findings(run) : []),
    ...section(
      'Expectations',
      residue.expectations.map((e) => `- ${e.passed ? '✓' : '✗'} ${literal(e.message)} (line ${e.line})`),
    ),
    ...section(
      'To know',
      [...(residue.verdict?.notChecked ?? []).map((one) => `Not checked: ${one}`), ...residue.notes].map((one) => `- ${literal(one)}`),
    ),
    ...section('Provenance', provenance(residue)),
    ...section('References', references(residue)),
  ];
  return `${lines.join('\n')}\n`;
}

function verdictLines(residue: Residue, run: RunTrace | undefined): string[] {
  const { verdict, density } = residue;
  if (!verdict) return [`**Not finished: cancelled at ${literal(residue.cancelledAt ?? 'an unknown step')}.**`];
  const lines = [`**${literal(verdict.sentence)}**`, ''];
  if (run && residue.runs.length > 1) lines.push(`- Told of: ${literal(runLabel(run))}`);
  if (run?.scores) {
    const { answer, rivals } = run.scores;
    const against = rivals.map(({ text }) => code(quote(text))).join(', ');
    lines.push(
      `- Answer ${code(quote(answer.text))}${against === '' ? '' : ` against ${against}`}: margin ${nats(run.scores.margin)} nats`,
    );
  }
  if (verdict.drop !== null) lines.push(`- Against the control: ${nats(-verdict.drop)} nats`);
  const collapse = run && collapseWords(residue, run);
  if (collapse) lines.push(`- ${literal(collapse)}`);
  const interval = run?.verification?.interval;
  if (interval)
    lines.push(
      `- Collapse interval (tested by intervention: activation patching): ${intervalWords(interval)}${behind(standingOf(interval))}`,
    );
  const claims = new Map(residue.claims?.map((one) => [one.sentence, one]));
  const standingBehind = (sentence: string): string => {
    const claim = claims.get(sentence);
    return behind(claim ? standing(claim) : '');
  };
  for (const sentence of verdict.confirmed) lines.push(`- Tested by intervention: ${literal(sentence)}${standingBehind(sentence)}`);
  for (const claim of (residue.claims ?? []).filter(isRefuted))
    lines.push(`- Not confirmed: ${literal(claim.sentence)}${behind(standing(claim))}`);
  const open = nothingConfirmed(residue, run);
  if (open) lines.push(`- ${open.charAt(0).toUpperCase()}${open.slice(1)}`);
  const { diagnosis } = verdict;
  if (diagnosis && diagnosis.kind !== 'none')
    lines.push(
      `- Diagnosis: ${diagnosis.kind === 'unexplained' ? '' : `${literal(diagnosis.kind)}: `}${literal(diagnosis.sentence)}${behind(diagnosisStanding(diagnosis))}`,
    );
  for (const { name, score } of verdict.patterns.filter(({ present }) => present))
    lines.push(`- Pattern ${literal(name)}: score ${score.toFixed(2)}${standingBehind(`${name} is present`)}`);
  if (density) {
    const [low, high] = density.interval;
    lines.push(
      `- Fails in ${density.failing} of ${density.total} runs (${percent(density.share)}, 95 % interval ${percent(low)} to ${percent(high)})`,
    );
  }
  return lines;
}

/** ` (p = 0.030; 6 of 8 agree, unstable)`; nothing where nothing stands behind it. */
const behind = (words: string): string => (words === '' ? '' : ` (${literal(words)})`);

function intervalWords({ from, to }: { from: number | null; to: number | null }): string {
  if (from === null && to === null) return 'neither end was found';
  return `from ${from === null ? 'a layer that was not found' : `layer ${from}`} to ${to === null ? 'a layer that was not found' : `layer ${to}`}`;
}

/** One row per combination of vary values; failing counts its paraphrases too. */
function doseTable(residue: Residue): string[] {
  const { runs, density } = residue;
  if (runs.length < 2) return [];
  const counts = new Map(density?.byRun.map((one) => [one.name, one]));
  return table(
    [
      'run',
      { right: 'tokens' },
      { right: 'margin (nats)' },
      { right: 'p(answer)' },
      'says',
      'collapse (read off)',
      { right: 'failing' },
      { right: 'Wilson 95 %' },
    ],
    runs.map((run) => {
      const count = counts.get(run.name);
      const collapse = run.collapse;
      return [
        cell(runLabel(run)),
        String(run.tokens.length),
        run.scores ? nats(run.scores.margin) : 'not measured',
        run.scores ? cell(share(Math.exp(run.scores.answer.logprob))) : '',
        run.scores?.top[0] ? code(quote(run.scores.top[0].text)) : '',
        !collapse || collapse.kind === 'none'
          ? ''
          : [`${collapse.kind}${collapse.layer === null ? '' : ` at layer ${collapse.layer}`}`, ...collapseDoubts(residue, run)].join(', '),
        count ? `${count.failing} of ${count.total}` : '',
        count ? `${percent(count.interval[0])} to ${percent(count.interval[1])}` : '',
      ];
    }),
  );
}

const HEADS = 8;

/** The heads with the largest contributions: what they do, and what became of them. */
function headTable(residue: Residue, { attribution, attention, headVerdicts, verification }: RunTrace): string[] {
  if (!attribution) return [];
  const span = headVerdicts?.span ?? Object.keys(attention?.spans ?? {})[0];
  const claims = new Map(residue.claims?.map((one) => [one.name, one]));
  const verdicts = new Map(headVerdicts?.heads.map((one) => [`${one.layer}.${one.head}`, one]));
  const effects = new Map(verification?.effects.filter(({ head }) => head !== null).map((one) => [`${one.layer}.${one.head}`, one]));
  const heads = attribution.head
    .flatMap((row, layer) => row.map((contribution, head) => ({ layer, head, contribution })))
    .sort((a, b) => Math.abs(b.contribution) - Math.abs(a.contribution) || a.layer - b.layer || a.head - b.head)
    .slice(0, HEADS);
  const rows = heads.map(({ layer, head, contribution }) => {
    const name = `${layer}.${head}`;
    const claim = claims.get(`head.${name}.contribution`);
    const verdict = verdicts.get(name);
    const effect = effects.get(name);
    return [
      name,
      nats(contribution),
      span === undefined ? '' : cell(share(attention?.spans[span]?.attention[layer]?.[head] ?? 0)),
      effect ? [nats(effect.zero), ...doubtsOf(effect)].join(', ') : '',
      !verdict || verdict.verdict === 'none'
        ? ''
        : [`${verdict.verdict}${verdict.test?.confirmed ? ' (tested)' : ' (read off)'}`, ...doubtsOf(verdict)].join(', '),
      claim ? cell(standing(claim)) : '',
    ];
  });
  const columns = [
    'head',
    { right: 'contribution (nats, read off)' },
    { right: span === undefined ? 'attention' : `attention to ${cell(span)}` },
    { right: 'ablated (nats, tested)' },
    'verdict',
    'null and second opinion',
  ];
  // A column that nothing was measured for is left out.
  const kept = columns.map((_, i) => i).filter((i) => rows.some((row) => row[i] !== ''));
  return table(
    kept.map((i) => columns[i]!),
    rows.map((row) => kept.map((i) => row[i]!)),
  );
}

function claimTable({ claims = [] }: Residue): string[] {
  if (claims.length === 0) return [];
  const short = (x: number): string => plain(Number(x.toPrecision(2)));
  return table(
    ['claim', 'evidence', { right: 'null: median, 95 %' }, { right: 'p or q' }, { right: 'agree' }, 'doubt'],
    claims.map((one) => [
      cell(one.sentence),
      one.evidence === 'caused' ? 'tested by intervention' : 'read off',
      one.null ? `${short(one.null.median)}, ${short(one.null.p95)}` : '',
      one.null ? (one.null.q === undefined ? `p = ${one.null.p.toFixed(3)}` : `q = ${one.null.q.toFixed(3)}`) : '',
      one.opinion ? `${one.opinion.agree} of ${one.opinion.of}` : '',
      doubtOf(one),
    ]),
  );
}

function findings(run: RunTrace): string[] {
  return (run.commands ?? []).flatMap((command) => {
    // A command with both kinds of evidence says of each finding which it is.
    const [only, ...more] = kindsOf(command);
    const how = more.length > 0 ? '' : only === 'caused' ? ' (tested by intervention)' : ' (read off)';
    return [
      ...command.findings.map((finding) => `- ${literal(command.name)}${how}: ${literal(finding)}`),
      ...valuesStanding(command).map(({ value, words }) => `- ${literal(command.name)}.${literal(value)}: ${literal(words)}`),
    ];
  });
}

const millions = (n: number): string => (n >= 1e9 ? `${(n / 1e9).toFixed(2)} G` : `${(n / 1e6).toFixed(1)} M`);

function provenance({ provenance, shell, created }: Residue): string[] {
  const { model, engine, versions, seed, command } = provenance;
  return [
    `- Model ${literal(model.id)}: ${literal(model.family)}, ${model.layers} layers of ${model.heads} heads, ${millions(model.parameters)} parameters, ${literal(model.dtype)}`,
    ...model.files.map((file) => `- ${literal(file.role)}: ${code(file.name)}, sha256 ${code(file.sha256)}`),
    `- Shell: ${shell.file === null ? 'in no file' : code(shell.file)}, sha256 ${code(shell.sha256)}`,
    `- Symbolic Residue ${literal(versions.symbolicResidue)}, onnxruntime ${literal(engine.onnxruntime)}, ${literal(engine.provider.used)}, seed ${seed}, ${created}`,
    '',
    ...block(command, 'sh'),
  ];
}

function references(residue: Residue): string[] {
  const used = referencesOf(residue);
  return block([...used.map(({ bibtex }) => bibtex), programReference(residue.provenance.versions.symbolicResidue)].join('\n\n'), 'bibtex');
}
