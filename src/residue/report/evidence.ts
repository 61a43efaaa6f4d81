import { evidenceOf, kindsOf, type Evidence } from '../evidence.js';
import { collapseDoubts, valuesStanding } from '../standing.js';
import type { Claim, CommandOutcome, Residue, RunTrace } from '../types.js';
import { curve, marginChart, sparkline } from './chart.js';
import { cut, nats, percent, plain, printable, quote, share, table, wrap, type Column, type Look, type Paint } from './text.js';
import { collapseWords, paraphrasesOf, runLabel } from './verdict.js';

const READ_OFF = 'read off';
const TESTED = 'tested by intervention';

/** Margin by layer for probe and control, with the collapse point. */
export function lostLines(residue: Residue, run: RunTrace, look: Look, paint: Paint): string[] {
  if (!run.lens || run.lens.margin.length === 0) return [];
  const control = residue.control?.lens?.margin.length === run.lens.margin.length ? residue.control.lens.margin : null;
  const legend = [`● ${printable(runLabel(run))}`, ...(control ? ['○ control', '◉ both'] : [])];
  if (run.collapse?.layer != null) legend.push(`◇ collapse (${['observed', ...collapseDoubts(residue, run)].join(', ')})`);
  const lines = marginChart({ probe: run.lens.margin, control, collapse: run.collapse?.layer ?? null }, look, paint);
  lines.push(`  ${paint.faint(cut(legend.join('   '), look.width - 2))}`);
  const words = collapseWords(residue, run);
  if (words) lines.push(...wrap(words, look.width - 2).map((l) => `  ${l}`));
  return lines;
}

/** Dose-response over `vary`. */
export function doseLines(residue: Residue, look: Look): string[] {
  if (residue.runs.length < 2) return [];
  const density = new Map(residue.density?.byRun.map((d) => [d.name, d]));
  const margins = residue.runs.map((r) => r.scores?.margin ?? null);
  const top = Math.max(...margins.map((m) => Math.abs(m ?? 0)), 1e-9);
  const barRoom = 8;
  const columns: Column[] = [
    {
      label:
        Object.keys(residue.runs[0]?.vary ?? {})
          .map(printable)
          .join(', ') || 'run',
    },
    { label: 'tokens', align: 'right' },
    { label: 'margin (nats)', align: 'right' },
    { label: '' },
    { label: 'p(answer)', align: 'right' },
    { label: 'says' },
    { label: 'collapse' },
    { label: 'failing (95 %)' },
  ];
  const rows = residue.runs.map((run) => {
    const d = density.get(run.name);
    const margin = run.scores?.margin;
    const bar = margin === undefined ? '' : (margin < 0 ? '░' : '█').repeat(Math.round((Math.abs(margin) / top) * barRoom));
    return [
      Object.values(run.vary).map(printable).join(', ') || run.name,
      String(run.tokens.length),
      margin === undefined ? 'not measured' : nats(margin),
      bar,
      run.scores ? share(Math.exp(run.scores.answer.logprob)) : '',
      run.scores?.top[0] ? quote(run.scores.top[0].text) : '',
      !run.collapse || run.collapse.kind === 'none'
        ? run.scores?.failed
          ? ''
          : 'did not fail'
        : `${run.collapse.kind}${run.collapse.layer === null ? '' : ` at ${run.collapse.layer}`}`,
      d ? `${d.failing}/${d.total}, ${percent(d.interval[0])} to ${percent(d.interval[1])}` : '',
    ];
  });
  return table(columns, rows, look);
}

/** Paraphrases at the headline's dose. */
export function paraphraseLines(residue: Residue, run: RunTrace, look: Look): string[] {
  const alike = paraphrasesOf(residue, run);
  if (alike.length === 0) return [];
  const rows = alike.map((p) => [
    /^\w+\.\d+/.exec(p.name)?.[0] ?? printable(p.name),
    p.scores?.failed ? 'fails' : 'holds',
    p.scores ? nats(p.scores.margin) : '',
    p.scores ? quote(p.scores.answer.text) : '',
    p.scores?.top[0] ? `${quote(p.scores.top[0].text)} ${share(p.scores.top[0].prob)}` : '',
  ]);
  return table(
    [{ label: 'paraphrase' }, { label: '' }, { label: 'margin (nats)', align: 'right' }, { label: 'answer' }, { label: 'says' }],
    rows,
    look,
  );
}

/** Heads by the size of their contribution to the margin, with their attention to the first span. */
export function headLines(residue: Residue, run: RunTrace, look: Look, paint: Paint): string[] {
  const { attribution, attention } = run;
  if (!attribution) return [];
  const span = Object.keys(attention?.spans ?? {})[0];
  const heads = attribution.head
    .flatMap((row, layer) => row.map((contribution, head) => ({ layer, head, contribution })))
    .sort((a, b) => Math.abs(b.contribution) - Math.abs(a.contribution) || a.layer - b.layer || a.head - b.head)
    .slice(0, 8);
  const columns: Column[] = [
    { label: 'head' },
    {
      label: 'contribution (nats)',
      align: 'right',
      paint: (cell, i) => ((heads[i]?.contribution ?? 0) < 0 ? paint.against(cell) : paint.toward(cell)),
    },
  ];
  if (span !== undefined) {
    columns.push(
      { label: `attention to ${printable(span)}`, align: 'right' },
      { label: `of it from ${printable(span)} (nats)`, align: 'right' },
    );
  }
  const claims = new Map(residue.claims?.map((one) => [one.name, one]));
  const stands = heads.map(({ layer, head }) => claims.get(`head.${layer}.${head}.contribution`));
  const told = stands.some((one) => one && (one.null || one.opinion));
  if (told) columns.push({ label: 'agree' }, { label: 'q in its layer' });
  const rows = heads.map(({ layer, head, contribution }, i) => [
    `${layer}.${head}`,
    nats(contribution),
    ...(span === undefined
      ? []
      : [share(attention?.spans[span]?.attention[layer]?.[head] ?? 0), nats(attention?.spans[span]?.contribution[layer]?.[head] ?? 0)]),
    ...(told ? standCells(stands[i]) : []),
  ]);
  const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
  const parts = [
    `embedding ${nats(attribution.embed + attribution.posEmbed)}`,
    `heads ${nats(sum(attribution.head.flat()))}`,
    `MLPs ${nats(sum(attribution.mlp))}`,
    `biases ${nats(sum(attribution.attnBias) + attribution.lnFinalBias + attribution.unembedBias)}`,
  ];
  const against = attribution.rival
    ? `${quote(run.scores?.answer.text ?? 'answer')} against ${quote(attribution.rival.text)}`
    : 'the answer alone';
  return [
    ...table(columns, rows, look),
    ...wrap(
      `Everything that makes the margin of ${against}: ${parts.join(', ')}; sum ${nats(attribution.total)} nats.`,
      look.width - 2,
      2,
    ).map((l) => `  ${paint.faint(l)}`),
  ];
}

/** A claim's second opinion, and its null, as cells. */
function standCells(claim: Claim | undefined): [string, string] {
  if (!claim) return ['', ''];
  const { opinion, null: band, holds, stable } = claim;
  return [
    opinion ? `${opinion.agree}/${opinion.of}${stable === false ? ', unstable' : ''}` : '',
    band ? (holds === null ? 'too few heads' : `${(band.q ?? band.p).toFixed(3)}${holds ? '' : ', within'}`) : '',
  ];
}

/** Three salience curves as one line each. */
export function salienceLines(run: RunTrace, look: Look, paint: Paint): string[] {
  const { salience } = run;
  if (!salience) return [];
  const room = Math.max(8, look.width - 62);
  const line = (label: string, values: readonly number[], format: (v: number) => string) => {
    const at = values.reduce((best, v, i) => (Math.abs(v) > Math.abs(values[best] ?? 0) ? i : best), 0);
    return [label, sparkline(values, room), values.length ? `${format(values[at] ?? 0)} at layer ${at}` : ''];
  };
  const number = (v: number) => `${nats(v)} nats`;
  const rows = [
    line(`direct, attention (${READ_OFF})`, salience.direct.attention, number),
    line(`direct, MLP (${READ_OFF})`, salience.direct.mlp, number),
    ...(salience.flow ? [line(`flow from ${printable(salience.flow.span)} (${READ_OFF})`, salience.flow.share, (v) => share(v))] : []),
    ...(salience.causal
      ? [
          line(`lost without attention (${TESTED})`, salience.causal.attention, number),
          line(`lost without MLP (${TESTED})`, salience.causal.mlp, number),
        ]
      : []),
  ];
  return table([{ label: '' }, { label: 'by layer', paint: (cell) => paint.strong(cell) }, { label: 'largest' }], rows, look);
}

/** Words that led at some layer and were lost. */
export function almostLines(run: RunTrace, look: Look): string[] {
  if (!run.almostSaid) return [];
  if (run.almostSaid.length === 0) return ['  No other word led in the later half of the layers and was lost.'];
  const rows = run.almostSaid.map((a) => [
    quote(a.text),
    String(a.layer),
    share(a.peakProb),
    share(a.finalProb),
    a.endedBy ? `${printable(a.endedBy.component)} (${nats(a.endedBy.contribution)} nats)` : '',
  ]);
  return table(
    [
      { label: 'word' },
      { label: 'led at layer', align: 'right' },
      { label: 'there', align: 'right' },
      { label: 'at the end', align: 'right' },
      { label: 'most against it' },
    ],
    rows,
    look,
  );
}

/** What it went on to say, and whether that loops. */
export function generationLines(run: RunTrace, look: Look, paint: Paint): string[] {
  const { generation, looping } = run;
  if (!generation) return [];
  const why = { 'end-of-text': 'it ended the text', length: 'the asked length', context: "the model's context was full" }[
    generation.stopped
  ];
  const lines = wrap(quote(generation.text), look.width - 2).map((l) => `  ${l}`);
  const facts = [
    `${generation.ids.length} tokens, ${generation.temperature === 0 ? 'greedy' : `temperature ${plain(generation.temperature)}`}; stopped: ${why}`,
    generation.answerAt === null ? 'the answer never comes' : `the answer comes at token ${generation.answerAt + 1}`,
  ];
  if (looping) {
    const carried = looping.carrier
      ? `, carried by head ${looping.carrier.layer}.${looping.carrier.head} (induction score ${share(looping.carrier.inductionScore)})`
      : '';
    facts.push(
      looping.loops
        ? `loops${looping.period === null ? '' : `: a period of ${looping.period} tokens, ${plain(looping.repeats)} times`}${carried}`
        : 'does not loop',
      `rep-4 ${share(looping.rep4)}`,
    );
  }
  return [...lines, ...wrap(facts.join('; '), look.width - 2, 2).map((l) => `  ${paint.faint(l)}`)];
}

const MAX_ROWS = 8;

function cellText(cell: string | number | boolean | null): string {
  if (cell === null) return '';
  return typeof cell === 'number' ? plain(cell) : printable(String(cell));
}

function paramsText(params: Record<string, unknown>): string {
  const text = JSON.stringify(params);
  return text === '{}' ? '' : ` ${printable(text)}`;
}

/** One command: its findings as sentences, then its tables and curves. */
export function commandLines(outcome: CommandOutcome, look: Look, paint: Paint): string[] {
  const kinds = kindsOf(outcome);
  const word = (kind: Evidence): string => (kind === 'caused' ? TESTED : READ_OFF);
  // A command with both kinds says of each figure which it is.
  const mark = (part: { evidence?: Evidence }): string => (kinds.length > 1 ? ` (${word(evidenceOf(part, outcome))})` : '');
  const label = kinds.length > 1 ? `${READ_OFF} and ${TESTED}` : word(kinds[0]!);
  const lines = [
    `${paint.strong(printable(outcome.name))}${cut(paramsText(outcome.params), look.width - 20 - label.length)} ${paint.faint(`(${label})`)}`,
  ];
  for (const finding of outcome.findings)
    lines.push(...wrap(printable(finding), look.width - 6, 0).map((l, i) => `  ${i === 0 ? '• ' : '  '}${l}`));
  for (const { value, words, doubtful } of valuesStanding(outcome))
    lines.push(...wrap(`${printable(value)}: ${words}`, look.width - 6, 2).map((l) => `    ${doubtful ? paint.faint(l) : l}`));
  for (const part of outcome.tables) {
    const { title, columns, rows } = part;
    if (rows.length === 0) continue;
    lines.push(`  ${paint.faint(cut(printable(title), look.width - 4 - mark(part).length) + mark(part))}`);
    const heads = columns.map((c, i): Column => ({
      label: printable(c.unit ? `${c.label} (${c.unit})` : c.label),
      align: rows.every((r) => typeof r[i] === 'number' || r[i] === null) ? 'right' : 'left',
    }));
    lines.push(
      ...table(
        heads,
        rows.slice(0, MAX_ROWS).map((r) => r.map(cellText)),
        look,
        4,
      ),
    );
    if (rows.length > MAX_ROWS) lines.push(`    ${paint.faint(`… ${rows.length - MAX_ROWS} rows more in the residue file`)}`);
  }
  for (const chart of outcome.curves) {
    const room = Math.max(8, Math.min(40, look.width - 56));
    const all = chart.series.flatMap((s) => s.y.filter((v) => v !== null));
    const range = [Math.min(...all), Math.max(...all)] as const;
    const rows = chart.series.map((s) => {
      const known = s.y.filter((v) => v !== null);
      const ends = known.length ? `${plain(known[0] ?? 0)} → ${plain(known.at(-1) ?? 0)}` : 'no value';
      return [printable(s.label), curve(s.y, room, range), ends];
    });
    const x = chart.x.length ? ` (${printable(chart.xLabel)} ${plain(chart.x[0] ?? 0)} to ${plain(chart.x.at(-1) ?? 0)})` : '';
    const unit = chart.unit === '' ? '' : `, ${printable(chart.unit)}`;
    lines.push(`  ${paint.faint(cut(`${printable(chart.title)}${x}${unit}`, look.width - 4 - mark(chart).length) + mark(chart))}`);
    lines.push(...table([{ label: '' }, { label: printable(chart.yLabel) }, { label: 'first → last' }], rows, look, 4));
  }
  return lines;
}
