import type { HeadMeasure, HeadVerdict } from '../../src/residue/types-heads.js';
import type { RunTrace } from '../../src/residue/types.js';
import { round } from './residue-parts.js';

type HeadSections = Pick<RunTrace, 'shape' | 'disruption' | 'headVerdicts' | 'nothing' | 'propagation'>;

/** The heads' sections of a generated run: what a reader would notice agrees with its attribution and attention. */
export function generateHeadSections(next: () => number, run: RunTrace, layers: number, heads: number): HeadSections {
  const grid = (f: () => number): number[][] => Array.from({ length: layers }, () => Array.from({ length: heads }, () => round(f())));
  const twin = run.label === 'probe';
  const measure = (scale = 1): HeadMeasure => ({
    value: grid(() => scale * next()),
    control: twin ? grid(() => scale * next()) : null,
    percentile: grid(next),
  });
  const fact = run.attention?.spans.fact;
  const section: HeadSections = {
    shape: { complexity: round(1 + 8 * next()), parts: layers * (heads + 1), logitNull: round(0.2 * next()) },
    disruption: {
      of: fact ? 'fact' : null,
      entropy: measure(),
      self: measure(),
      local: measure(),
      sink: measure(),
      span: fact ? { value: fact.attention, control: twin ? grid(next) : null, percentile: grid(next) } : null,
      distance: measure(run.tokens.length),
      trapped: twin && fact ? [[1, 0]] : null,
    },
  };
  if (!twin) return section;
  section.propagation = {
    epsilon: 0.01,
    seeds: 3,
    layers: Array.from({ length: Math.min(8, layers) }, (_, l) => l),
    noise: Array.from({ length: Math.min(8, layers) }, (_, l) => Array.from({ length: layers + 1 - l }, () => round(0.01 + 0.02 * next()))),
    spread: Array.from({ length: Math.min(8, layers) }, (_, l) => Array.from({ length: layers + 1 - l }, () => 0.001)),
    difference: Array.from({ length: Math.min(8, layers) }, (_, l) =>
      Array.from({ length: layers + 1 - l }, () => round(0.01 + 0.01 * next())),
    ),
  };
  if (fact) section.headVerdicts = { span: 'fact', scaleRatio: 1, heads: verdicts(run, layers, heads), touching: 3, conflict: null };
  return section;
}

function verdicts(run: RunTrace, layers: number, heads: number): HeadVerdict[] {
  const kinds = ['qk-collapse', 'ghost', 'none'] as const;
  return kinds.map((verdict, i) => {
    const layer = Math.min(layers - 1, i + 1);
    const head = i % heads;
    const attention = run.attention!.spans.fact!.attention[layer]![head]!;
    const write = run.attention!.spans.fact!.contribution[layer]![head]!;
    return {
      layer,
      head,
      verdict,
      attention: { probe: attention, control: 0.6, null95: 0.1 },
      write: { probe: write, control: 1.2, null95: 0.05 },
      perAttention: { probe: round(write / (attention || 1)), control: 2 },
      loss: round(1.2 - write),
      byAttention: round(1.2 - write),
      byWrite: 0,
      cancelledBy: [],
      test: i === 2 ? null : { what: "giving it the control's attention to the span", effect: 0.9, null95: null, confirmed: i === 0 },
      reason: `Head ${layer}.${head} looks at "fact".`,
      null: {
        of: '32 random spans of 2 tokens in the heads of its layer',
        n: 32 * heads,
        median: 0.01,
        p95: 0.2,
        sided: 'size',
        p: 0.01,
        q: [0.02, 0.2][i] ?? 1,
        over: 'all heads',
      },
      ...(i < 2
        ? {
            opinion: {
              agree: 2 - i,
              of: 2,
              by: [0, 1].map((k) => ({ name: `paraphrase ${k + 1}`, agrees: k >= i, says: k >= i ? verdict : 'none' })),
            },
          }
        : {}),
    };
  });
}
