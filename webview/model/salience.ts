import { METHODS } from '../../src/method-anchors.js';
import type { RunTrace } from '../../src/residue/types.js';
import type { Table } from './csv.js';
import { nats, number, share } from './format.js';

export interface Multiple {
  id: 'direct' | 'flow' | 'causal';
  title: string;
  unit: string;
  evidence: 'observed' | 'caused';
  method: string;
  series: { label: string; y: number[] }[];
  tips: string[][];
  aria: string;
}
export interface SalienceModel {
  blocks: number[];
  multiples: Multiple[];
  table: Table;
}

const strongest = (y: readonly number[]): number => y.reduce((best, v, i) => (Math.abs(v) > Math.abs(y[best]!) ? i : best), 0);

/** Layer salience as three small multiples over one axis of blocks. */
export function salienceModel(run: RunTrace): SalienceModel | null {
  const s = run.salience;
  if (!s) return null;
  const blocks = s.direct.attention.map((_, l) => l);
  const multiples: Multiple[] = [];
  const add = (m: Omit<Multiple, 'tips' | 'aria'>, format: (v: number | undefined) => string, formula: string): void => {
    const first = m.series[0]!;
    const at = strongest(first.y);
    multiples.push({
      ...m,
      tips: blocks.map((l) => [`blocks.${l}`, ...m.series.map((x) => `${x.label}: ${format(x.y[l])}`), formula]),
      aria: `${m.title} by block, in ${m.unit}; ${first.label} is largest at block ${at} (${format(first.y[at])}). ${
        m.evidence === 'caused' ? 'Tested by intervention.' : 'Read off.'
      }`,
    });
  };
  add(
    {
      id: 'direct',
      title: 'Direct',
      unit: 'nats',
      evidence: 'observed',
      method: METHODS.attribution,
      series: [
        { label: 'attention', y: s.direct.attention },
        { label: 'MLP', y: s.direct.mlp },
      ],
    },
    (v) => `${number(v)} nats`,
    'Σ|direct logit attribution| of the block’s heads, of its MLP',
  );
  if (s.flow)
    add(
      {
        id: 'flow',
        title: `Flow from ${s.flow.span}`,
        unit: 'share',
        evidence: 'observed',
        method: METHODS.attention,
        series: [{ label: `from ${s.flow.span}`, y: s.flow.share }],
      },
      share,
      'share of the attention output’s value-weighted norm that comes from the span',
    );
  if (s.causal)
    add(
      {
        id: 'causal',
        title: 'Causal',
        unit: 'nats',
        evidence: 'caused',
        method: METHODS.salience,
        series: [
          { label: 'attention', y: s.causal.attention },
          { label: 'MLP', y: s.causal.mlp },
        ],
      },
      nats,
      'margin lost when the block’s attention / MLP is mean-ablated',
    );
  return {
    blocks,
    multiples,
    table: {
      columns: ['block', 'direct attention (nats)', 'direct MLP (nats)', 'flow (share)', 'causal attention (nats)', 'causal MLP (nats)'],
      rows: blocks.map((l) => [
        l,
        s.direct.attention[l] ?? null,
        s.direct.mlp[l] ?? null,
        s.flow?.share[l] ?? null,
        s.causal?.attention[l] ?? null,
        s.causal?.mlp[l] ?? null,
      ]),
    },
  };
}
