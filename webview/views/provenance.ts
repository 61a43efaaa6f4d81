import { h, type Child } from '../dom.js';
import { bytes, number } from '../model/format.js';
import { tool } from '../ui.js';
import type { Context } from './context.js';

/** What made this residue, and how to make it again. */
export function provenanceView(context: Context): HTMLElement[] {
  const { residue } = context;
  const { model: m, tokenizer, engine, lens, settings, versions, seed, command } = residue.provenance;
  const hash = (sha: string): HTMLElement =>
    h('code', { class: 'hash', title: sha, attrs: { tabindex: sha ? 0 : null } }, sha ? `${sha.slice(0, 12)}…` : '–');
  const row = (name: string, ...value: Child[]): HTMLElement[] => [h('dt', null, name), h('dd', null, ...value)];
  const provider = engine.provider;
  const rows = [
    ...row(
      'model',
      h('bdi', null, m.id),
      `, ${m.family}, ${number(m.parameters / 1e6)} M parameters, ${m.layers} layers, ${m.heads} heads, d_model ${m.dModel}, ${m.dtype}`,
    ),
    ...m.files.flatMap((f) => row(f.role, h('bdi', null, f.name), ` ${bytes(f.bytes)} `, hash(f.sha256))),
    ...row('tokenizer', `${tokenizer.kind}, ${tokenizer.addsBos ? 'adds BOS' : 'no BOS added'} `, hash(tokenizer.sha256)),
    ...row('shell', h('bdi', null, residue.shell.file ?? residue.shell.id), ' ', hash(residue.shell.sha256)),
    ...row('lens', `${lens.convention}; attribution ${lens.attribution}`),
    ...row(
      'engine',
      `onnxruntime ${engine.onnxruntime}, ${provider.used}${provider.asked === provider.used ? '' : ` (asked: ${provider.asked})`}${provider.note ? `, ${provider.note}` : ''}, ${engine.threads} threads`,
    ),
    ...row('seed', String(seed)),
    ...Object.entries(settings).flatMap(([k, v]) => row(k, h('bdi', null, String(v)))),
    ...row('made', `${residue.created} by Symbolic Residue ${versions.symbolicResidue}`),
  ];
  return [
    checksElement(context),
    expectationsElement(context),
    residue.notes.length ? h('ul', { class: 'notes' }, ...residue.notes.map((n) => h('li', null, h('bdi', null, n)))) : null,
    h('dl', { class: 'values provenance' }, ...rows),
    h(
      'div',
      { class: 'command-line' },
      h('code', { class: 'line', attrs: { tabindex: 0 } }, command),
      tool('Copy command to reproduce', () => context.send({ type: 'copy', text: command }), {
        title: 'Copies the command that makes this residue again',
        key: 'copy-command',
      }),
      tool(
        'Save residue as JSON',
        () =>
          context.send({
            type: 'save',
            name: `${residue.shell.id.replace(/[^\w.-]+/g, '-')}.residue.json`,
            mime: 'application/json',
            data: JSON.stringify(residue, null, 2) + '\n',
          }),
        { title: 'Saves the whole residue', key: 'save-json' },
      ),
      tool('Compare with…', () => context.send({ type: 'compare', with: 'choose' }), {
        title: 'Compares this residue with another, or with its own control',
        key: 'compare',
      }),
    ),
  ].filter((e): e is HTMLElement => e !== null);
}

const CHECK_NAMES: Record<string, string> = {
  'pattern-rows-sum-to-1': 'attention rows sum to 1',
  'no-attention-to-the-future': 'no attention to the future',
  'contributions-sum-to-margin': 'contributions sum to the margin',
  'lens-last-layer-equals-logits': 'lens at the last layer equals the logits',
};

/** The identity checks, the worst run of each. */
function checksElement(context: Context): HTMLElement | null {
  const worst = new Map<string, (typeof context.residue.checks)[number]>();
  for (const c of context.residue.checks) {
    const before = worst.get(c.name);
    if (!before || c.residual / c.tolerance > before.residual / before.tolerance) worst.set(c.name, c);
  }
  if (worst.size === 0) return null;
  return h(
    'ul',
    { class: 'checks', attrs: { 'aria-label': 'Identity checks' } },
    ...[...worst.values()].map((c) =>
      h(
        'li',
        { class: c.passed ? '' : 'bad', title: `largest residual over all runs, in ${c.run}` },
        `${c.passed ? '✓' : '✗'} ${CHECK_NAMES[c.name] ?? c.name}: ${number(c.residual, 2)} (allowed ${number(c.tolerance, 2)})`,
      ),
    ),
  );
}

function expectationsElement(context: Context): HTMLElement | null {
  const list = context.residue.expectations;
  if (!list.length) return null;
  return h(
    'ul',
    { class: 'checks', attrs: { 'aria-label': 'Expectations' } },
    ...list.map((e) =>
      h(
        'li',
        { class: e.passed ? '' : 'bad' },
        `${e.passed ? '✓' : '✗'} `,
        h(
          'button',
          {
            class: 'link',
            title: `Line ${e.line} of the shell`,
            attrs: { type: 'button' },
            on: { click: () => context.send({ type: 'reveal', line: e.line, column: 1 }) },
          },
          h('bdi', null, e.path),
        ),
        h('bdi', null, ` ${e.message}`),
      ),
    ),
  );
}
