import { nats, percent, printable, quote, share } from './report/text.js';
import { runLabel } from './report/verdict.js';
import type { Residue } from './types.js';

/** Text that Markdown and HTML leave as it is. */
function literal(text: string): string {
  return printable(text).replaceAll(/[\\`*_{}[\]<>()#+!|~&-]/g, (c) => `\\${c}`);
}

/** A code span that holds any text. */
function code(text: string): string {
  const shown = printable(text);
  const fence = '`'.repeat(Math.max(0, ...(shown.match(/`+/g) ?? []).map((run) => run.length)) + 1);
  const space = shown.startsWith('`') || shown.endsWith('`') ? ' ' : '';
  return `${fence}${space}${shown}${space}${fence}`;
}

function rows(cells: readonly (readonly string[])[]): string[] {
  return cells.map((row) => `| ${row.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`);
}

/** A short summary for a pull request or an issue: verdict, dose table, findings, expectations, how to get it again. */
export function formatMarkdown(residue: Residue): string {
  const { shell, provenance, verdict, density } = residue;
  const run = residue.runs[residue.primary];
  const lines = [`## ${literal(shell.id)}: ${literal(shell.title)}`, ''];
  lines.push(
    verdict ? `**${literal(verdict.sentence)}**` : `**Not finished: cancelled at ${literal(residue.cancelledAt ?? 'an unknown step')}.**`,
    '',
  );
  if (run?.collapse && run.collapse.kind !== 'none') {
    const where = run.collapse.layer === null ? '' : ` at layer ${run.collapse.layer} of ${provenance.model.layers}`;
    lines.push(`- Collapse (read off): ${run.collapse.kind}${where}`);
  }
  if (verdict)
    lines.push(
      verdict.confirmed.length ? `- Tested by intervention: ${verdict.confirmed.map(literal).join('; ')}` : '- Cause: not checked',
    );
  const diagnosis = verdict?.diagnosis;
  if (diagnosis && diagnosis.kind !== 'none') {
    const how = diagnosis.evidence === 'caused' ? ' (tested by intervention)' : '';
    lines.push(
      `- Diagnosis${how}: ${diagnosis.kind === 'unexplained' ? '' : `${literal(diagnosis.kind)}: `}${literal(diagnosis.sentence)}`,
    );
  }
  if (density) {
    const [low, high] = density.interval;
    lines.push(
      `- Fails in ${density.failing} of ${density.total} runs (${percent(density.share)}, 95 % interval ${percent(low)} to ${percent(high)})`,
    );
  }
  if (residue.runs.length > 1) {
    lines.push('', '| run | margin (nats) | p(answer) | says |', '|---|---|---|---|');
    lines.push(
      ...rows(
        residue.runs.map((r) => [
          literal(runLabel(r)),
          r.scores ? nats(r.scores.margin) : 'not measured',
          r.scores ? share(Math.exp(r.scores.answer.logprob)) : '',
          r.scores?.top[0] ? code(quote(r.scores.top[0].text)) : '',
        ]),
      ),
    );
  }
  const findings = (run?.commands ?? []).flatMap((c) =>
    c.findings.map((f) => `- ${literal(c.name)} (${c.evidence === 'caused' ? 'tested by intervention' : 'read off'}): ${literal(f)}`),
  );
  if (findings.length) lines.push('', ...findings);
  if (residue.expectations.length) lines.push('', ...residue.expectations.map((e) => `- ${e.passed ? '✓' : '✗'} ${literal(e.message)}`));
  lines.push('', `${literal(provenance.model.id)}, seed ${provenance.seed}: ${code(provenance.command)}`);
  return `${lines.join('\n')}\n`;
}
