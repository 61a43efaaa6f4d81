import type { IdentityCheck, Residue } from '../types.js';
import { printable, table, wrap, type Look, type Paint } from './text.js';

const CHECKS: Record<IdentityCheck['name'], string> = {
  'pattern-rows-sum-to-1': 'every attention row sums to 1',
  'no-attention-to-the-future': 'no attention to the future',
  'contributions-sum-to-margin': 'contributions sum to the margin',
  'lens-last-layer-equals-logits': 'the lens at the last layer is the output',
};

/** Each expectation with its message and line. */
export function expectationLines(residue: Residue, look: Look, paint: Paint): string[] {
  return residue.expectations.flatMap((e) => {
    const head = `${e.passed ? '✓' : '✗'} ${printable(e.message)} (line ${e.line})`;
    return wrap(head, look.width - 2, 2).map((line, i) => `  ${i === 0 ? (e.passed ? paint.passed : paint.failed)(line) : line}`);
  });
}

/** One line per kind of check: the worst of all runs against its tolerance. */
export function checkLines(residue: Residue, look: Look, paint: Paint): string[] {
  const names = [...new Set(residue.checks.map((c) => c.name))];
  const rows = names.map((name) => {
    const all = residue.checks.filter((c) => c.name === name);
    const worst = all.reduce((a, b) => (b.residual / (b.tolerance || 1) > a.residual / (a.tolerance || 1) ? b : a));
    const failing = all.filter((c) => !c.passed);
    const state = failing.length
      ? `✗ ${failing.length} of ${all.length} runs, first ${printable(failing[0]?.run ?? '')}`
      : `✓ ${all.length} of ${all.length} runs`;
    return [CHECKS[name], state, worst.residual.toExponential(1), worst.tolerance.toExponential(0)];
  });
  if (rows.length === 0) return [];
  const failed = names.map((name) => residue.checks.some((c) => c.name === name && !c.passed));
  return table(
    [
      { label: 'identity' },
      { label: '', paint: (cell, i) => (failed[i] ? paint.failed(cell) : cell) },
      { label: 'largest error', align: 'right' },
      { label: 'allowed', align: 'right' },
    ],
    rows,
    look,
  );
}

export function noteLines(notes: readonly string[], look: Look): string[] {
  return notes.flatMap((note) => wrap(printable(note), look.width - 4).map((line, i) => `  ${i === 0 ? '• ' : '  '}${line}`));
}

/** What is needed to get the same numbers again. */
export function provenanceLines(residue: Residue, look: Look): string[] {
  const { shell, provenance } = residue;
  const { model, tokenizer, engine, lens, versions } = provenance;
  const provider =
    engine.provider.used === engine.provider.asked ? engine.provider.used : `${engine.provider.used} (asked for ${engine.provider.asked})`;
  const facts: [string, string][] = [
    ['shell', `${shell.file ?? 'no file'}, sha256 ${shell.sha256}`],
    ...model.files.map((f): [string, string] => [f.role, `${f.name}, ${f.bytes.toLocaleString('en-US')} bytes, sha256 ${f.sha256}`]),
    // Its hash is that of one of the files above.
    ['tokens', `read as ${tokenizer.kind}, which ${tokenizer.addsBos ? 'adds' : 'does not add'} a BOS`],
    ['conventions', `lens: ${lens.convention}; attribution: ${lens.attribution}`],
    ['engine', `Symbolic Residue ${versions.symbolicResidue}, onnxruntime ${engine.onnxruntime}, ${provider}, ${engine.threads} threads`],
    ...(engine.provider.note ? [['provider', engine.provider.note] satisfies [string, string]] : []),
    ['reproduce', provenance.command],
  ];
  const label = Math.max(...facts.map(([name]) => name.length)) + 2;
  return facts.flatMap(([name, value]) =>
    wrap(printable(value), look.width - 2 - label).map((line, i) => `  ${(i === 0 ? printable(name) : '').padEnd(label)}${line}`),
  );
}
